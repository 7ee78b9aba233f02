"""The DVC cache lies on a network file system whose server is gone; the remote has everything, and some files need neither."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory

pytestmark = pytest.mark.fuse

FILES = {f"{n}": b"%d" % n for n in range(60)}
IN_TIME = 15.0
"""Seconds; the deadline of a read is 4."""


@pytest.fixture
def server(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    """A mount that another one's cache lies on."""
    share = HandmadeRepository(handmade.sandbox, handmade.root.parent / "share")
    share.commit(plain={"cache/README": b"x"}, tag="v1")
    return mounts(share.root, "v1")


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory, server: Mount) -> Mount:
    mounts.allow("does not answer", "no local file answers", "no answer in")
    settings = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("transfer:\n  deadline: 4\n")
    handmade.commit(plain={"a.txt": b"a", "b.txt": b"b"}, directories={"d": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")  # looks at no cache before bytes are wanted
    (handmade.root / ".dvc").mkdir(exist_ok=True)
    config = handmade.root / ".dvc" / "config.local"
    config.write_text(f"[cache]\ndir = {server.path}/cache\n")
    os.listdir(mount.path / "d")
    assert (mount.path / "a.txt").read_bytes() == b"a"
    return mount


@pytest.fixture
def pool(mount: Mount, server: Mount) -> Iterator[ThreadPoolExecutor]:
    """Threads that read while the server is stopped."""
    with ThreadPoolExecutor(48) as pool:
        server.daemon().send_signal(signal.SIGSTOP)
        try:
            yield pool
        finally:
            server.daemon().send_signal(signal.SIGCONT)


def test_a_cache_that_hangs(mount: Mount, pool: ThreadPoolExecutor) -> None:
    read = [pool.submit((mount.path / "d" / str(n)).read_bytes) for n in range(40)]
    assert pool.submit((mount.path / "b.txt").read_bytes).result(IN_TIME) == b"b"
    assert [each.result(IN_TIME) for each in read] == [FILES[str(n)] for n in range(40)]
    for n in range(40, 60):  # it is known to hang
        assert pool.submit((mount.path / "d" / str(n)).read_bytes).result(IN_TIME) == FILES[str(n)]
    assert mount.cli("cat", mount.path / "d" / "1").stdout == b"1"
