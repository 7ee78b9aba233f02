"""What the kernel is told to forget: `vfs.fs.switch.Notifier` on the device.

Its calls block until the kernel has the lock of the directory or page, and belong in a worker thread.
"""

import errno
import logging
import os
import threading
from typing import Final

from vfs.errors import VfsError
from vfs.fuse.direct import wire

log = logging.getLogger("vfs.fuse")

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR)
_BARRIER: Final = b"?"
"""Any name will do: dropping it waits for the directory's lock, hence for whoever is reading a listing of it into the cache."""


class Notifications:
    """The kernel's ear; thread-safe.

    After `end` nothing is written any more. A write that had begun may wait for a lock that the kernel holds for a request, so requests are to be answered while `writing`.
    """

    def __init__(self, device: int) -> None:
        self._device = device
        self._lock = threading.Lock()
        self._writers = 0
        self._ended = False

    @property
    def writing(self) -> bool:
        """Whether a thread is telling the kernel something."""
        return self._writers > 0

    def end(self) -> None:
        """The mount goes: nothing needs to be forgotten any more."""
        with self._lock:
            self._ended = True

    def drop_name(self, directory: int, name: bytes) -> None:
        """Forget a name."""
        try:
            self._tell(wire.invalidate_entry(directory, name))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise VfsError(f"the kernel refused to drop a name: {error}") from error

    def drop_attributes(self, inode: int) -> None:
        """Forget a directory's attributes and its listing."""
        self.drop_name(inode, _BARRIER)
        try:
            self._tell(wire.invalidate_inode(inode, 0, 0))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise VfsError(f"the kernel refused to drop a listing: {error}") from error

    def drop_content(self, inode: int) -> None:
        """Forget the pages of a file, or the listing of a directory that may change at any time."""
        try:
            self._tell(wire.invalidate_inode(inode, 0, 0))
        except OSError as error:
            log.debug("inode %d: %s", inode, error)

    def _tell(self, message: bytes) -> None:
        with self._lock:
            if self._ended:
                return
            self._writers += 1
        try:
            os.write(self._device, message)
        finally:
            with self._lock:
                self._writers -= 1
