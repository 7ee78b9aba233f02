"""A file of this machine that `dvc import-url` names, as a place of its content.

Rule: it is hashed whole before the first byte is served, once per state of the file, however many readers wait for that.
"""

import os
import stat

from vfs.errors import ObjectMissing, VfsError
from vfs.formats.hashing import new_hasher
from vfs.own_mount import open_other, stat_other
from vfs.transfer import Body
from vfs.types import Blob
from vfs.workspace.bodies import FileBody
from vfs.workspace.session import KeyedLocks

_PIECE = 1 << 20

_State = tuple[int, int, int, int, int]
"""Device, inode, times of modification and change, size."""

_VERIFIED: dict[_State, bytes] = {}
"""State of a file -> key of the digest it was found to have."""

_LOCKS = KeyedLocks()


class SourceFilePlace:
    """A file of this machine that data was imported from; served while its hash is the recorded one.

    Not `local`, though it is here: DVC asks the own cache and remotes for an import that has a hash, so they come first.
    """

    local = False
    label = "source"

    def __init__(self, path: str, blob: Blob) -> None:
        self.where = f"source: {path}"
        self._path = path
        self._blob = blob

    def open_file(self) -> int | None:
        """None: the file is not immutable, so it is read through the chunk store."""
        return None

    def is_here(self) -> bool:
        """Whether the file may still be what was imported."""
        try:
            return stat_other(self._path).st_size == self._blob.size
        except OSError:
            return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the file.

        Raises:
            ObjectMissing: it is gone, or no longer what was imported.
        """
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = open_other(self._path, flags)
        except OSError as error:
            raise ObjectMissing(f"the import source {self._path}: {error.strerror}") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != self._blob.size:
                raise ObjectMissing(f"the import source {self._path} has changed since")
            self._check(descriptor, _state(status))
        except (OSError, VfsError):
            os.close(descriptor)
            raise
        return FileBody(descriptor, self._blob.size, start, length)

    def _check(self, descriptor: int, state: _State) -> None:
        """Hash the file, unless that was done; several readers wait for one."""
        if _VERIFIED.get(state) != self._blob.digest.key:
            with _LOCKS.holding(repr(state).encode() + self._blob.digest.key):
                if _VERIFIED.get(state) != self._blob.digest.key:
                    self._verify(descriptor, state)

    def _verify(self, descriptor: int, state: _State) -> None:
        hasher = new_hasher(self._blob.digest.algorithm, self._blob.size)
        position = 0
        while piece := os.pread(descriptor, _PIECE, position):
            hasher.update(piece)
            position += len(piece)
        if hasher.digest() != self._blob.digest.value:
            raise ObjectMissing(f"the import source {self._path} has changed since")
        if len(_VERIFIED) > 10_000:
            _VERIFIED.clear()
        _VERIFIED[state] = self._blob.digest.key


def _state(status: os.stat_result) -> _State:
    """The time of change cannot be set by hand, as that of modification can."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, *times, status.st_size
