"""Verdicts: whether a foreign object as a whole has the digest that names it.

Rules:
- `VERIFIED` is said of the blocks that lie in the store: the transaction that stores a block which came from elsewhere
  takes it back, and only a new comparison says it again.
- The source of blocks that are not verified is noted before the first of them is stored, and no block of another source is stored
  as long as the note stands. So all of them are of one source; `claim` makes room for another.
- `BAD` stays until another verdict takes its place. `State.condemned` grows with it, so that other processes notice.
"""

from collections.abc import Iterable
from typing import Any, Final

from vfs.store.index import Index

VERIFIED: Final = 1
BAD: Final = 2
BAD_FILE: Final = 3
"""A plain local file named after the object is bad, which says nothing of what remotes have."""

_SOURCE: Final = b"from"
"""Behind the key of a digest: the key of the source of its blocks that are not verified."""

BLOCK_NUMBER: Final = 4
"""Bytes of a block's number, which ends its key; before it stands the key of the digest."""


class Verdicts:
    """See the module."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def get(self, blob_key: bytes) -> int | None:
        """`VERIFIED`, `BAD`, `BAD_FILE`, or None (loop-safe). Raises StoreError."""
        value = self._index.get(self._index.verdicts, blob_key)
        return value[0] if value else None

    def set(self, blob_key: bytes, verdict: int | None) -> None:
        """Remember a verdict, or that there is none. Raises StoreError."""

        def write(transaction: Any) -> None:
            if verdict is None:
                transaction.delete(blob_key, db=self._index.verdicts)
                return
            transaction.put(blob_key, bytes((verdict,)), db=self._index.verdicts)
            if verdict == BAD:
                _tell(transaction, self._index)

        self._index.write(write)

    def source(self, blob_key: bytes) -> bytes:
        """Where the unproven blocks of an object came from; empty if that is not known (loop-safe). Raises StoreError."""
        return self._index.get(self._index.verdicts, blob_key + _SOURCE) or b""

    def claim(self, blob_key: bytes, source: bytes, before: bytes) -> bool:
        """Unproven blocks of a source are about to be stored: drop those of any other one but `before`; whether there were any."""
        if source == self.source(blob_key):
            return False

        def write(transaction: Any) -> bool:
            index, key = self._index, blob_key + _SOURCE
            found = transaction.get(key, db=index.verdicts) or b""
            verified = transaction.get(blob_key, db=index.verdicts) == bytes((VERIFIED,))
            if verified or found == source:
                return False
            transaction.put(key, source, db=index.verdicts)
            dropped = not (before and found == before) and _drop_all(transaction, index, blob_key)
            if dropped:
                _tell(transaction, index)
            return dropped

        return bool(self._index.write(write))


def admit(transaction: Any, index: Index, keys: Iterable[bytes], source: bytes) -> bool:
    """Within the transaction that stores blocks: what was verified before did not mean them; whether they may be stored.

    `source` is where they came from; empty if whoever stores them has compared them, or nobody can.
    """
    for blob_key in {key[:-BLOCK_NUMBER] for key in keys} - {b""}:
        verdict = transaction.get(blob_key, db=index.verdicts)
        if verdict == bytes((VERIFIED,)):
            transaction.delete(blob_key, db=index.verdicts)
            if source:
                transaction.put(blob_key + _SOURCE, source, db=index.verdicts)
                _tell(transaction, index)
        elif source:
            found = transaction.get(blob_key + _SOURCE, db=index.verdicts)
            if found is None:  # the store was emptied since
                transaction.put(blob_key + _SOURCE, source, db=index.verdicts)
            elif found != source:
                return False
    return True


def _drop_all(transaction: Any, index: Index, blob_key: bytes) -> bool:
    """Forget every block of an object; whether there was one."""
    with transaction.cursor(db=index.chunks) as cursor:
        found = cursor.set_range(blob_key)
        dropped = found and cursor.key().startswith(blob_key)
        while found and cursor.key().startswith(blob_key):
            found = cursor.delete()
    return bool(dropped)


def _tell(transaction: Any, index: Index) -> None:
    """Have other processes look again at the large objects they use."""
    state = index.state_in(transaction)
    index.put_state(transaction, state._replace(condemned=state.condemned + 1))
