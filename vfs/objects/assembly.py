"""An object that comes in pieces, in any order.

Rule: as everything in a cache it gets its name when all of it was hashed. What comes in order is hashed as it comes; what
came too early is read back from the temporary file when its turn is.
"""

import os
from contextlib import ExitStack
from typing import Final

from vfs.errors import ContentMismatch
from vfs.formats.hashing import hasher_for
from vfs.objects.incoming import Incoming
from vfs.types import Digest

_PIECE: Final = 1 << 20


class Assembly:
    """One object; belongs to one thread. It is given up by `close` unless it was whole before."""

    def __init__(self, incoming: Incoming, path: str, digest: Digest, size: int, base: str) -> None:
        """Use `ObjectCache.assemble`; `base`: directory to write in until then."""
        self._incoming = incoming
        self._path = path
        self._digest = digest
        self._size = size
        self._hasher = hasher_for(digest, size)
        self._hashed = self._written = 0
        self._early: dict[int, int] = {}
        self._stack = ExitStack()
        self._made = self._stack.enter_context(incoming.temporary(base))

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> bool:
        """Take a piece; whether the object is whole now, and in the cache.

        Raises:
            ContentMismatch: it is whole and not what its digest names; nothing was put.
            StoreFull, StoreError: the cache cannot be written.
        """
        view = memoryview(data)
        try:
            self._put(offset, view)
            if offset == self._hashed:
                self._hasher.update(view)
                self._hashed += len(view)
            else:
                self._early[offset] = len(view)
            while (length := self._early.pop(self._hashed, 0)) > 0:
                self._hash(length)
            if self._written < self._size:
                return False
            if self._hashed != self._size or not self._hasher.matches(self._digest.value):
                raise ContentMismatch(f"what came for {self._digest} has other bytes")
            self._incoming.publish(self._made, self._path)
        except BaseException:
            self.close()
            raise
        self.close()
        return True

    def close(self) -> None:
        """Give the temporary file up."""
        self._stack.close()

    def _put(self, offset: int, view: memoryview) -> None:
        self._written += len(view)
        try:
            while view:
                count = os.pwrite(self._made.descriptor, view, offset)
                view, offset = view[count:], offset + count
        except OSError as error:
            raise self._incoming.failed(error) from error

    def _hash(self, length: int) -> None:
        """Take what came early into the digest."""
        end = self._hashed + length
        while self._hashed < end:
            piece = os.pread(self._made.descriptor, min(_PIECE, end - self._hashed), self._hashed)
            if not piece:
                return
            self._hasher.update(piece)
            self._hashed += len(piece)
