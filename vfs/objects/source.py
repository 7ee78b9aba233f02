"""Files of the working tree as sources of contents: opened safely, told apart by fingerprint.

Rule: a source is a regular file that is not reached through a symlink in its last component. FIFOs
and devices are refused without waiting for them.
"""

import errno
import os
import stat
from typing import Final, NamedTuple

from vfs.errors import DataUnavailable

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
    return Fingerprint(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def open_source(path: str | bytes) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file, and its state.

    Raises:
        DataUnavailable: it cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        shown = os.fsdecode(path)
        if error.errno == errno.ELOOP:
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
