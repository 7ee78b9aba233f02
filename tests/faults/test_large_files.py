"""Large files are checked once all of them was seen, wherever they lie: in the DVC cache, or whole in ours from before."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.core.ranges import block_count
from vfs.git import Repository
from vfs.store import ChunkStore
from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.transfer.blocks import edition_of, place_name
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest
from vfs.workspace.scope import scope_of

pytestmark = pytest.mark.fuse

LARGE = random.Random(3).randbytes((5 << 20) + 17)


def cached(handmade: HandmadeRepository) -> Path:
    """Where the repository's own DVC cache has the file."""
    return object_path(handmade.root / ".dvc" / "cache", md5(LARGE))


def fill_cache(handmade: HandmadeRepository, data: bytes) -> None:
    cached(handmade).parent.mkdir(parents=True, exist_ok=True)
    cached(handmade).write_bytes(data)


def verified(mount: Mount) -> str:
    return os.getxattr(mount.path / "large.bin", "user.vfs.verified").decode()


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    return mounts.prepare(handmade.root)


def test_a_right_cache_file_is_verified_and_that_is_remembered(
    handmade: HandmadeRepository, mount: Mount
) -> None:
    fill_cache(handmade, LARGE)
    handmade.lose_remote()
    mount.start("v1")
    with (mount.path / "large.bin").open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        assert os.pread(file.fileno(), 10, 1 << 20) == LARGE[1 << 20 :][:10]
        assert verified(mount) == "no"
        assert file.read() == LARGE
    wait_until(lambda: verified(mount) == "yes", "the check of the file")
    mount.umount()
    mount.start("v1")
    assert verified(mount) == "yes"
    mount.umount()
    os.utime(cached(handmade))
    mount.start("v1")
    assert verified(mount) == "no", "it is another file now"


def test_a_wrong_cache_file_is_given_up(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory
) -> None:
    mounts.allow(f"{md5(LARGE)}")
    fill_cache(handmade, b"X" + LARGE[1:])
    mount.start("v1")
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(1) == b"X", "it is trusted as far as its place goes"
        file.seek(0)
        while file.read(1 << 20):
            pass
        wait_until(lambda: verified(mount) == "bad", "the check of the file")
        wait_until(lambda: os.pread(file.fileno(), 1, 0) == LARGE[:1], "the kernel to forget it")
        assert (mount.path / "large.bin").read_bytes() == LARGE, "the remote has it right"
    wait_until(lambda: verified(mount) == "yes", "the check of the remote's")


def test_cat_through_a_mount_tells_that_it_was_wrong(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory
) -> None:
    """The bytes have gone by then, as without a mount; whoever takes them hears of it."""
    mounts.allow(f"{md5(LARGE)}")
    fill_cache(handmade, LARGE[:-1] + b"X")
    mount.start("v1")
    done = mount.cli("cat", "--mount", mount.path, ":/large.bin", check=False)
    # A quick daemon finds it before its last bytes are read, and gives the right ones.
    assert (done.returncode, done.stdout == LARGE) in ((15, False), (0, True)), done.stderr
    assert done.returncode == 0 or b"large.bin" in done.stderr
    wait_until(lambda: verified(mount) in ("bad", "yes"), "the check of the file")

    def right() -> bool:
        """The verdict is known before the file is left alone: who comes between hears of it, as the first did."""
        again = mount.cli("cat", "--mount", mount.path, ":/large.bin", check=False)
        assert (again.returncode, again.stdout == LARGE) in ((15, False), (0, True)), again.stderr
        return again.returncode == 0

    wait_until(right, "the right bytes")


@pytest.mark.parametrize("chunk", [1 << 20, 1 << 16])
def test_a_file_that_is_read_from_a_wrong_object_does_not_end_well(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory, chunk: int
) -> None:
    mounts.allow(f"{md5(LARGE)}")
    object_path(handmade.remote, md5(LARGE)).write_bytes(LARGE[:9999] + b"X" + LARGE[10000:])
    mount.start("v1")
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(1) == LARGE[:1]
        with pytest.raises(OSError, match="Input/output error"):  # noqa: PT012 - at the end
            while file.read(chunk):
                pass


def backwards(file: int) -> None:
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    for offset in range(5 << 20, -1, -1 << 18):
        os.pread(file, 1 << 18, offset)


def end_first(file: int) -> None:
    os.pread(file, 100, len(LARGE) - 100)
    for offset in range(0, len(LARGE), 1 << 18):
        os.pread(file, 1 << 18, offset)


@pytest.mark.parametrize("read", [backwards, end_first])
def test_nor_does_one_that_is_read_in_another_order(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory, read: Callable[[int], None]
) -> None:
    """The end may be in the kernel's cache long before the rest is."""
    mounts.allow(f"{md5(LARGE)}")
    object_path(handmade.remote, md5(LARGE)).write_bytes(LARGE[:9999] + b"X" + LARGE[10000:])
    mount.start("v1")
    with (
        (mount.path / "large.bin").open("rb", buffering=0) as file,
        pytest.raises(OSError, match="Input/output error"),
    ):
        read(file.fileno())


def test_a_wrong_cache_file_is_not_used_by_the_next_mount(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory
) -> None:
    mounts.allow(f"{md5(LARGE)}")
    fill_cache(handmade, b"X" + LARGE[1:])
    mount.start("v1")
    assert (mount.path / "large.bin").read_bytes()[:1] == b"X"
    wait_until(lambda: verified(mount) == "bad", "the check of the file")
    mount.umount()
    mount.start("v1")
    assert (mount.path / "large.bin").read_bytes() == LARGE


@pytest.mark.parametrize(("damage", "verdict"), [(b"", "yes"), (b"X", "bad")])
def test_what_an_earlier_process_left_whole_is_checked_when_it_is_read(
    handmade: HandmadeRepository, mount: Mount, mounts: MountFactory, damage: bytes, verdict: str
) -> None:
    """It died before it could hash the whole."""
    mounts.allow(f"{md5(LARGE)}", "there is no such file")
    content = damage + LARGE[len(damage) :]
    digest = Digest(Algorithm.MD5, bytes.fromhex(md5(LARGE)))
    blob = Blob(digest, len(LARGE), scope_of(Repository.open(handmade.root)))
    edition = edition_of(blob, "a remote", "its ETag")
    prefix = blob.edition_key(edition)
    directory = Path(mount.sandbox.environ["XDG_CACHE_HOME"]) / "vfs" / "chunks"
    directory.parent.mkdir(mode=0o700)
    with ChunkStore.open(directory, limit=1 << 30, min_free=0) as store:
        store.remember(blob.key, place_name("a remote"), edition)
        for block in range(block_count(len(content))):
            data = content[block * BLOCK_SIZE :][:BLOCK_SIZE]
            chunk = (prefix + block.to_bytes(4, "big"), data)
            assert store.append([chunk], unproven=blob.key)
    handmade.lose_remote()
    mount.start("v1")
    assert verified(mount) == "no"
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        with suppress(OSError):  # it may be found wrong before
            file.read(1)
        wait_until(lambda: verified(mount) == verdict, "the check of the blocks")


def test_what_one_mount_finds_wrong_others_do_not_serve(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """Neither from where they know its blocks to be, nor from the kernel's pages."""
    mounts.allow(md5(LARGE)[2:])
    handmade.commit(files={"large.bin": LARGE}, tag="v1")
    with object_path(handmade.remote, md5(LARGE)).open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"wrong")
    finder, other = mounts(handmade.root, "v1"), mounts(handmade.root, "v1")
    with (other.path / "large.bin").open("rb", buffering=0) as held:
        assert os.pread(held.fileno(), 5, 5 << 20) == b"wrong", "nobody can know yet"
        with suppress(OSError):
            (finder.path / "large.bin").read_bytes()
        wait_until(lambda: verified(finder) == "bad", "the check of the file")
        wait_until(lambda: raises(held.fileno()), "the other mount to heed it", timeout=30)


def raises(descriptor: int) -> bool:
    """Whether reading the wrong bytes is an error."""
    try:
        return os.pread(descriptor, 5, 5 << 20) != b"wrong"
    except OSError:
        return True


def test_a_damaged_object_that_was_mended_is_not_mixed_with_what_was_read_of_it(
    handmade: HandmadeRepository, mount: Mount
) -> None:
    there = object_path(handmade.remote, md5(LARGE))
    there.chmod(0o644)
    there.write_bytes(b"X" * len(LARGE))
    mount.start("v1")
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(1) == b"X"
    mount.umount()
    there.write_bytes(LARGE)
    mount.start("v1")
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(1) == LARGE[:1]
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert (mount.path / "large.bin").read_bytes() == LARGE
    wait_until(lambda: verified(mount) == "yes", "the check of the whole")
