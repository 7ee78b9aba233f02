"""kill -9 of the daemon under load: the next mount serves the same bytes, from what the cache kept."""

import hashlib
import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.processes import wait_ended

pytestmark = [pytest.mark.fuse, pytest.mark.slow]

KILLS = 50
SWITCHES = 25 if os.environ.get("VFS_TEST_SOAK") else 3
CHOOSER = random.Random(5)
SMALL = {f"class-{n % 9}/{n:04d}.bin": CHOOSER.randbytes(200 + 37 * n) for n in range(250)}
LARGE = {f"large/{n}.bin": CHOOSER.randbytes((6 << 20) * n + n) for n in range(1, 4)}
"""Over 4 MiB: fetched, handed out and cached in parts."""
FILES = {**SMALL, **LARGE}
DIGESTS = {name: hashlib.sha256(data).digest() for name, data in FILES.items()}


class Load:
    """Threads that read random files, large ones in part, until the mount dies under them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.read = 0
        self.wrong: list[str] = []
        self._root = root
        self._threads = [
            threading.Thread(target=self._work, args=(seed * 10 + n,)) for n in range(3)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, seed: int) -> None:
        chooser = random.Random(seed)
        names = list(SMALL) + 40 * list(LARGE)
        while True:
            name = chooser.choice(names)
            size = len(FILES[name])
            start = chooser.randrange(size) if name in LARGE else 0
            stop = min(size, start + (1 << 20))
            try:
                with (self._root / "data" / name).open("rb", buffering=0) as file:
                    data = os.pread(file.fileno(), stop - start, start)
            except OSError:
                return  # the daemon is dead: ENOTCONN or ECONNABORTED
            self.read += 1
            if data != FILES[name][start : start + len(data)]:
                self.wrong.append(f"{name} from {start}")
            if len(data) < stop - start:
                return  # killed half-way: the kernel hands out what had come by then

    def reached(self, count: int) -> Callable[[], bool]:
        """A condition: at least `count` files were read."""
        return lambda: self.read >= count

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a reader hangs after its daemon was killed"


def whole(mount: Mount) -> None:
    for name, digest in DIGESTS.items():
        data = (mount.path / "data" / name).read_bytes()
        assert hashlib.sha256(data).digest() == digest, name


def kill_again_and_again(mount: Mount, seeds: range) -> None:
    chooser = random.Random(2_024 + seeds.start)
    for seed in seeds:
        mount.start("v1")
        load = Load(mount.path, seed)
        wait_until(load.reached(chooser.randrange(150)), "the readers to read", timeout=60)
        process = mount.daemon()
        process.kill()
        assert not wait_ended([process], 30)
        load.join()
        assert load.wrong == []


def test_killed_under_load(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """Two mounts that share one cache: a daemon dies while the other reads and writes it."""
    handmade.commit(directories={"data": FILES}, tag="v1")
    both = [mounts.prepare(handmade.root, name=name) for name in ("m0", "m1")]
    half = KILLS // len(both)
    with ThreadPoolExecutor(len(both)) as pool:
        for killing in [
            pool.submit(kill_again_and_again, mount, range(half * number, half * (number + 1)))
            for number, mount in enumerate(both)
        ]:
            killing.result()
    mount = both[0]
    mount.start("v1")
    whole(mount)
    mount.umount()
    handmade.lose_remote()
    mount.start("v1")  # everything was read: the cache alone must do, and must be right
    whole(mount)


def test_killed_while_it_switches(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    """After a kill at any moment of a switch the mount can be made anew, of either version."""
    for tag in ("v1", "v2"):
        same = {f"same/{n}": b"same" for n in range(300)}
        names = {f"{n}": f"{tag} {n}".encode() for n in range(300)}
        handmade.commit(directories={"data": {**same, **names}}, tag=tag)
    mount = mounts.prepare(handmade.root)
    chooser = random.Random(77)
    for number in range(SWITCHES):
        tag, other = ("v1", "v2") if number % 2 else ("v2", "v1")
        mount.start(tag)
        os.listdir(mount.path / "data")
        switching = threading.Thread(target=mount.switch, args=(other,), kwargs={"check": False})
        switching.start()
        process = mount.daemon()
        switching.join(chooser.random() * 0.5)
        process.kill()
        assert not wait_ended([process], 30)
        switching.join(60)
        for rev in (tag, other):
            mount.start(rev) if rev == tag else mount.switch(rev)
            assert (mount.path / "data" / "17").read_bytes() == f"{rev} 17".encode()
        mount.umount()
