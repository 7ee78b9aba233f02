"""Nothing can be changed through a mount: every writing call is refused with EROFS."""

import errno
import mmap
import os
import socket
import subprocess
from collections.abc import Callable

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.refusals import refused

pytestmark = pytest.mark.fuse


@pytest.fixture(scope="module")
def mount(module_handmade: HandmadeRepository, module_mounts: MountFactory) -> Mount:
    module_handmade.commit(
        plain={"git.txt": b"git", "sub/x": b"x", "l:link": b"git.txt", "x:run": b"#!/bin/sh\n"},
        files={"big.bin": b"data" * 1000},
        directories={"data": {"a": b"a", "b/c": b"c"}},
    )
    return module_mounts(module_handmade.root)


def _bind(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


def _write(path: bytes, flags: int) -> None:
    """Refused when it is opened, or, where opening is not asked for, when it is written."""
    descriptor = os.open(path, flags)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)


WRITES: dict[str, Callable[[bytes], object]] = {
    "open for writing": lambda m: _write(m + b"/git.txt", os.O_WRONLY),
    "open for reading and writing": lambda m: _write(m + b"/big.bin", os.O_RDWR),
    "open and truncate": lambda m: os.open(m + b"/data/a", os.O_RDONLY | os.O_TRUNC),
    "open and append": lambda m: _write(m + b"/data/a", os.O_WRONLY | os.O_APPEND),
    "create": lambda m: os.open(m + b"/data/new", os.O_CREAT | os.O_WRONLY, 0o644),
    "create exclusively": lambda m: os.open(m + b"/n", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600),
    "create unnamed": lambda m: os.open(m + b"/data", os.O_TMPFILE | os.O_RDWR, 0o600),
    "mkdir": lambda m: os.mkdir(m + b"/data/dir"),
    "mkdir in snapshots": lambda m: os.mkdir(m + b"/.snapshots/new-directory"),
    "rmdir": lambda m: os.rmdir(m + b"/data/b"),
    "unlink": lambda m: os.unlink(m + b"/data/a"),
    "rename": lambda m: os.rename(m + b"/data/a", m + b"/data/z"),
    "rename over": lambda m: os.rename(m + b"/git.txt", m + b"/big.bin"),
    "link": lambda m: os.link(m + b"/git.txt", m + b"/hard"),
    "symlink": lambda m: os.symlink(b"git.txt", m + b"/soft"),
    "mkfifo": lambda m: os.mkfifo(m + b"/fifo"),
    "bind a socket": lambda m: _bind(m + b"/s"),
    "chmod": lambda m: os.chmod(m + b"/git.txt", 0o600),
    "chmod a directory": lambda m: os.chmod(m, 0o700),
    "chown": lambda m: os.chown(m + b"/git.txt", 1, 1),
    "lchown a link": lambda m: os.lchown(m + b"/link", 1, 1),
    "truncate": lambda m: os.truncate(m + b"/big.bin", 0),
    "utime": lambda m: os.utime(m + b"/git.txt", (0, 0)),
    "setxattr": lambda m: os.setxattr(m + b"/git.txt", b"user.mine", b"1"),
    "removexattr": lambda m: os.removexattr(m + b"/git.txt", b"user.vfs.digest"),
}


@pytest.mark.parametrize("what", WRITES)
def test_writing_is_refused(what: str, mount: Mount) -> None:
    with refused(errno.EROFS):
        WRITES[what](mount.raw)


@pytest.mark.parametrize("flags", [os.O_APPEND, os.O_CREAT, os.O_APPEND | os.O_CREAT])
def test_flags_that_write_nothing_are_as_on_any_disk(mount: Mount, flags: int) -> None:
    descriptor = os.open(mount.path / "git.txt", os.O_RDONLY | flags)
    assert os.read(descriptor, 10) == b"git"
    os.close(descriptor)


@pytest.fixture(scope="module")
def writable(mount: Mount, module_mounts: MountFactory) -> Mount:
    """A mount that root told the kernel to be writable: now we are asked."""
    other = module_mounts(mount.repository)
    subprocess.run(["mount", "-i", "-o", "remount,rw", other.path], check=True)
    return other


@pytest.mark.parametrize(
    "what", sorted(set(WRITES) - {"create unnamed"})
)  # which libfuse does not know
def test_a_remount_for_writing_changes_nothing(what: str, writable: Mount) -> None:
    with refused(errno.EROFS):
        WRITES[what](writable.raw)


def test_what_is_written_to_a_mapping_is_refused_and_does_not_stay(
    writable: Mount, module_mounts: MountFactory
) -> None:
    """Where opening is not asked for, the kernel asks when it writes back: who waits for that hears of it, and nobody goes on reading it."""
    module_mounts.allow("is lost: the mount is read-only")
    path = writable.path / "big.bin"
    assert path.read_bytes() == b"data" * 1000  # opening it again costs no message
    with refused(errno.EROFS), path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[:4] = b"lost"
        mapping.flush()
    wait_until(lambda: path.read_bytes() == b"data" * 1000, "the content to be back")


def test_access_says_so_too(mount: Mount) -> None:
    assert os.access(mount.path / "git.txt", os.R_OK)
    assert not os.access(mount.path / "git.txt", os.W_OK)
    assert not os.access(mount.path, os.W_OK)


def test_content_is_as_before(mount: Mount) -> None:
    assert (mount.path / "git.txt").read_bytes() == b"git"
    assert (mount.path / "big.bin").read_bytes() == b"data" * 1000
    assert sorted(os.listdir(mount.path / "data")) == ["a", "b"]
