"""Ours has a sound remote; strangers with the same contents lie, evict, clear and die beside it. Ours reads its own bytes, always."""

import os
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.mounts import MountFactory

pytestmark = pytest.mark.fuse
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
FILES = {f"f{n}.bin": random.Random(n).randbytes((20 << 20) + n * 777_777) for n in range(5)}


def test_chaos(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    mounts.allow("")
    seed = int(os.environ.get("CHAOS_SEED", "1"))
    chooser = random.Random(seed)
    config = Path(handmade.sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("cache:\n  min_free: 0\n  limit: 64MiB\n")
    handmade.commit(files=FILES, tag="v1")
    liar = HandmadeRepository(handmade.sandbox, handmade.root.parent / "liar")
    liar.commit(files=FILES, tag="v1")
    half = HandmadeRepository(handmade.sandbox, handmade.root.parent / "half")
    half.commit(files=FILES, tag="v1")
    for name, data in FILES.items():
        object_path(liar.remote, md5(data)).write_bytes(b"x" * len(data))
        lies = bytearray(data)
        lies[3 << 20] ^= 1
        object_path(half.remote, md5(data)).write_bytes(lies)
    ours = [mounts(handmade.root, "v1"), mounts(handmade.root, "v1")]
    others = [mounts(liar.root, "v1"), mounts(half.root, "v1"), mounts(half.root, "v1")]
    until, checks, errors = time.monotonic() + SECONDS, 0, []
    while time.monotonic() < until:
        mount = chooser.choice(ours + others)
        name = chooser.choice(list(FILES))
        data, path = FILES[name], mount.path / name
        kind = chooser.random()
        if kind < 0.02:
            mount.daemon().kill()
            mount.start("v1")
        elif kind < 0.04:
            mount.cli("cache", "clear", check=False)
        elif kind < 0.10:
            with suppress(OSError), path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        else:
            start = chooser.randrange(len(data))
            size = chooser.choice((10, 1 << 20, len(data)))
            try:
                with path.open("rb", buffering=0) as file:
                    if chooser.random() < 0.5:
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                    got = b""
                    if size == len(data):
                        start = 0
                    while len(got) < min(size, len(data) - start):
                        more = os.pread(file.fileno(), min(size - len(got), 1 << 20), start + len(got))
                        assert more
                        got += more
            except OSError as error:
                if mount in ours:
                    errors.append(error)
                continue
            if mount in ours:
                checks += 1
                assert got == data[start:][:size], f"{seed=} {name} {start=} {size=}"
    print(f"{checks=}, {len(errors)} errors of ours: {set(map(str, errors))}")
    assert not errors
