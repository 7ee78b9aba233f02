"""What the kernel is told to forget: `vfs.fs.switch.Notifier` on the device.

Its calls block until the kernel has the lock of the directory or page, and belong in a worker thread.
"""

import errno
import logging
import os
from typing import Final

from vfs.errors import VfsError
from vfs.fuse.direct import wire

log = logging.getLogger("vfs.fuse")

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR)
_BARRIER: Final = b"?"
"""Any name will do: dropping it waits for the directory's lock, hence for whoever is reading a listing of it into the cache."""


class Notifications:
    """The kernel's ear."""

    def __init__(self, device: int) -> None:
        self._device = device

    def drop_name(self, directory: int, name: bytes) -> None:
        """Forget a name."""
        try:
            os.write(self._device, wire.invalidate_entry(directory, name))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise VfsError(f"the kernel refused to drop a name: {error}") from error

    def drop_attributes(self, inode: int) -> None:
        """Forget a directory's attributes and its listing."""
        self.drop_name(inode, _BARRIER)
        try:
            os.write(self._device, wire.invalidate_inode(inode, 0, 0))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise VfsError(f"the kernel refused to drop a listing: {error}") from error

    def drop_content(self, inode: int) -> None:
        """Forget the pages of a file, or the listing of a directory that may change at any time."""
        try:
            os.write(self._device, wire.invalidate_inode(inode, 0, 0))
        except OSError as error:
            log.debug("inode %d: %s", inode, error)
