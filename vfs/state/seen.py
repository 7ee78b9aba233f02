"""Listings that were seen on a remote with all their files: whoever asks for files there asks for these first, since one answer stands for many files.

Record: key = what stands for the remote (`RemoteRef.service`, 16 bytes), digest key, one byte 3; value = seconds (u32) when it was seen, and when it had been put
(f64, seconds since the epoch), as the remote says.
(1 stood for a listing that was seen itself, 2 for one of which it was not noted when it had been put; nothing follows from those.)

Rule: nothing is taken to be there because it stands here; somebody may have removed it since, and put it again without its files. Only what this clone saw
itself: put there, or was told by the remote.
"""

import time
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final

from vfs.state.table import StateTable
from vfs.types import Algorithm, Digest

_TIMES: Final = Struct("<Id")
_WHOLE: Final = b"\x03"


class Seen:
    """What is known to lie on one remote; blocking and thread-safe."""

    def __init__(self, table: StateTable, service: bytes) -> None:
        self._table = table
        self._prefix = service

    def known(self, listings: Sequence[Digest]) -> list[float | None]:
        """For each listing when that was put which was seen; None if none was."""
        table = self._table.tables["seen"]

        def read(transaction: Any) -> list[bytes | None]:
            return [transaction.get(self._key(one), db=table) for one in listings]

        return [None if one is None else _put(one) for one in self._table.read(read)]

    def add(self, listings: Mapping[Digest, float]) -> None:
        """Remember listings as seen now, and when they had been put."""
        now = int(time.time())
        records = {self._key(one): _TIMES.pack(now, put) for one, put in listings.items()}
        table = self._table.tables["seen"]

        def write(transaction: Any) -> None:
            for key, value in records.items():
                transaction.put(key, value, db=table)

        if records:
            self._table.remember(write)

    def listings(self, most: int) -> dict[Digest, float]:
        """The listings that were seen last, at most so many, the newest first, and when they had been put."""
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

        newest = sorted(self._table.read(read), key=lambda item: _TIMES.unpack(item[0]))[-most:]
        cut = len(self._prefix)
        return {
            Digest(Algorithm(key[cut]), key[cut + 1 : -1]): _put(value)
            for value, key in reversed(newest)
        }

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


def _put(value: bytes) -> float:
    """When a listing had been put, of a record."""
    return float(_TIMES.unpack(value)[1])
