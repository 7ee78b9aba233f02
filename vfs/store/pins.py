"""Pins: chunks that eviction keeps.

Rule: a pin is a wish: it may name chunks that are not here yet. A content is named as a whole (`whole`), so it costs one key, whatever
size is claimed of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from vfs.core.ranges import block_count
from vfs.store.index import Index
from vfs.types import is_block, proven_twin

_BATCH: Final = 4096  # keys per transaction, so that other writers get their turn
_ALL: Final = b"\xff\xff\xff\xff*"
"""In the place of a block's number, and longer than that: all blocks."""


def whole(prefix: bytes) -> bytes:
    """What stands in a pin for all blocks of a content, whose keys begin with its key."""
    return prefix + _ALL


class Pins:
    """Named sets of chunk keys."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def pin(self, name: str, keys: Iterable[bytes]) -> None:
        """Add keys to a pin. Raises StoreError."""
        label = _label(name)
        number = self._index.write(partial(self._number, label=label))
        for batch in _batches(keys):
            self._index.write(partial(self._add, number=number, keys=batch))

    def _number(self, transaction: Any, label: bytes) -> bytes:
        """The number of a pin, given to it when it is first used."""
        found = transaction.get(label, db=self._index.pins)
        if found is not None:
            return bytes(found)
        with transaction.cursor(self._index.pins) as cursor:
            used = {value for _, value in cursor}
        number = next(n for i in range(1, 1 << 32) if (n := i.to_bytes(4, "big")) not in used)
        transaction.put(label, number, db=self._index.pins)
        return number

    def _add(self, transaction: Any, number: bytes, keys: list[bytes]) -> None:
        for key in keys:
            transaction.put(key, number, db=self._index.pinned)

    def unpin(self, name: str) -> bool:
        """Remove a pin; returns whether there was one. Raises StoreError."""
        number = self._index.get(self._index.pins, _label(name))
        if number is None:
            return False
        start: bytes | None = b""
        while start is not None:
            start = self._index.write(partial(self._remove, number=number, start=start))
        self._index.write(lambda transaction: transaction.delete(_label(name), db=self._index.pins))
        return True

    def _remove(self, transaction: Any, number: bytes, start: bytes) -> bytes | None:
        """Remove a pin from some keys; returns the key to go on from."""
        with transaction.cursor(self._index.pinned) as cursor:
            found = cursor.set_range(start) if start else cursor.first()
            if not found:
                return None
            keys = [bytes(key) for key in islice(cursor.iternext_nodup(values=False), _BATCH + 1)]
        for key in keys[:_BATCH]:
            transaction.delete(key, number, db=self._index.pinned)
        return keys[_BATCH] if len(keys) > _BATCH else None

    def names(self) -> dict[str, int]:
        """Every pin and how many chunks it holds. Raises StoreError."""

        def read(transaction: Any) -> dict[str, int]:
            with transaction.cursor(self._index.pins) as cursor:
                labels = {bytes(value): bytes(key) for key, value in cursor}
            counts = dict.fromkeys(labels, 0)
            with transaction.cursor(self._index.pinned) as cursor:
                for key, number in cursor.iternext():
                    if number in counts:
                        counts[number] += _blocks(bytes(key))
            return {labels[number].decode(): count for number, count in counts.items()}

        return self._index.read(read)

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        """For each key whether any pin names it. Raises StoreError."""

        def read(transaction: Any) -> list[bool]:
            return [_named(transaction, self._index, key) for key in keys]

        return self._index.read(read)

    def count(self) -> int:
        """How many pins there are. Raises StoreError."""
        return self._index.read(lambda t: int(t.stat(self._index.pins)["entries"]))


def is_pinned(transaction: Any, index: Index, key: bytes) -> bool:
    """Whether a pin holds a chunk: it names it, or the proven block that it stands for until it is compared."""
    if _named(transaction, index, key):
        return True
    twin = proven_twin(key)
    return _named(transaction, index, twin) and transaction.get(twin, db=index.chunks) is None


def _named(transaction: Any, index: Index, key: bytes) -> bool:
    return any(transaction.get(k, db=index.pinned) is not None for k in (key, whole(key[:-4])))


def _blocks(key: bytes) -> int:
    """How many chunks a key in a pin stands for: none, if it is that of a pointer."""
    if not key.endswith(_ALL):
        return int(is_block(key))
    own = key[: -len(_ALL)]  # a byte, a digest of an even length, 8 bytes of size, `SHARED` or not
    return block_count(int.from_bytes(own[-8:] if len(own) % 2 else own[-9:-1], "big"))


def _label(name: str) -> bytes:
    label = name.encode()
    if not 0 < len(label) <= 500:
        raise ValueError(f"the name of a pin has 1 to 500 bytes, not {len(label)}")
    return label


def _batches(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(keys)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
