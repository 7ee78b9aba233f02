"""One open index per directory and process, however many stores use it.

LMDB forbids to open an environment twice in one process, so stores of one directory share it.
"""

import logging
import os
import threading
from pathlib import Path
from typing import Final

from vfs.errors import StoreError
from vfs.lmdb.lease import CLEAN, Lease
from vfs.store.index import Index
from vfs.store.recovery import open_alone

_log = logging.getLogger("vfs.store")


class Shared:
    """The index of a directory and the lease that says that this process uses it.

    Attributes:
        identity: device and inode of the index file. The inode is not given to another file while
            the index is open.
        writable: whether the index was opened for writing.
        uses: stores that share it.
    """

    def __init__(self, directory: Path, *, writable: bool) -> None:
        self.directory = directory
        self.writable = writable
        self.identity = (0, 0)
        self.uses = 0
        self.index: Index
        self._lease = Lease(directory)

    def open(self, map_size: int, patience: float) -> None:
        """Open the index, repairing it if nobody else uses it. Raises StoreError."""
        try:
            if not self.writable:
                self.index = Index(self.directory / "index", map_size=map_size, readonly=True)
            elif self._lease.enter(patience):
                self.index = open_alone(self.directory, self._lease, map_size)
                self._lease.settle()
            else:
                self.index = Index(self.directory / "index", map_size=map_size)
                self._lease.settle()
            self.identity = file_identity(self.directory) or (0, 0)
        except OSError as error:
            self._lease.leave()
            raise StoreError(f"cache directory {self.directory}: {error.strerror}") from error
        except BaseException:
            self._lease.leave()
            raise

    def in_place(self) -> bool:
        """Whether the directory still holds the index that is open here."""
        return self.index.in_place()

    def close(self) -> None:
        """Close the index; the last process leaves it synced."""
        try:
            ours = self.writable and not self.index.held
            if ours and self.in_place() and self._lease.enter():
                self.index.sync()
                self._lease.note("damaged" if self.index.damaged else CLEAN)
        except (OSError, StoreError) as error:
            _log.warning("cache index %s was not synced: %s", self.directory, error)
        finally:
            self.index.close()
            self._lease.leave()


def file_identity(directory: Path) -> tuple[int, int] | None:
    """Device and inode of the index file now in a store's directory."""
    try:
        found = os.stat(directory / "index" / "data.mdb")
    except OSError:
        return None
    return found.st_dev, found.st_ino


_OPEN: Final[dict[tuple[int, int], Shared]] = {}
_lock = threading.Lock()


def acquire(directory: Path, map_size: int, *, writable: bool, patience: float) -> Shared:
    """The index of `directory`, opened if this process has not. Raises StoreError, Busy after `patience` seconds."""
    with _lock:
        identity = file_identity(directory)
        shared = _OPEN.get(identity) if identity else None
        if shared is None:
            shared = Shared(directory, writable=writable)
            shared.open(map_size, patience)
            _OPEN[shared.identity] = shared
        shared.uses += 1
        return shared


def release(shared: Shared) -> None:
    """Give back what `acquire` returned."""
    with _lock:
        shared.uses -= 1
        if shared.uses == 0 and _OPEN.get(shared.identity) is shared:
            del _OPEN[shared.identity]
            shared.close()


def _forget_all() -> None:
    """In a forked child: the environments are the parent's, and so is whoever holds the lock."""
    global _lock
    _OPEN.clear()
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_all)
