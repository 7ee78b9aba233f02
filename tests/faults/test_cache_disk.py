"""The disk of the cache is small, full, read-only or full of wrong bytes: reading goes on."""

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

CHOOSER = random.Random(3)
FILES = {f"{n:03d}.bin": CHOOSER.randbytes(700_000 + n) for n in range(60)}  # 42 MB


def use_all_of_the_disk(sandbox: Sandbox) -> None:
    """By default nothing is cached on a disk with less than 1 GiB free."""
    settings = Path(sandbox.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text("cache:\n  min_free: 0\n")


class Disk(NamedTuple):
    """The cache's own ext4 file system and the file its blocks lie in."""

    image: Path
    root: Path

    def fail(self) -> None:
        """Have the kernel find an error in the file system, which makes it read-only."""
        device = os.stat(self.root).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")

    def forget_pages(self, path: Path) -> None:
        """Write a file's pages to the disk and drop them from memory."""
        descriptor = os.open(path, os.O_RDWR)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


@pytest.fixture
def disk(sandbox: Sandbox) -> Iterator[Disk]:
    """A cache directory on a disk of its own, of 160 MiB."""
    use_all_of_the_disk(sandbox)
    made = Disk(sandbox.root / "cache.img", Path(sandbox.environ["XDG_CACHE_HOME"]))
    with made.image.open("wb") as file:
        file.truncate(160 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", made.image], check=True)
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", made.image, made.root], check=True)
    yield made
    subprocess.run(["umount", "-l", made.root], check=True)


@pytest.fixture
def small_cache(sandbox: Sandbox) -> Iterator[Path]:
    """A cache directory on a file system of 32 MiB."""
    use_all_of_the_disk(sandbox)
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


def segment_files(sandbox: Sandbox) -> list[Path]:
    """The files of the cache that hold chunks."""
    found = list(Path(sandbox.environ["XDG_CACHE_HOME"]).glob("vfs/chunks/segments/*.seg"))
    assert found
    return found


def flip(path: Path, size: int) -> None:
    """Flip a bit in 40 bytes of the first `size` of a file."""
    chooser = random.Random(9)
    with path.open("r+b") as file:
        for _ in range(40):
            position = chooser.randrange(size)
            file.seek(position)
            byte = file.read(1)
            file.seek(position)
            file.write(bytes((byte[0] ^ 0x10,)))


def verified(mount: Mount) -> set[bytes]:
    return {os.getxattr(mount.path / "data" / name, "user.vfs.verified") for name in FILES}


def test_disk_smaller_than_the_data(
    small_cache: Path, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("full", "space", "room", "StoreFull", "caching", "no longer in the cache")
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


def test_disk_full_before_the_mount(
    small_cache: Path, handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("full", "space", "room", "StoreFull", "caching", "cannot be used", "cached")
    handmade.commit(directories={"data": FILES}, tag="v1")
    fill(small_cache / "filler")
    mount = mounts(handmade.root, "v1")
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


def test_cache_disk_goes_read_only(
    disk: Disk, handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """What the kernel does when a disk fails: files stay open, and every write to them fails."""
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    handmade.commit(directories={"data": FILES}, files={"more.bin": b"more"}, tag="v2")
    mount = mounts(handmade.root, "v1")
    for name in list(FILES)[:30]:
        assert (mount.path / "data" / name).read_bytes() == FILES[name]
    daemon = mount.daemon()
    disk.fail()
    with pytest.raises(OSError, match="Read-only"):
        (disk.root / "probe").touch()
    for _ in range(2):
        drop_kernel_caches(mount)
        read_all(mount)
    mount.cli("status", mount.path)
    assert mount.daemon() == daemon
    mount.umount()


def test_flipped_bits_in_the_cache_are_never_served(
    handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    read_all(mount)
    mount.umount()
    for segment in segment_files(sandbox):
        flip(segment, segment.stat().st_size)
    mount.start("v1")
    read_all(mount)
    mount.umount()
    handmade.lose_remote()
    mount.start("v1")  # what was bad has been fetched and stored anew
    read_all(mount)


def test_segments_cut_while_mounted(
    handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """The writer must not go on behind what was cut off: that would become zeros it believes in."""
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    for name in list(FILES)[:30]:
        assert (mount.path / "data" / name).read_bytes() == FILES[name]
    for segment in segment_files(sandbox):
        os.truncate(segment, 100 << 10)
    for _ in range(3):
        drop_kernel_caches(mount)
        read_all(mount)
    assert verified(mount) == {b"yes"}
    mount.umount()
    handmade.lose_remote()
    mount.start("v1")  # all of it is in the cache again
    read_all(mount)


def test_segments_overwritten_while_mounted(
    handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """What this process has verified is verified again when somebody wrote to the file."""
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    for _ in range(2):
        read_all(mount)
        drop_kernel_caches(mount)
        for segment in segment_files(sandbox):
            flip(segment, segment.stat().st_size)
        read_all(mount)
    assert verified(mount) == {b"yes"}


def test_bits_rot_on_the_disk_while_mounted(
    disk: Disk, handmade: HandmadeRepository, sandbox: Sandbox, mounts: MountFactory
) -> None:
    """No time of change tells of it: bytes that come from the disk again are verified again."""
    mounts.allow("WARNING")
    handmade.commit(directories={"data": FILES}, tag="v1")
    mount = mounts(handmade.root, "v1")
    read_all(mount)
    drop_kernel_caches(mount)
    read_all(mount)
    for segment in segment_files(sandbox):
        disk.forget_pages(segment)
    rotten = 0
    image = bytearray(disk.image.read_bytes())
    for data in FILES.values():
        at = image.find(data[300_000:300_064])
        if at >= 0:
            image[at] ^= 1
            rotten += 1
    assert rotten > 50
    disk.image.write_bytes(image)
    drop_kernel_caches(mount)
    read_all(mount)
