"""Files of the working tree as sources of contents: opened safely, told apart by fingerprint.

Rule: a source is a regular file, by default not one reached through a symlink in its last component. FIFOs
and devices are refused without waiting for them.
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from vfs.core.interrupting import check
from vfs.errors import DataUnavailable
from vfs.formats.hashing import new_hasher
from vfs.types import Algorithm, Digest

T = TypeVar("T")

_PIECE: Final = 1 << 18  # what stays in a processor's own cache while it is hashed
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Fingerprint(NamedTuple):
    """What a file system says of a file; two equal ones of one path mean that its content is the same.

    Attributes:
        inode: its number.
        size: bytes.
        mtime: nanoseconds.
        ctime: nanoseconds; changes with any write, also where the mtime was set back.
    """

    inode: int
    size: int
    mtime: int
    ctime: int


def fingerprint(found: os.stat_result) -> Fingerprint:
    """The fingerprint of a file, by its `stat`."""
    fields = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return tuple.__new__(Fingerprint, fields)  # called for every file there is


def seen_as(path: str | bytes, *, follow: bool = False) -> Fingerprint | None:
    """What there is at a path now; None if nothing is (`follow`: through a symlink)."""
    try:
        return fingerprint(os.stat(path, follow_symlinks=follow))
    except OSError:
        return None


def open_source(path: str | bytes, *, follow: bool = False) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file, and its state.

    Args:
        path: of the file.
        follow: it may be reached through a symlink.

    Raises:
        DataUnavailable: it cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, _OPEN & ~os.O_NOFOLLOW if follow else _OPEN)
    except OSError as error:
        shown = os.fsdecode(path)
        if error.errno == errno.ELOOP and not follow:
            raise DataUnavailable(f"{shown} is a symlink, not a file") from error
        raise DataUnavailable(f"{shown} cannot be read: {error.strerror}") from error
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode):
        return descriptor, found
    os.close(descriptor)
    raise DataUnavailable(
        f"{os.fsdecode(path)} is no regular file",
        hint="pipes, sockets and devices have no content to track: remove it, or name it in .dvcignore",
    )


def read_as_seen(
    path: str | bytes, seen: Fingerprint, buffer: memoryview, *, follow: bool = False
) -> bool:
    """Read a file that is smaller than a buffer into its front, with as few calls as that takes: there may be millions.

    Returns:
        Whether it could be read, and was after that what it was seen as before.
    """
    try:
        descriptor = os.open(path, _OPEN & ~os.O_NOFOLLOW if follow else _OPEN)
        try:
            count, found = os.readv(descriptor, [buffer]), os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return count == seen.size and fingerprint(found) == seen and stat.S_ISREG(found.st_mode)


def read_stable(
    path: str | bytes, take: Callable[[int, int], T | None], *, follow: bool = False
) -> tuple[T, Fingerprint]:
    """Let `take` read a file that does not change meanwhile; a second time if it did.

    Args:
        path: of the file.
        take: given a descriptor and a size; None says that the size was another one.
        follow: as `open_source`.

    Returns:
        What `take` returned, and the fingerprint that the file had before and after.

    Raises:
        DataUnavailable: it cannot be read, is no regular file, or changed twice.
        VfsError: as `take`.
    """
    for _ in range(2):
        descriptor, before = open_source(path, follow=follow)
        try:
            taken = take(descriptor, before.st_size)
            after = os.fstat(descriptor)
        except OSError as error:
            raise DataUnavailable(
                f"{os.fsdecode(path)} cannot be read: {error.strerror}"
            ) from error
        finally:
            os.close(descriptor)
        if taken is not None and fingerprint(before) == fingerprint(after):
            return taken, fingerprint(before)
    raise DataUnavailable(
        f"{os.fsdecode(path)} changes while it is read", hint="let its writer end, then try again"
    )


def hash_source(
    path: str | bytes, algorithm: Algorithm = Algorithm.MD5, *, follow: bool = False
) -> tuple[Digest, Fingerprint]:
    """The digest of a file, storing nothing. Raises DataUnavailable, as `read_stable`."""

    def take(descriptor: int, size: int) -> Digest | None:
        hasher = new_hasher(algorithm)
        buffer = memoryview(bytearray(min(size + 1, _PIECE)))
        done = 0
        while count := os.readv(descriptor, [buffer]):
            check()
            hasher.update(buffer[:count])
            done += count
        return Digest(algorithm, hasher.digest()) if done == size else None

    return read_stable(path, take, follow=follow)
