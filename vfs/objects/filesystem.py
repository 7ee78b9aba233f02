"""Calls that Python has no name for.

Source: ioctl_ficlone(2), sync(2), sync_file_range(2).
"""

import ctypes
import os
from typing import Final

from vfs.errors import StoreError

FICLONE: Final = 0x40049409
"""`_IOW(0x94, 9, int)`: the target shares all blocks of the source."""

_START: Final = 2  # SYNC_FILE_RANGE_WRITE

_libc = ctypes.CDLL(None, use_errno=True)


def start_writing(descriptor: int, start: int, size: int) -> None:
    """Let the disk begin with a part of a file, so that a later sync finds little to wait for; promises nothing."""
    _libc.sync_file_range(descriptor, ctypes.c_int64(start), ctypes.c_int64(size), _START)


def sync_filesystem(descriptor: int, name: str) -> None:
    """Bring everything written to the file system of an open directory to the disk.

    Args:
        descriptor: of the directory; what failed since it was opened is reported.
        name: of the directory, for messages.

    Raises:
        StoreError: the disk reported an error.
    """
    if _libc.syncfs(descriptor):
        raise StoreError(f"{name}: {os.strerror(ctypes.get_errno())}")
