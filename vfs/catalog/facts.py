"""What is known about contents for ever: the size, and the time this machine first saw them.

Key: `Digest.key`. Value: size u64, mtime i64, little-endian. A later size corrects an earlier
one (a remote's LIST may have been wrong); the first mtime stays, so that a file's time changes
exactly when its content does. A content that was seen before anybody vouched for its size has
the size `_UNSIZED` and is no fact yet.
"""

import struct
from collections.abc import Iterable, Sequence

from vfs.catalog.storage import Storage
from vfs.errors import FormatError
from vfs.formats.hashing import believable
from vfs.types import Digest

Fact = tuple[int, int]  # size in bytes, mtime in seconds

_FACT = struct.Struct("<Qq")
_UNSIZED = 2**64 - 1
_UNSIZED_BYTES = struct.pack("<Q", _UNSIZED)
_TABLE = "facts"
_BATCH = 250_000  # pairs per transaction: bounds the memory of an endless stream


class Facts:
    """The table of facts."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, digest: Digest) -> Fact | None:
        """Size and first-seen time of one content (loop-safe)."""
        value = self._storage.get(_TABLE, bytes((digest[0],)) + digest[1])
        if value is None or len(value) != _FACT.size:
            return None
        size, mtime = _FACT.unpack(value)
        return None if size == _UNSIZED else (size, mtime)

    def first_seen(self, digest: Digest, time: int) -> int:
        """The mtime of a content, which is `time` if this is the first that is heard of it."""
        key = digest.key
        value = self._storage.get(_TABLE, key)
        if value is None or len(value) != _FACT.size:
            self._storage.put(
                _TABLE, [(key, _FACT.pack(_UNSIZED, time))], replace=value is not None
            )
            return time
        mtime: int = _FACT.unpack(value)[1]
        return mtime

    def see_first(self, digests: Iterable[Digest], time: int) -> None:
        """Keep `time` as the mtime of each content that is new."""
        fresh = _FACT.pack(_UNSIZED, time)
        self._storage.put(_TABLE, sorted((digest.key, fresh) for digest in digests), replace=False)

    def get_many(self, digests: Sequence[Digest]) -> list[Fact | None]:
        """Facts in the order of `digests`, None where nothing is known."""
        keys = [bytes((algorithm,)) + value for algorithm, value in digests]
        found = dict(self._storage.get_sorted(_TABLE, sorted(set(keys))))
        unpack = _FACT.unpack
        get = found.get
        values = [get(key) for key in keys]
        return [
            None
            if value is None or len(value) != _FACT.size or value.startswith(_UNSIZED_BYTES)
            else unpack(value)
            for value in values
        ]

    def learn(self, facts: Iterable[tuple[Digest, int, int]]) -> None:
        """Store facts (digest, size, mtime); an empty content that its digest does not name is none.

        Raises:
            FormatError: a size is negative or does not fit.
        """
        batch: dict[bytes, bytes] = {}
        pack = _FACT.pack
        try:
            for (algorithm, value), size, mtime in facts:
                if size == _UNSIZED:
                    raise FormatError(f"a size is out of range: {size}")
                if not size and not believable(Digest(algorithm, value), size):
                    continue
                key = bytes((algorithm,)) + value
                known = batch.get(key)
                if known is not None:
                    mtime = _FACT.unpack(known)[1]
                batch[key] = pack(size, mtime)
                if len(batch) >= _BATCH:
                    self._store(batch)
                    batch = {}
        except struct.error as error:
            raise FormatError(f"a size or time is out of range: {error}") from error
        if batch:
            self._store(batch)

    def doubt(self, digest: Digest, size: int) -> bool:
        """Forget a size that was met to be wrong, if it is the one that is kept; returns whether it was."""
        known = self.get(digest)
        if known is None or known[0] != size:
            return False
        return bool(
            self._storage.put(_TABLE, [(digest.key, _FACT.pack(_UNSIZED, known[1]))], replace=True)
        )

    def _store(self, batch: dict[bytes, bytes]) -> None:
        items = sorted(batch.items())
        if self._storage.put(_TABLE, items, replace=False) == len(items):
            return
        corrected = []
        for key, stored in self._storage.get_sorted(_TABLE, [key for key, _ in items]):
            size, mtime = _FACT.unpack(batch[key])
            known_size = None
            if len(stored) == _FACT.size:
                known_size, mtime = _FACT.unpack(stored)
            if size != known_size:
                corrected.append((key, _FACT.pack(size, mtime)))
        if corrected:
            self._storage.put(_TABLE, corrected, replace=True)
