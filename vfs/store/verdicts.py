"""Verdicts: whether a foreign object as a whole has the digest that names it.

Rules:
- Blocks that nobody has compared lie under the key of an edition (one version at one place, for one repository); those of an object that
  was right as a whole under one that all share (`promote`). A block is promoted only if it is still the one that was compared, by its stamp.
- The transaction that stores an unproven block says `UNPROVEN` of the object, for its repository, which takes an earlier `VERIFIED` back.
- The last edition of each place is remembered (`remember`) for when no place answers; losing that is harmless.
- `BAD` stays until another verdict takes its place. `State.condemned` grows with it, so that other processes notice.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

from vfs.store.index import Index
from vfs.store.layout import unpack_entry

VERIFIED: Final = 1
BAD: Final = 2
BAD_FILE: Final = 3
"""A plain local file named after the object is bad, which says nothing of what remotes have."""
UNPROVEN: Final = 4
"""Blocks of it have come that nobody has compared."""

FILE: Final = b"file"
"""Behind the key of an object: what is said of plain local files of that name (`BAD_FILE`)."""

_FROM: Final = b"from"
"""Behind the key of an object and before that of a place: the last edition of that place."""

_BLOCK_NUMBER: Final = 4
"""Bytes of a block's number, which ends its key."""

_AT_ONCE: Final = 4096
"""Blocks promoted in one transaction (about 10 ms)."""


class Verdicts:
    """See the module."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def get(self, blob_key: bytes) -> int | None:
        """One of the numbers above, or None (loop-safe). Raises StoreError."""
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
                grown = state._replace(condemned=state.condemned + 1)
                self._index.put_state(transaction, grown)

        self._index.write(write)

    def remember(self, own: bytes, place: bytes, edition: bytes) -> None:
        """Note the last edition of an object at a place. Raises StoreError."""
        index, key = self._index, own + _FROM + place
        if index.get(index.verdicts, key) != edition:
            index.write(lambda transaction: transaction.put(key, edition, db=index.verdicts))

    def remembered(self, own: bytes) -> dict[bytes, bytes]:
        """The last edition of an object by place (loop-safe). Raises StoreError."""
        start = own + _FROM

        def read(transaction: Any) -> dict[bytes, bytes]:
            found = {}
            with transaction.cursor(self._index.verdicts) as cursor:
                there = cursor.set_range(start)
                while there and cursor.key().startswith(start):
                    found[bytes(cursor.key()[len(start) :])] = bytes(cursor.value())
                    there = cursor.next()
            return found

        return self._index.read(read)

    def promote(
        self,
        own: bytes,
        editions: Sequence[bytes],
        shared: bytes,
        blocks: Iterable[tuple[int, int]],
    ) -> bool:
        """An object is right as a whole: give the blocks that were compared to everybody.

        Args:
            own: key of the object in its repository.
            editions: keys of its unproven blocks.
            shared: key of its proven ones.
            blocks: (number, stamp) of what was compared.

        Returns:
            Whether nothing unproven of it is left; then it is `VERIFIED`.

        Raises:
            StoreError: the index cannot be written.
        """
        index, rest = self._index, iter(blocks)
        while batch := list(itertools.islice(rest, _AT_ONCE)):
            index.write(functools.partial(_move, index, editions, shared, batch))

        def write(transaction: Any) -> bool:
            if any(_is_left(transaction, index, edition, shared) for edition in editions):
                return False
            transaction.delete(own, db=index.verdicts)
            transaction.delete(own + FILE, db=index.verdicts)
            transaction.put(shared, bytes((VERIFIED,)), db=index.verdicts)
            return True

        return bool(index.write(write))


def note_unproven(transaction: Any, index: Index, own: bytes) -> None:
    """Within the transaction that stores blocks nobody has compared: what was verified before did not mean them."""
    if transaction.get(own, db=index.verdicts) in (None, bytes((VERIFIED,))):
        transaction.put(own, bytes((UNPROVEN,)), db=index.verdicts)


def _move(
    index: Index,
    editions: Sequence[bytes],
    shared: bytes,
    blocks: list[tuple[int, int]],
    transaction: Any,
) -> None:
    for (block, stamp), own in itertools.product(blocks, editions):
        number = block.to_bytes(_BLOCK_NUMBER, "big")
        value = transaction.get(own + number, db=index.chunks)
        entry = unpack_entry(value or b"")
        if entry is None or entry.stamp != stamp:
            continue  # it is another edition's, was evicted, or came again meanwhile
        transaction.delete(own + number, db=index.chunks)
        transaction.put(shared + number, value, db=index.chunks)
        member = entry.segment.to_bytes(4, "big") + entry.offset.to_bytes(4, "big")
        transaction.put(member, shared + number, db=index.members)


def _is_left(transaction: Any, index: Index, own: bytes, shared: bytes) -> bool:
    """Whether an unproven block has no proven twin; those that have one are dropped."""
    with transaction.cursor(db=index.chunks) as cursor:
        found = cursor.set_range(own)
        while found and cursor.key().startswith(own):
            twin = shared + cursor.key()[-_BLOCK_NUMBER:]
            if transaction.get(twin, db=index.chunks) is None:
                return True
            found = cursor.delete()
    return False
