"""The shared DVC cache lies on a network file system whose server is gone; the remote has everything, and some files need neither."""

import os
import signal
import threading
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory

pytestmark = pytest.mark.fuse


def test_a_cache_that_hangs(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    mounts.allow("")
    settings = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("transfer:\n  deadline: 4\n")
    share = HandmadeRepository(handmade.sandbox, handmade.root.parent / "share")
    share.commit(plain={"cache/README": b"x"}, tag="v1")
    hung = mounts(share.root, "v1")
    files = {f"{n}": b"%d" % n for n in range(60)}
    handmade.commit(plain={"plain.txt": b"of Git", "plain2.txt": b"of Git too"}, directories={"d": files}, tag="v1")
    mount = mounts(handmade.root, "v1")  # looks at no cache before bytes are wanted
    (handmade.root / ".dvc").mkdir(exist_ok=True)
    (handmade.root / ".dvc" / "config.local").write_text(f"[cache]\ndir = {hung.path}/cache\n")
    os.listdir(mount.path / "d")
    assert (mount.path / "plain.txt").read_bytes() == b"of Git"
    daemon = hung.daemon()
    daemon.send_signal(signal.SIGSTOP)
    results: dict[str, object] = {}

    def read(name: str) -> None:
        try:
            results[name] = (mount.path / name).read_bytes()
        except OSError as error:
            results[name] = error

    try:
        threads = [threading.Thread(target=read, args=(f"d/{n}",), daemon=True) for n in range(40)]
        for thread in threads:
            thread.start()
        threads[0].join(15)
        ended = dict(results)
        other = threading.Thread(target=read, args=("plain2.txt",), daemon=True)
        other.start()
        other.join(15)
        plain = results.get("plain2.txt")
    finally:
        daemon.send_signal(signal.SIGCONT)
        for thread in threads:
            thread.join(30)
    assert plain == b"of Git too", f"a file of Git: {plain!r}; {len(ended)} of 40 reads had ended after 15 s (deadline 4 s)"
    assert len(ended) == 40
