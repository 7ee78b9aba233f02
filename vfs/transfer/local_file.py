"""`LocalFile`: an open file of this machine (DVC cache, LFS object) that is named after a blob; `FileProof`: whether it is that blob.

Rule: reading never hashes. Once as many bytes were handed out as the file has, the checker's thread hashes it, piece by piece. The
verdict is kept in the chunk store under digest and fingerprint, so a file that changed in place has none.
"""

import errno
import logging
import os
import time
from struct import Struct
from typing import Final

from vfs.errors import DataUnavailable, VfsError
from vfs.formats.hashing import hasher_for
from vfs.store import BAD, BAD_FILE, FILE, VERIFIED, ChunkStore
from vfs.transfer.place import Place, PlacesOf
from vfs.transfer.waiter import Data
from vfs.types import Blob

PIECE: Final = 16 << 20
"""Bytes hashed by one order to the checker."""

READ: Final = 1 << 20
"""Bytes read at once for that."""

TICK: Final = 0.1
"""Seconds; file systems note times less precisely than this tells them apart (10 ms at worst)."""

_FINGERPRINT: Final = Struct("<QQqq")
"""Inode, size, mtime, ctime (ns)."""

log = logging.getLogger("vfs.transfer")


class LocalFile:
    """A descriptor that closes when nobody holds this object, so that no thread reads from a reused number.

    Attributes:
        descriptor: of the file.
        blob: what it should hold; it has that size.
        due: bytes still to be handed out before it is to be checked.
        checking: whether the checker is at it.
    """

    __slots__ = ("blob", "checking", "descriptor", "due")

    def __init__(self, descriptor: int, blob: Blob) -> None:
        self.descriptor = descriptor
        self.blob = blob
        self.due = blob.size
        self.checking = False

    def __del__(self) -> None:
        os.close(self.descriptor)

    def handed_out(self, count: int) -> bool:
        """Count bytes; whether as many went out as the file has (all of it was seen, then), and start over."""
        self.due -= count
        if self.due > 0:
            return False
        self.due = self.blob.size
        return True

    def read_nowait(self, offset: int, length: int) -> Data | None:
        """Bytes in the page cache, or None if the disk would be waited for, or cannot be read."""
        buffer = bytearray(length)
        try:
            count = os.preadv(self.descriptor, [buffer], offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
                log.debug("a local file of %s: %s", self.blob.digest, error)  # `read` tells
            return None
        return buffer if count == length else None

    def read(self, offset: int, length: int) -> Data:
        """All of a range, waiting for the disk; for worker threads.

        Raises:
            DataUnavailable: it cannot be read, or ends before.
        """
        data = b""
        while len(data) < length:
            try:
                more = os.pread(self.descriptor, length - len(data), offset + len(data))
            except OSError as error:
                raise unreadable(error) from error
            if not more:
                raise DataUnavailable(
                    f"a local file is shorter than recorded ({offset + len(data)} bytes): was it changed in place?",
                    hint="`vfs doctor` names damaged cache files",
                )
            data += more
        return data


def unreadable(error: OSError) -> DataUnavailable:
    """What a file of this machine that cannot be read is told as."""
    hint = "look at the disk; `vfs doctor` names damaged cache files"
    return DataUnavailable(f"a local file cannot be read: {error.strerror}", hint=hint)


def verdict_key(blob: Blob, descriptor: int) -> bytes:
    """Where the chunk store keeps the verdict of a file as it is now."""
    now = os.fstat(descriptor)
    return blob.key + _FINGERPRINT.pack(now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def open_local(blob: Blob, places_of: PlacesOf, store: ChunkStore) -> LocalFile | None:
    """A plain local file with a blob's content (by its size, and not known to be wrong), or None; blocking."""
    try:
        places = places_of()
    except VfsError as error:
        log.debug("no places for %s: %s", blob.digest, error)
        return None
    for place in places:
        descriptor = _open(place) if place.local else None
        if descriptor is None:
            continue
        file = LocalFile(descriptor, blob)
        size = os.fstat(descriptor).st_size
        if size != blob.size:
            log.warning(
                "%s: %s has %d bytes, expected %d", place.label, blob.digest, size, blob.size
            )
        elif store.verdict(verdict_key(blob, descriptor)) != BAD:
            return file
    return None


def _open(place: Place) -> int | None:
    try:
        return place.open_file()
    except (VfsError, OSError) as error:
        log.debug("%s: %s", place.label, error)
        return None


class FileProof:
    """The check of one local file. `step` is for the checker's thread."""

    def __init__(self, store: ChunkStore, file: LocalFile) -> None:
        self.file = file
        self._store = store
        self._hasher = hasher_for(file.blob.digest, file.blob.size)
        self._offset = 0
        self._key = b""

    def step(self) -> bool | None:
        """Hash the next piece; at the end record the verdict.

        Returns:
            None: more is to come. True or False: the file is right or wrong.

        Raises:
            DataUnavailable: it cannot be read.
        """
        if not self._key:
            self._key = self._settled_key()
            if self._store.verdict(self._key) == VERIFIED:
                return True
        size = self.file.blob.size
        stop = min(self._offset + PIECE, size)
        while self._offset < stop:
            data = self.file.read(self._offset, min(READ, stop - self._offset))
            self._hasher.update(data)
            self._offset += len(data)
        return None if self._offset < size else self._settle()

    def _settled_key(self) -> bytes:
        """The key, such that a change from now on gives another one."""
        age = time.time() - os.fstat(self.file.descriptor).st_ctime
        time.sleep(min(max(0.0, TICK - age), TICK))
        return verdict_key(self.file.blob, self.file.descriptor)

    def _settle(self) -> bool:
        blob = self.file.blob
        if self._hasher.matches(blob.digest.value):
            self._store.set_verdict(self._key, VERIFIED)  # of the file as it was before
            return True
        self._store.set_verdict(verdict_key(blob, self.file.descriptor), BAD)
        self._store.set_verdict(blob.key + FILE, BAD_FILE)  # what remotes have is not suspect
        return False
