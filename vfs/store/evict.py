"""Eviction: dropping the oldest segments, keeping what is pinned or in use.

Invariants:
- One process evicts at a time (flock of `evict`), one thread in it.
- A segment that a living process appends to is never evicted (its file is locked).
- Chunks leave the index in the transaction that removes their segment; the file goes after it.
- A chunk that is written again is found at its new place only if the index still has the entry that was read: what another process has
  dropped or replaced meanwhile does not come back.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from vfs.core.eviction import Resident, survivors
from vfs.core.outlook import Outlook, Outlooks
from vfs.errors import StoreError, StoreFull
from vfs.lmdb import Busy
from vfs.lmdb.lease import open_file, try_lock
from vfs.store.index import Index
from vfs.store.items import Item
from vfs.store.layout import (
    TOUCH_SHIFT,
    TOUCH_SLOTS,
    TOUCH_START,
    Entry,
    SegmentInfo,
    checksum,
    segment_name,
    unpack_entry,
    unpack_info,
)
from vfs.store.pins import is_pinned
from vfs.types import proven_twin

_log = logging.getLogger("vfs.store")


class Member(NamedTuple):
    """A live chunk of a segment."""

    key: bytes
    entry: Entry
    pinned: bool


class Evictor:
    """Eviction for one store in one process.

    Attributes:
        outlooks: what readers of this process said will come, if anything.
    """

    def __init__(self, index: Index, directory: Path, append: Callable[..., object]) -> None:
        self.outlooks: Outlooks | None = None
        self._index = index
        self._directory = directory
        self._segments = directory / "segments"
        self._append = append
        self._lock = threading.Lock()

    def run(self, excess: Callable[[], int]) -> int:
        """Drop segments, oldest first, until `excess()` is 0 or nothing more can go.

        Returns:
            Bytes by which the store became smaller.

        Raises:
            Busy: another process is evicting now.
            StoreError: the index failed.
        """
        with self._lock:
            descriptor = self._claim()
            try:
                return self._run(excess)
            finally:
                os.close(descriptor)

    def _claim(self) -> int:
        try:
            descriptor = open_file(self._directory / "evict", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"{self._directory}/evict: {error.strerror}") from error
        if try_lock(descriptor):
            return descriptor
        os.close(descriptor)
        raise Busy("another process is making room in the cache")

    def _run(self, excess: Callable[[], int]) -> int:
        before = self._index.state().total
        after = -1  # the highest segment looked at: survivors are younger, so each is met once
        newest = self._index.state().next_segment + len(self.segments())
        while excess() > 0:
            following = [(n, info) for n, info in self.segments() if after < n <= newest]
            if not following:
                break
            after, info = following[0]
            self._evict(after, info)
        return max(0, before - self._index.state().total)

    def segments(self) -> list[tuple[int, SegmentInfo]]:
        """Every segment, oldest first."""

        def read(transaction: Any) -> list[tuple[int, SegmentInfo]]:
            with transaction.cursor(self._index.segments) as cursor:
                pairs = [(int.from_bytes(key, "big"), unpack_info(value)) for key, value in cursor]
            return [(number, info) for number, info in pairs if info is not None]

        return self._index.read(read)

    def _evict(self, number: int, info: SegmentInfo) -> None:
        path = self._segments / segment_name(number, info.nonce)
        try:
            descriptor = open_file(path, os.O_RDWR)
        except FileNotFoundError:
            self.drop(number)
            return
        except OSError as error:
            _log.warning("%s cannot be opened: %s", path, error.strerror)
            return
        try:
            if try_lock(descriptor) and self._rescue(number, info, descriptor):
                self._drop_and_unlink(number, path)
        finally:
            os.close(descriptor)

    def _rescue(self, number: int, info: SegmentInfo, descriptor: int) -> bool:
        """Write again what must survive; False if the segment has to stay."""
        members = self.members(number)
        touched = self._touch_map(descriptor)
        residents = [
            Resident(
                item.entry.length,
                bool(touched[min(item.entry.offset >> TOUCH_SHIFT, TOUCH_SLOTS - 1)]),
                item.pinned,
                self._outlook(item.key),
            )
            for item in members
        ]
        kept = survivors(residents, info.size)
        if kept is None:
            return False
        for position in kept:
            item = self._read(descriptor, members[position])
            try:
                if item is not None:
                    self._append([item], was=members[position].entry)
            except StoreFull:
                if residents[position].pinned:
                    return False
        return True

    def _outlook(self, key: bytes) -> Outlook:
        """What is known of a block's content, of whatever edition the block is."""
        if not self.outlooks:
            return Outlook.UNKNOWN
        found = self.outlooks.of(key[:-4])
        return found or self.outlooks.of(proven_twin(key)[:-4])

    def _touch_map(self, descriptor: int) -> bytes:
        try:
            return os.pread(descriptor, TOUCH_SLOTS, TOUCH_START).ljust(TOUCH_SLOTS, b"\0")
        except OSError:
            return bytes(TOUCH_SLOTS)

    def _read(self, descriptor: int, member: Member) -> Item | None:
        """A chunk to be written again; None if it is not sound."""
        entry = member.entry
        try:
            data = os.pread(descriptor, entry.length, entry.offset)
        except OSError:
            return None
        sound = len(data) == entry.length and checksum(data) == entry.checksum
        return Item(member.key, data, entry.checksum, entry.stamp) if sound else None

    def members(self, number: int) -> list[Member]:
        """The chunks whose current place is in a segment, by offset."""
        prefix = number.to_bytes(4, "big")

        def read(transaction: Any) -> list[Member]:
            found = []
            with transaction.cursor(self._index.members) as cursor:
                cursor.set_range(prefix)
                for place, key in cursor.iternext():
                    if place[:4] != prefix:
                        break
                    entry = unpack_entry(transaction.get(key, db=self._index.chunks) or b"")
                    if entry is None or entry.segment != number:
                        continue
                    if entry.offset == int.from_bytes(place[4:], "big"):
                        pinned = is_pinned(transaction, self._index, key)
                        found.append(Member(key, entry, pinned))
            return found

        return self._index.read(read)

    def _drop_and_unlink(self, number: int, path: Path) -> None:
        try:
            self.drop(number)
        except StoreFull:  # the index has no room to forget in: make some first
            path.unlink(missing_ok=True)
            self.drop(number)
        with suppress(OSError):
            path.unlink()

    def drop(self, number: int) -> SegmentInfo | None:
        """Take a segment and its chunks out of the index; returns what the index knew of it."""
        prefix = number.to_bytes(4, "big")

        def write(transaction: Any) -> SegmentInfo | None:
            gone = 0
            with transaction.cursor(self._index.members) as cursor:
                found = cursor.set_range(prefix)
                while found and cursor.key()[:4] == prefix:
                    key = cursor.value()
                    entry = unpack_entry(transaction.get(key, db=self._index.chunks) or b"")
                    if entry is not None and entry.segment == number:
                        transaction.delete(key, db=self._index.chunks)
                        gone += 1
                    found = cursor.delete()
            value = transaction.pop(prefix, db=self._index.segments)
            info = unpack_info(value or b"")
            state = self._index.state_in(transaction)
            state = state._replace(
                generation=state.generation + 1,
                total=state.total - (info.size if info else 0),
                evicted=state.evicted + gone,
            )
            self._index.put_state(transaction, state)
            return info

        return self._index.write(write)
