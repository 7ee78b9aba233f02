"""A large object that was wrong and is corrected, by the same remote, another one, or somebody else's: its bytes are not mixed with the right ones."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.mounts import Mount, MountFactory, wait_until

pytestmark = pytest.mark.fuse

BLOCK = 1 << 18
LARGE = random.Random(5).randbytes(16 << 20)
LIES = b"x" * len(LARGE)
FAR = 12 << 20


def at(mount: Mount, offset: int) -> bytes:
    """Ten bytes, without read-ahead."""
    descriptor = os.open(mount.path / "large.bin", os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return os.pread(descriptor, 10, offset)
    finally:
        os.close(descriptor)


def begins_with(mount: Mount, content: bytes) -> bool:
    """Whether the first blocks are those of a content."""
    return all(at(mount, n * BLOCK) == content[n * BLOCK :][:10] for n in range(4))


def is_mended(mount: Mount) -> None:
    """The mount meets the right object, and then has nothing of the wrong one, once the kernel was told."""
    wait_until(lambda: at(mount, FAR) == LARGE[FAR:][:10], "the right object")
    wait_until(lambda: begins_with(mount, LARGE), "the kernel to forget the wrong one", timeout=3)


@pytest.fixture
def target(handmade: HandmadeRepository, mounts: MountFactory) -> Path:
    """The wrong object on the remote."""
    mounts.allow("large.bin", md5(LARGE), md5(LARGE)[2:], "read-only")
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    found = object_path(handmade.remote, md5(LARGE))
    found.write_bytes(LIES)
    return found


def push(target: Path) -> None:
    """As `dvc push` does: in one step."""
    new = target.with_name("new")
    new.write_bytes(LARGE)
    new.rename(target)


def test_by_the_same_remote(
    handmade: HandmadeRepository, mounts: MountFactory, target: Path
) -> None:
    mount = mounts(handmade.root, "v1")
    assert begins_with(mount, LIES), "nobody can know yet"
    push(target)
    is_mended(mount)


@pytest.mark.parametrize("live", [False, True], ids=["remount", "live"])
def test_by_another_remote(
    handmade: HandmadeRepository, mounts: MountFactory, target: Path, live: bool
) -> None:
    good = handmade.root.parent / "good"
    shutil.copytree(handmade.remote, good)
    object_path(good, md5(LARGE)).write_bytes(LARGE)
    mount = mounts(handmade.root, "v1")
    assert begins_with(mount, LIES), "nobody can know yet"
    if not live:
        mount.umount()
    (handmade.root / ".dvc").mkdir(exist_ok=True)
    (handmade.root / ".dvc" / "config.local").write_text(f"['remote \"store\"']\nurl = {good}\n")
    if live:
        mount.cli("switch", "v1", "--mount", mount.path)
    else:
        mount.start("v1")
    is_mended(mount)


def test_while_two_mounts_read_it(
    handmade: HandmadeRepository, mounts: MountFactory, target: Path
) -> None:
    """The second meets it first."""
    first, second = mounts(handmade.root, "v1"), mounts(handmade.root, "v1")
    assert begins_with(first, LIES), "nobody can know yet"
    push(target)
    assert at(second, FAR) == LARGE[FAR:][:10]
    assert begins_with(second, LARGE)
    is_mended(first)


def test_while_the_cache_can_only_be_read(
    handmade: HandmadeRepository, mounts: MountFactory, target: Path
) -> None:
    mount = mounts(handmade.root, "v1")
    assert begins_with(mount, LIES), "nobody can know yet"
    mount.umount()
    push(target)
    cache = Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks"
    subprocess.run(["mount", "--bind", cache, cache], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", cache], check=True)
        mount.start("v1")
        assert at(mount, FAR) == LARGE[FAR:][:10]
        assert begins_with(mount, LARGE)
        mount.umount()
    finally:
        subprocess.run(["umount", "-l", cache], check=True)


@pytest.mark.parametrize("by", ["kernel", "daemon"])
def test_by_what_another_repository_has_proven(
    handmade: HandmadeRepository, mounts: MountFactory, target: Path, by: str
) -> None:
    """Ours has handed out lies, which the kernel has, or the daemon knows where they are: they are not called verified."""
    ours = mounts(handmade.root, "v1")
    assert begins_with(ours, LIES), "nobody can know yet"
    if by == "daemon":
        with (ours.path / "large.bin").open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert begins_with(ours, LIES)
    other = HandmadeRepository(handmade.sandbox, handmade.sandbox.root / "other")
    other.commit(files={"large.bin": LARGE}, tag="v1")
    theirs = mounts(other.root, "v1")
    assert (theirs.path / "large.bin").read_bytes() == LARGE
    wait_until(lambda: verified(theirs) == "yes", "the check")
    assert verified(ours) == "no"
    assert (ours.path / "large.bin").read_bytes()[4 * BLOCK :] == LARGE[4 * BLOCK :]
    wait_until(lambda: verified(ours) == "yes", "the check of what was handed out")
    wait_until(lambda: (ours.path / "large.bin").read_bytes() == LARGE, "the kernel", timeout=3)


def verified(mount: Mount) -> str:
    return os.getxattr(mount.path / "large.bin", "user.vfs.verified").decode()
