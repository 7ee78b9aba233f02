"""Two calls that Python has no name for.

Source: ioctl_ficlone(2), sync(2).
"""

import ctypes
import os
from typing import Final

from vfs.errors import StoreError

FICLONE: Final = 0x40049409
"""`_IOW(0x94, 9, int)`: the target shares all blocks of the source."""

_libc = ctypes.CDLL(None, use_errno=True)


def sync_filesystem(directory: str) -> None:
    """Bring everything written to the file system of a directory to the disk.

    Raises:
        StoreError: the disk reported an error.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor):
            raise StoreError(f"{directory}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)
