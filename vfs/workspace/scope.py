"""The scope of a repository: whose remotes may stand for the bytes of a large content until all of it was compared (`vfs.types.Blob`).

Rule: a hash of 16 random bytes in `vfs/scope` of the Git directory, made when they are first asked for, and of that directory's device and
inode: another repository at the same path is another one, and so is a copy with all its files. Nobody can name a scope that is not theirs:
below the Git directory nothing is opened through a symlink. Linked working trees have one. Where nothing can be written (a repository of
another user), its place stands for it.
"""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from blake3 import blake3

from vfs.git import Repository

_SIZE: Final = 16
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC


def scope_of(repository: Repository) -> bytes:
    """The scope of a repository; blocking."""
    git_dir = repository.common_dir
    try:
        opened = os.open(git_dir, _DIRECTORY)
    except OSError:
        return _place(git_dir, "")
    try:
        here = os.fstat(opened)
        place = f"{here.st_dev} {here.st_ino} "
        own = _own(opened)
    finally:
        os.close(opened)
    return blake3(place.encode() + own).digest(_SIZE) if own else _place(git_dir, place)


def _own(git_dir: int) -> bytes:
    """The random bytes; empty if there are none and none can be kept."""
    with contextlib.suppress(OSError):
        os.mkdir("vfs", dir_fd=git_dir)
    try:
        directory = os.open("vfs", _DIRECTORY | os.O_NOFOLLOW, dir_fd=git_dir)
    except OSError:
        return b""
    try:
        return _read(directory) or _made(directory)
    finally:
        os.close(directory)


def _read(directory: int) -> bytes:
    """What was written before; empty if nothing was, or it is none of ours."""
    try:
        descriptor = os.open("scope", os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=directory)
    except OSError:
        return b""
    try:
        found = os.read(descriptor, _SIZE + 1)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return found if len(found) == _SIZE else b""


def _made(directory: int) -> bytes:
    """New ones, or what another process made at the same time; empty if they cannot be kept."""
    temporary = f".scope-{secrets.token_hex(8)}.tmp"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK
        descriptor = os.open(temporary, flags, 0o600, dir_fd=directory)
        try:
            os.write(descriptor, secrets.token_bytes(_SIZE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, "scope", src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        return b""
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
    return _read(directory)


def _place(git_dir: Path, where: str) -> bytes:
    return blake3(where.encode() + os.fsencode(git_dir)).digest(_SIZE)
