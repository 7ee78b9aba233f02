"""What `stat` says of an inode.

Rule: files are contents, so their attributes never change and may be cached for ever; a name or a directory
is cached for ever too, because a switch invalidates exactly what changed. Only names under `.snapshots`
(branches move) and entries served to a handle of an older snapshot are given a short life.
"""

import stat
from typing import Final, NamedTuple

from vfs.types import Kind

FOREVER: Final = 10 * 365 * 86400.0
"""Seconds; the kernel has no spelling for 'for ever'."""

MOVING: Final = 1.0
"""Seconds a name under `.snapshots` may be cached: branches move."""

ROOT: Final = 1
"""Inode number of the root directory; fixed by FUSE."""

BLOCK: Final = 512
"""Unit of `st_blocks`."""

IO_SIZE: Final = 128 * 1024
"""`st_blksize`: what `cp` and `cat` read at a time; the kernel's default read-ahead."""

FILE_MODE: Final = stat.S_IFREG | 0o644
EXECUTABLE_MODE: Final = stat.S_IFREG | 0o755
SYMLINK_MODE: Final = stat.S_IFLNK | 0o777
DIRECTORY_MODE: Final = stat.S_IFDIR | 0o755

MODES: Final = {
    Kind.FILE: FILE_MODE,
    Kind.EXECUTABLE: EXECUTABLE_MODE,
    Kind.SYMLINK: SYMLINK_MODE,
    Kind.DIRECTORY: DIRECTORY_MODE,
    Kind.BROKEN: stat.S_IFREG,
}


class Attributes(NamedTuple):
    """Attributes of one inode, and how long the kernel may believe them.

    Attributes:
        inode: its number.
        mode: type and permission bits.
        size: bytes.
        mtime: seconds since the epoch; also given as ctime and atime.
        lifetime: seconds the name and the attributes may be cached.
    """

    inode: int
    mode: int
    size: int
    mtime: int
    lifetime: float = FOREVER
