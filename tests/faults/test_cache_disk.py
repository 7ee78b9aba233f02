"""The disk of the cache is small, full, read-only or full of wrong bytes: reading goes on."""

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

CHOOSER = random.Random(3)
FILES = {f"{n:03d}.bin": CHOOSER.randbytes(700_000 + n) for n in range(60)}  # 42 MB


@pytest.fixture
def small_cache(sandbox: Sandbox) -> Iterator[Path]:
    """A cache directory on a file system of 32 MiB."""
    cache = Path(sandbox.environ["XDG_CACHE_HOME"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", cache], check=True)
    yield cache
    subprocess.run(["umount", "-l", cache], check=True)


def read_all(mount: Mount) -> None:
    for name, data in FILES.items():
        assert (mount.path / "data" / name).read_bytes() == data, name


def drop_kernel_caches(mount: Mount) -> None:
    """Make the kernel ask again for what it has cached of the mount."""
    for name in FILES:
        descriptor = os.open(mount.path / "data" / name, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def fill(path: Path) -> None:
    """Write until the file system has no room for another byte."""
    for piece in (1 << 20, 4096, 1):
        with path.open("ab", buffering=0) as file:
            while room(file.fileno(), bytes(piece)):
                pass


def room(descriptor: int, data: bytes) -> bool:
    """Write the data; False when the disk is full."""
    try:
        return os.write(descriptor, data) == len(data)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def test_disk_smaller_than_the_data(
    small_cache: Path, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("full", "space", "room", "StoreFull", "caching")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    read_all(mount)
    drop_kernel_caches(mount)
    read_all(mount)
    mount.umount()
    mount.start("v1")
    read_all(mount)


def test_disk_fills_up_while_mounted(
    small_cache: Path, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("full", "space", "room", "StoreFull", "caching")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "data" / "000.bin").read_bytes() == FILES["000.bin"]
    fill(small_cache / "filler")
    read_all(mount)
    (small_cache / "filler").unlink()
    drop_kernel_caches(mount)
    read_all(mount)


def test_cache_becomes_read_only(
    small_cache: Path, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "data" / "000.bin").read_bytes() == FILES["000.bin"]
    # files opened for writing keep the file system writable; a bind in their place does not
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", small_cache], check=True)
    try:
        read_all(mount)
        drop_kernel_caches(mount)
        read_all(mount)
        mount.umount()
    finally:
        subprocess.run(["umount", "-l", small_cache], check=True)


def test_flipped_bits_in_the_cache_are_never_served(
    handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    read_all(mount)
    mount.umount()
    chunks = Path(sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks"
    segments = [p for p in chunks.rglob("*") if p.is_file() and p.stat().st_size > 1 << 20]
    segments = [p for p in segments if "mdb" not in p.name]
    assert segments
    chooser = random.Random(9)
    for segment in segments:
        with segment.open("r+b") as file:
            for _ in range(40):
                position = chooser.randrange(segment.stat().st_size)
                file.seek(position)
                byte = file.read(1)
                file.seek(position)
                file.write(bytes((byte[0] ^ 0x10,)))
    mount.start("v1")
    read_all(mount)
    mount.umount()
    handmade.lose_remote()
    mount.start("v1")  # what was bad has been fetched and stored anew
    read_all(mount)
