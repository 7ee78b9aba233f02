"""Verdicts: whether a foreign object as a whole has the digest that names it.

Rules:
- `VERIFIED` is said of the blocks that lie in the store: the transaction that stores a block which came from elsewhere
  takes it back, and only a new comparison says it again.
- `BAD` stays until another verdict takes its place. `State.condemned` grows with it, so that other processes notice.
"""

from collections.abc import Iterable
from typing import Any, Final

from vfs.store.index import Index

VERIFIED: Final = 1
BAD: Final = 2
BAD_FILE: Final = 3
"""A plain local file named after the object is bad, which says nothing of what remotes have."""

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
                state = self._index.state_in(transaction)
                self._index.put_state(transaction, state._replace(condemned=state.condemned + 1))

        self._index.write(write)


def doubt(transaction: Any, index: Index, keys: Iterable[bytes]) -> None:
    """Within the transaction that stores blocks: what was verified before did not mean them."""
    for blob_key in {key[:-BLOCK_NUMBER] for key in keys} - {b""}:
        if transaction.get(blob_key, db=index.verdicts) == bytes((VERIFIED,)):
            transaction.delete(blob_key, db=index.verdicts)
