"""Objects that were seen on a remote, so that a push does not ask again.

Record: key = what stands for the remote (`RemoteRef.service`, 16 bytes), digest key, one byte 1 for a listing; value = seconds (u32) when it was seen.

Rule: only what this clone saw itself: put there, or was told by the remote. Somebody may delete it since, so
`forget_remote` is called when a remote turns out not to have what was seen; `fsck` never trusts this table.
"""

import time
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

from vfs.state.table import StateTable
from vfs.types import Algorithm, Digest

_TIME: Final = Struct("<I")

Object = tuple[Digest, bool]
"""A digest, and whether it names a listing."""


class Seen:
    """What is known to lie on one remote; blocking and thread-safe."""

    def __init__(self, table: StateTable, service: bytes) -> None:
        self._table = table
        self._prefix = service

    def known(self, objects: Sequence[Object], *, since: int = 0) -> list[bool]:
        """For each object whether it was seen at or after `since` (seconds since the epoch)."""
        table = self._table.tables["seen"]

        def read(transaction: Any) -> list[bytes | None]:
            return [transaction.get(self._key(*one), db=table) for one in objects]

        return [
            value is not None and len(value) == _TIME.size and _TIME.unpack(value)[0] >= since
            for value in self._table.read(read)
        ]

    def add(self, objects: Iterable[Object]) -> None:
        """Remember objects as seen now."""
        value = _TIME.pack(int(time.time()))
        keys = [self._key(*one) for one in objects]
        table = self._table.tables["seen"]

        def write(transaction: Any) -> None:
            for key in keys:
                transaction.put(key, value, db=table)

        self._table.write(write)

    def listings(self, most: int) -> list[Digest]:
        """The listings that were seen last, at most so many, the newest first."""
        table = self._table.tables["seen"]

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            found = []
            with transaction.cursor(db=table) as cursor:
                there = cursor.set_range(self._prefix)
                while there and (key := cursor.key()).startswith(self._prefix):
                    if key[-1]:
                        found.append((cursor.value(), key))
                    there = cursor.next()
            return found

        newest = sorted(self._table.read(read), key=lambda item: _TIME.unpack(item[0]))[-most:]
        cut = len(self._prefix)
        return [Digest(Algorithm(key[cut]), key[cut + 1 : -1]) for _, key in reversed(newest)]

    def forget_remote(self) -> None:
        """Forget everything about the remote."""
        table = self._table.tables["seen"]

        def write(transaction: Any) -> None:
            with transaction.cursor(db=table) as cursor:
                found = cursor.set_range(self._prefix)
                while found and cursor.key().startswith(self._prefix):
                    found = cursor.delete()

        self._table.write(write)

    def _key(self, digest: Digest, is_tree: bool) -> bytes:
        return self._prefix + digest.key + bytes((is_tree,))
