"""Listings that were seen on a remote with all their files: whoever asks for files there asks for these first, since one answer stands for many files.

Record: key = what stands for the remote (`RemoteRef.service`, 16 bytes), digest key, one byte 2; value = seconds (u32) when it was seen.
(1 stood for a listing that was seen itself; nothing follows from that for its files.)

Rule: nothing is taken to be there because it stands here; somebody may have removed it since. Only what this clone saw itself: put there, or was told by the remote.
"""

import time
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

from vfs.state.table import StateTable
from vfs.types import Algorithm, Digest

_TIME: Final = Struct("<I")
_WHOLE: Final = b"\x02"


class Seen:
    """What is known to lie on one remote; blocking and thread-safe."""

    def __init__(self, table: StateTable, service: bytes) -> None:
        self._table = table
        self._prefix = service

    def known(self, listings: Sequence[Digest]) -> list[bool]:
        """For each listing whether it was seen."""
        table = self._table.tables["seen"]

        def read(transaction: Any) -> list[bool]:
            return [transaction.get(self._key(one), db=table) is not None for one in listings]

        return self._table.read(read)

    def add(self, listings: Iterable[Digest]) -> None:
        """Remember listings as seen now."""
        value = _TIME.pack(int(time.time()))
        keys = [self._key(one) for one in listings]
        table = self._table.tables["seen"]

        def write(transaction: Any) -> None:
            for key in keys:
                transaction.put(key, value, db=table)

        if keys:
            self._table.remember(write)

    def listings(self, most: int) -> list[Digest]:
        """The listings that were seen last, at most so many, the newest first."""
        table = self._table.tables["seen"]

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            found = []
            with transaction.cursor(db=table) as cursor:
                there = cursor.set_range(self._prefix)
                while there and (key := cursor.key()).startswith(self._prefix):
                    if key.endswith(_WHOLE):
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

        self._table.remember(write)

    def _key(self, listing: Digest) -> bytes:
        return self._prefix + listing.key + _WHOLE
