"""The remote has wrong, short, or no bytes: an error of that path alone, and a log line naming it."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.mounts import Mount, MountFactory, vfs, wait_until
from vfs.testing.refusals import refused

pytestmark = pytest.mark.fuse

GOOD = b"good" * 50_000
BAD = b"will be damaged" * 40_000


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow(r"bad\.bin", md5(BAD)[2:])
    handmade.commit(plain={"git.txt": b"git"}, files={"good.bin": GOOD, "bad.bin": BAD}, tag="v1")
    return mounts(handmade.root, "v1")


def damaged(handmade: HandmadeRepository) -> Path:
    return object_path(handmade.remote, md5(BAD))


def rest(mount: Mount) -> None:
    assert (mount.path / "good.bin").read_bytes() == GOOD
    assert (mount.path / "git.txt").read_bytes() == b"git"


def read_twice(path: Path) -> None:
    """Read to the end, make the kernel forget, read again."""
    with path.open("rb", buffering=0) as file:
        for _ in range(2):
            position = 0
            while piece := os.pread(file.fileno(), 1 << 20, position):
                position += len(piece)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_missing(handmade: HandmadeRepository, mount: Mount) -> None:
    damaged(handmade).unlink()
    with refused(errno.EIO):
        (mount.path / "bad.bin").read_bytes()
    rest(mount)
    assert md5(BAD)[2:] in mount.log()
    told = json.loads(mount.cli("status", mount.path, "--json").stdout)
    assert told["requests"]["errors"] >= 1
    assert any(md5(BAD)[2:] in warning["message"] for warning in told["warnings"])
    assert 10 << 20 < told["memory"] < 1 << 30
    assert told["files"] >= 3
    assert told["shown_since"] == told["started"]


def test_missing_and_then_there(handmade: HandmadeRepository, mount: Mount) -> None:
    damaged(handmade).unlink()
    with refused(errno.EIO):
        (mount.path / "bad.bin").read_bytes()
    handmade.put(BAD)
    wait_until(lambda: readable(mount.path / "bad.bin"), "vfs to look again")
    assert (mount.path / "bad.bin").read_bytes() == BAD


def test_truncated(handmade: HandmadeRepository, mount: Mount) -> None:
    os.truncate(damaged(handmade), len(BAD) - 100_000)
    with refused(errno.EIO):
        (mount.path / "bad.bin").read_bytes()
    rest(mount)


def test_other_bytes_of_the_same_size(handmade: HandmadeRepository, mount: Mount) -> None:
    """md5 of the whole is all there is: read whole, it must fail; it must not be served later."""
    path = damaged(handmade)
    path.write_bytes(b"X" + BAD[1:])
    with refused(errno.EIO):
        read_twice(mount.path / "bad.bin")
    rest(mount)


def test_everything_is_gone(handmade: HandmadeRepository, mounts: MountFactory) -> None:
    mounts.allow("WARNING")
    handmade.commit(plain={"git.txt": b"git"}, files={"bad.bin": BAD}, tag="v1")
    mount = mounts(handmade.root, "v1")
    handmade.lose_remote()
    with refused(errno.EIO):
        (mount.path / "bad.bin").read_bytes()
    assert os.stat(mount.path / "bad.bin").st_size == len(BAD)
    assert (mount.path / "git.txt").read_bytes() == b"git"


def test_a_directory_whose_listing_comes_back(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """A mount made while the remote was away heals without a remount."""
    handmade.commit(directories={"data": {"a": b"1"}}, tag="v1")
    away = handmade.remote.with_suffix(".away")
    handmade.remote.rename(away)
    mounts.allow("cannot serve", "data: ")
    mount = mounts(handmade.root, "v1", "-o", "transfer.deadline=2")
    with refused(errno.EIO):
        os.stat(mount.path / "data")
    argv = [sys.executable, "-m", "vfs_cli", "doctor"]
    doctor = handmade.sandbox.run(argv, cwd=handmade.root, check=False)
    assert doctor.returncode == 1
    away.rename(handmade.remote)
    wait_until(lambda: readable(mount.path / "data" / "a"), "the listing", timeout=120)
    assert (mount.path / "data" / "a").read_bytes() == b"1"


def test_a_size_that_another_repository_learned_is_corrected(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """Its object is cut, so the size that this machine knows is wrong; a mount whose remote has the whole heals by itself."""
    mounts.allow("data/a", md5(GOOD)[2:])
    stranger = HandmadeRepository(handmade.sandbox, handmade.sandbox.root / "stranger")
    stranger.commit(directories={"theirs": {"x": GOOD}}, tag="v1")
    object_path(stranger.remote, md5(GOOD)).write_bytes(b"cut")
    assert vfs(handmade.sandbox, "ls", "-l", "--repo", stranger.root, "theirs").returncode == 0
    handmade.commit(directories={"data": {"a": GOOD}}, tag="v1")
    mount = mounts(handmade.root, "v1", "-o", "transfer.deadline=2")
    with refused(errno.EIO):
        (mount.path / "data" / "a").read_bytes()
    wait_until(lambda: readable(mount.path / "data" / "a"), "another size")
    assert (mount.path / "data" / "a").read_bytes() == GOOD


def test_commands_find_a_damaged_large_object(handmade: HandmadeRepository) -> None:
    """What streams past, and what lies in the cache already, is compared before the command ends."""
    content = os.urandom(9 << 20)
    handmade.commit(files={"big.bin": content})
    with object_path(handmade.remote, md5(content)).open("r+b") as file:
        file.seek(8 << 20)
        file.write(bytes(64))

    def run(*words: str) -> "subprocess.CompletedProcess[bytes]":
        return vfs(handmade.sandbox, words[0], "--repo", handmade.root, *words[1:], check=False)

    cat = run("cat", ":/big.bin")
    assert cat.returncode == 15
    assert b"big.bin" in cat.stderr
    assert b"not those the digest names" in cat.stderr
    fetched = run("prefetch", "--json")
    assert fetched.returncode == 16
    assert json.loads(fetched.stdout)["failed_files"] == 1
    assert json.loads(fetched.stdout)["problems"][0].startswith("big.bin: ")


def test_cat_gives_up_a_damaged_large_cache_file(handmade: HandmadeRepository) -> None:
    """It says so, and reads from the remote the next time."""
    content = os.urandom(9 << 20)
    handmade.commit(files={"big.bin": content})
    cached = object_path(handmade.root / ".dvc" / "cache", md5(content))
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    first, second = (
        vfs(handmade.sandbox, "cat", "--repo", handmade.root, ":/big.bin", check=False)
        for _ in range(2)
    )
    assert first.returncode == 15
    assert b"local file" in first.stderr
    assert (second.returncode, second.stdout == content) == (0, True)


def test_cat_tells_of_what_it_wrote_of_a_file_that_was_mended_meanwhile(
    handmade: HandmadeRepository,
) -> None:
    """What is compared is what went out, not what the file is at the end."""
    content = os.urandom(9 << 20)
    handmade.commit(files={"big.bin": content})
    cached = object_path(handmade.root / ".dvc" / "cache", md5(content))
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(b"x" * len(content))
    command = [sys.executable, "-m", "vfs_cli", "cat", "--repo", str(handmade.root), ":/big.bin"]
    environ, pipe = handmade.sandbox.environ, subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe) as cat:
        assert cat.stdout is not None
        assert cat.stderr is not None
        given = cat.stdout.read(1)  # the rest of what was read with it waits in the pipe
        with cached.open("r+b") as file:
            file.write(content)
        given += cat.stdout.read()
        said = cat.stderr.read()
    assert given[:1] == b"x"
    assert given[-1000:] == content[-1000:]
    assert cat.returncode == 15
    assert b"big.bin" in said
    assert b"mended" in said
