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
