"""What is appended to a store: chunks with their checksums, and writing them all to a file."""

import os
import secrets
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from vfs.store.layout import MAX_KEY, RECORD_HEADER, Entry, aligned, checksum

Buffer = bytes | bytearray | memoryview


class Item(NamedTuple):
    """One chunk to append."""

    key: bytes
    payload: Buffer
    digest: int
    stamp: int

    @property
    def room(self) -> int:
        """Bytes it takes in a segment."""
        return aligned(RECORD_HEADER + len(self.key) + len(self.payload))


class Placed(NamedTuple):
    """A chunk that is in the store now."""

    key: bytes
    entry: Entry


def weigh(items: Sequence[tuple[bytes, Buffer]], sums: Sequence[int] = ()) -> list[Item]:
    """What will be appended, with its checksums, unless they are known. Raises ValueError for an impossible key."""
    for key, _ in items:
        if not 0 < len(key) <= MAX_KEY:
            raise ValueError(f"a chunk key has {len(key)} bytes; 1 to {MAX_KEY} are possible")
    return [
        Item(key, flat, known or checksum(flat), secrets.randbits(32))
        for (key, payload), known in zip_longest(items, sums)
        for flat in (memoryview(payload).cast("B"),)
    ]


def write_all(descriptor: int, pieces: Sequence[Buffer], position: int) -> int:
    """Write pieces one after the other; returns the place behind the last. Raises OSError."""
    views = [memoryview(piece) for piece in pieces]
    while views:
        written = os.pwritev(descriptor, views, position)
        position += written
        while views and written >= len(views[0]):
            written -= len(views[0])
            views.pop(0)
        if views and written:
            views[0] = views[0][written:]
    return position
