"""`LocalFile`: an open file of this machine (DVC cache, LFS object) that is named after a blob; `FileProof`: whether it is that blob.

Rules:
- Reading never hashes. Once as many bytes were handed out as the file has, the checker's thread hashes it, piece by piece. The verdict is
  kept in the chunk store under digest and fingerprint, so a file that changed in place has none.
- Its descriptor may be let go at any time (`vfs.transfer.kept`). What is opened again later must be the same file, unchanged.
"""

import errno
import functools
import logging
import os
import time
from collections.abc import Callable
from struct import Struct
from typing import Final

from vfs.descriptors import Descriptor
from vfs.errors import DataUnavailable, RemoteUnavailable, VfsError
from vfs.formats.hashing import hasher_for
from vfs.store import BAD, BAD_FILE, FILE, VERIFIED, ChunkStore
from vfs.transfer.blocks import WHOLE_SIZE, provable
from vfs.transfer.kept import KEPT
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


class Replaced(DataUnavailable):
    """A local file is not the one any more that was found: to be looked for anew."""


class LocalFile:
    """A file that was opened, and its descriptor as long as that is kept.

    Attributes:
        blob: what it should hold; it has that size.
        due: bytes still to be handed out before it is to be checked.
        checking: whether the checker is at it.
        used: set by each read.
    """

    __slots__ = ("__weakref__", "_file", "_open", "_was", "blob", "checking", "due", "used")

    def __init__(self, descriptor: int, blob: Blob, reopen: Callable[[], int | None]) -> None:
        self.blob = blob
        self.due = blob.size
        self.checking = False
        self.used = True
        self._open = reopen
        self._file: Descriptor | None = Descriptor(descriptor)
        self._was = _fingerprint(descriptor)
        KEPT.note(self)

    def __del__(self) -> None:
        KEPT.forget(self)

    def let_go(self) -> None:
        """Close it until it is read again."""
        self._file = None

    def opened(self) -> Descriptor:
        """The descriptor, opened again if it was let go; for worker threads.

        Raises:
            Replaced: it is another file now, or none.
        """
        self.used = True
        file = self._file
        if file is None:
            number = self._open()
            if number is None:
                raise Replaced("a local file is gone")
            file = Descriptor(number)
            if _fingerprint(number) != self._was:
                raise Replaced("a local file is not the one it was")
            self._file = file
            KEPT.note(self)
        return file

    def verdict(self, store: ChunkStore) -> int | None:
        """What is known of the file as it is now; for worker threads. Raises as `opened`."""
        return store.verdict(verdict_key(self.blob, self.opened().number))

    def handed_out(self, count: int) -> bool:
        """Count bytes; whether as many went out as the file has (all of it was seen, then), and start over."""
        self.due -= count
        if self.due > 0:
            return False
        self.due = self.blob.size
        return True

    def read_nowait(self, offset: int, length: int) -> Data | None:
        """Bytes in the page cache, or None if the disk would be waited for, or cannot be read, or the file was let go."""
        file = self._file
        if file is None:
            return None
        self.used = True
        buffer = bytearray(length)
        try:
            count = os.preadv(file.number, [buffer], offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
                log.debug("a local file of %s: %s", self.blob.digest, error)  # `read` tells
            return None
        return buffer if count == length else None

    def read(self, offset: int, length: int) -> Data:
        """All of a range, waiting for the disk; for worker threads.

        Raises:
            DataUnavailable: it cannot be read, or ends before; Replaced as `opened`.
        """
        file = self.opened()
        data = b""
        while len(data) < length:
            try:
                more = os.pread(file.number, length - len(data), offset + len(data))
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
    return blob.key + _fingerprint(descriptor)


def _fingerprint(descriptor: int) -> bytes:
    now = os.fstat(descriptor)
    return _FINGERPRINT.pack(now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)


def find_local(blob: Blob, places_of: PlacesOf, store: ChunkStore) -> LocalFile | None:
    """As `open_local`; a small file was hashed, a large one will be once all of it was handed out."""
    found = open_local(blob, places_of, store)
    return found if found is not None and _is_sound(found) else None


def open_local(blob: Blob, places_of: PlacesOf, store: ChunkStore) -> LocalFile | None:
    """A plain local file with a blob's content (by its size, and not known to be wrong), or None; blocking.

    Raises:
        RemoteUnavailable: there is none, but a file system hangs that might have one.
    """
    hangs: RemoteUnavailable | None = None
    try:
        places = places_of()
    except VfsError as error:
        log.debug("no places for %s: %s", blob.digest, error)
        return None
    for place in places:
        try:
            descriptor = place.open_file() if place.local else None
        except RemoteUnavailable as error:
            hangs = error
            continue
        except (VfsError, OSError) as error:
            log.debug("%s: %s", place.label, error)
            continue
        if descriptor is None:
            continue
        file = LocalFile(descriptor, blob, functools.partial(_reopen, place))
        size = os.fstat(descriptor).st_size
        if size != blob.size:
            log.warning(
                "%s: %s has %d bytes, expected %d", place.label, blob.digest, size, blob.size
            )
        elif store.verdict(verdict_key(blob, descriptor)) != BAD:
            return file
    if hangs is not None:
        raise hangs
    return None


def _reopen(place: Place) -> int | None:
    try:
        return place.open_file()
    except (VfsError, OSError) as error:
        log.debug("%s: %s", place.label, error)
        return None


def _is_sound(local: LocalFile) -> bool:
    """Whether a small local file is what its digest says."""
    blob = local.blob
    if blob.size > WHOLE_SIZE or not provable(blob):
        return True
    hasher = hasher_for(blob.digest, blob.size)
    try:
        hasher.update(local.read(0, blob.size))
    except DataUnavailable as error:
        log.warning("a local file of %s: %s; reading from elsewhere", blob.digest, error)
        return False
    if hasher.matches(blob.digest.value):
        return True
    log.warning("a local file is not the %s it is named; reading from elsewhere", blob.digest)
    return False


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
        file = self.file.opened()
        age = time.time() - os.fstat(file.number).st_ctime
        time.sleep(min(max(0.0, TICK - age), TICK))
        return verdict_key(self.file.blob, file.number)

    def _settle(self) -> bool:
        blob = self.file.blob
        if self._hasher.matches(blob.digest.value):
            self._store.set_verdict(self._key, VERIFIED)  # of the file as it was before
            return True
        self._store.set_verdict(verdict_key(blob, self.file.opened().number), BAD)
        self._store.set_verdict(blob.key + FILE, BAD_FILE)  # what remotes have is not suspect
        return False
