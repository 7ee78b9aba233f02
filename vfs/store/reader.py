"""The reading side of a store: where a chunk is, and its bytes, checked before first use.

Invariants:
- No byte of a chunk is returned before this process has seen the whole chunk agree with its
  checksum, or has written it itself; again after any other process changed the segment's file, and
  whenever `read` took the bytes from the disk.
- `locate`, `locate_run`, `locate_many` and `read_nowait` are loop-safe: no waiting for a disk or
  for writers.
"""

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, Final, NoReturn

from vfs.descriptors import Descriptor
from vfs.errors import StoreCorrupt, StoreError
from vfs.store.engine import Engine
from vfs.store.layout import (
    ALIGNMENT_SHIFT,
    ENTRY,
    TOUCH_SHIFT,
    TOUCH_SLOTS,
    Entry,
    checksum,
)
from vfs.store.segments import MOST_PENDING, Extent, Segment

_LOOKUPS_PER_REFRESH: Final = 1024
_PAGE: Final = 1024  # keys per transaction
_TOUCH_MASK: Final = TOUCH_SLOTS - 1
_log = logging.getLogger("vfs.store")


class _Buffers(threading.local):
    """One buffer per thread: filling it and copying out is faster than a new one for each read."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(1 << 18))


class ChunkReader:
    """Reads the chunks of the directory that is open now.

    Attributes:
        hits: chunks looked up and found.
        misses: chunks looked up and not found.
        corrupt: chunks that were not what was stored.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hits = 0
        self.misses = 0
        self.corrupt = 0
        self._engine: Engine | None = None
        self._bad: set[tuple[int, int]] = set()  # damaged, and still in an index we cannot write to
        self._buffers = _Buffers()

    # -- looking up (loop-safe) --------------------------------------------------------------------

    def locate(self, key: bytes) -> Extent | None:
        """Where a chunk is; None if it is not here."""
        engine = self._engine
        if engine is None:
            return None
        try:
            index = engine.index
            extent = self._extent(engine, key, index.get(index.chunks, key))
        except StoreError:
            extent = None
        if extent is None:
            self.misses += 1
            return None
        self.hits += 1
        if self.hits % _LOOKUPS_PER_REFRESH == 0:
            self._refresh(engine)
        return extent

    def locate_run(self, prefix: bytes, first: int, count: int) -> list[Extent | None]:
        """Where the chunks `prefix + u32be(first…first+count-1)` are."""
        return self.locate_many(
            [prefix + n.to_bytes(4, "big") for n in range(first, first + count)]
        )

    def locate_many(self, keys: Sequence[bytes]) -> list[Extent | None]:
        """Where chunks are, looked up in one transaction."""
        engine = self._engine
        if engine is None:
            return [None] * len(keys)
        try:
            values = self._values(engine, keys)
            found = [self._extent(engine, *pair) for pair in zip(keys, values, strict=True)]
        except StoreError:
            found = [None] * len(keys)
        misses = found.count(None)
        self.misses += misses
        self.hits += len(found) - misses
        return found

    def contains_many(self, keys: Sequence[bytes]) -> list[bool]:
        """Which chunks are here; does not count as a use of them."""
        engine = self._engine
        if engine is None:
            return [False] * len(keys)
        try:
            values = self._values(engine, keys)
            return [
                self._extent(engine, *pair) is not None for pair in zip(keys, values, strict=True)
            ]
        except StoreError:
            return [False] * len(keys)

    def numbers(self, prefix: bytes, first: int = 0) -> list[int]:
        """Which of the chunks `prefix + u32be(first…)` are here, ascending; costs by how many are. Does not count as a use of them."""
        engine, found = self._engine, list[int]()
        start = prefix + first.to_bytes(4, "big")
        with suppress(StoreError):
            while engine is not None and (page := _page(engine, prefix, start)):
                here = (key for key, value in page if self._extent(engine, key, value) is not None)
                found += (
                    int.from_bytes(key[-4:], "big") for key in here if len(key) == len(prefix) + 4
                )
                start = page[-1][0] + b"\0"
        return found

    def _values(self, engine: Engine, keys: Sequence[bytes]) -> list[bytes | None]:
        chunks = engine.index.chunks
        return engine.index.read(lambda t: [t.get(key, db=chunks) for key in keys])

    def _extent(self, engine: Engine, key: bytes, value: bytes | None) -> Extent | None:
        if value is None:
            return None
        if len(value) != ENTRY.size:
            engine.strays.add(key)
            return None
        number, offset, length, stamp, digest = ENTRY.unpack(value)
        if self._bad and (number, offset) in self._bad:
            return None
        segment = engine.table.known(number) or engine.segment(number)
        return Extent(segment, offset, length, digest, key, stamp) if segment is not None else None

    def _refresh(self, engine: Engine) -> None:
        try:
            engine.refresh()
        except StoreError as error:
            _log.warning("%s", error)

    @property
    def condemned(self) -> int:
        """Another number whenever any process has found an object bad (loop-safe)."""
        try:
            return self._engine.index.state().condemned if self._engine is not None else 0
        except StoreError:
            return 0

    # -- reading -----------------------------------------------------------------------------------

    def read_nowait(self, extent: Extent, offset: int, length: int) -> bytes | None:
        """Bytes of a chunk from the page cache (loop-safe).

        Returns:
            The bytes, fewer only at the end of the chunk. None if they, or at the first read the
            whole chunk, are not in memory, or if the system cannot tell: use `read`.
        """
        segment = extent.segment
        start = extent.offset
        file = segment.file
        slot = start >> ALIGNMENT_SHIFT
        stamp = segment.stamp
        verified = segment.verified
        if file is None:
            return None
        if slot >> 3 >= len(verified) or not verified[slot >> 3] & 1 << (slot & 7):
            return self._check_nowait(file, extent, offset, length)
        if not segment.touched[start >> TOUCH_SHIFT & _TOUCH_MASK]:
            segment.touch(start)
            if len(segment.pending) >= MOST_PENDING:
                return None  # a worker thread writes the marks
        length = min(length, extent.length - offset)
        view = self._buffers.view
        if not 0 < length <= len(view) or offset < 0:
            if offset >= extent.length or offset < 0:
                return None if offset < 0 else b""
            view = memoryview(bytearray(length))
        try:
            count = os.preadv(file.number, [view[:length]], start + offset, os.RWF_NOWAIT)
            changed = os.fstat(file.number).st_ctime_ns
        except OSError:
            count = -1
        if count != length:
            segment.clear_all()
            return None
        if changed != stamp:
            return self._check_nowait(file, extent, offset, length)
        return bytes(view[:length])

    def read_into_nowait(self, extent: Extent, offset: int, view: memoryview) -> bool:
        """As `read_nowait`, but fill `view`, which saves a copy, or two of a read that spans chunks.

        Returns:
            Whether all of `view` was filled; if not, its content is undefined.
        """
        segment, start, whole = extent[:3]
        file = segment.file
        length = len(view)
        stamp = segment.stamp
        if file is None or offset < 0 or offset + length > whole:
            return False
        if segment.is_verified(start) and segment.touched[start >> TOUCH_SHIFT & _TOUCH_MASK]:
            try:
                count = os.preadv(file.number, [view], start + offset, os.RWF_NOWAIT)
                changed = os.fstat(file.number).st_ctime_ns
            except OSError:
                count = -1
            if count != length:
                segment.clear_all()
                return False
            if changed == stamp:
                return True
        data = self.read_nowait(extent, offset, length)
        if data is None or len(data) != length:
            return False
        view[:] = data
        return True

    def _check_nowait(
        self, file: Descriptor, extent: Extent, offset: int, length: int
    ) -> bytes | None:
        """Check a chunk if all of it is in the page cache: cheaper than a thread.

        About 40 us for 256 KiB; a thread costs twice as much before it does anything.
        """
        view = self._buffers.view
        if extent.length > len(view) or offset < 0 or len(extent.segment.pending) >= MOST_PENDING:
            return None
        whole = view[: extent.length]
        try:
            stamp = extent.segment.look(file.number)
            count = os.preadv(file.number, [whole], extent.offset, os.RWF_NOWAIT)
        except OSError:
            count = -1
        if count != extent.length:
            extent.segment.clear_all()
            return None
        if checksum(whole) != extent.checksum:
            return None  # `read` finds out what is wrong, and drops the chunk
        extent.segment.touch(extent.offset)
        extent.segment.set_verified(extent.offset, stamp)
        return bytes(whole[offset : offset + length])

    def read(self, extent: Extent, offset: int, length: int) -> bytes:
        """Bytes of a chunk; waits for the disk, and checks the whole chunk each time.

        Returns:
            The bytes, fewer only at the end of the chunk.

        Raises:
            StoreCorrupt: the chunk is not what was stored, or has gone; fetch it again.
        """
        offset = max(0, offset)
        length = max(0, min(length, extent.length - offset))
        return bytes(self.view(extent)[offset : offset + length])

    def view(self, extent: Extent) -> memoryview:
        """All bytes of a chunk, as `read`, but without a copy: they are good until this thread reads from the store again.

        Raises:
            StoreCorrupt: as `read`.
        """
        segment = extent.segment
        file = segment.file or self._reopened(segment)
        if file is None:
            return self._view_elsewhere(extent)
        segment.touch(extent.offset)
        if len(segment.pending) >= MOST_PENDING:
            segment.flush_touches()
        view = self._buffers.view
        if extent.length > len(view):
            view = memoryview(bytearray(extent.length))
        whole = view[: extent.length]
        try:
            stamp = segment.look(file.number)
            filled = _fill(whole, segment, file.number, extent.offset)
        except OSError:
            filled = False
        if not filled or checksum(whole) != extent.checksum:
            self._fail(extent)
        segment.set_verified(extent.offset, stamp)
        return whole

    def _reopened(self, segment: Segment) -> Descriptor | None:
        engine = self._engine
        return engine.table.reopen(segment) if engine is not None else None

    def _view_elsewhere(self, extent: Extent) -> memoryview:
        """The segment has gone; perhaps the chunk was written again elsewhere."""
        found = self.locate(extent.key)
        if found is not None and found.segment is not extent.segment:
            return self.view(found)
        raise StoreCorrupt(f"chunk {extent.key.hex()} is no longer in the cache")

    def _fail(self, extent: Extent) -> NoReturn:
        """Drop a chunk that is not sound."""
        self.corrupt += 1
        segment = extent.segment
        segment.clear_verified(extent.offset)
        entry = Entry(segment.number, extent.offset, extent.length, extent.stamp, extent.checksum)
        engine = self._engine
        try:
            if engine is not None:
                engine.forget(extent.key, entry)
        except StoreError:  # read-only or full: this process at least must not find it again
            self._bad.add((segment.number, extent.offset))
        raise StoreCorrupt(
            f"chunk {extent.key.hex()} in segment {segment.number} of {self.directory} is damaged",
            hint="it was dropped and is fetched again; `vfs cache verify` checks all of them",
        )


def _fill(view: memoryview, segment: Segment, descriptor: int, position: int) -> bool:
    """Fill a buffer from a file; False if the file ends before. Raises OSError."""
    done = 0
    with suppress(OSError):
        done = os.preadv(descriptor, [view], position, os.RWF_NOWAIT)
    if done < len(view):
        segment.clear_all()
    while done < len(view):
        count = os.preadv(descriptor, [view[done:]], position + done)
        if not count:
            return False
        done += count
    return True


def _page(engine: Engine, prefix: bytes, start: bytes) -> list[tuple[bytes, bytes]]:
    """Some keys that begin with a prefix, from `start` on, and what the index has of them."""

    def read(transaction: Any) -> list[tuple[bytes, bytes]]:
        with transaction.cursor(engine.index.chunks) as cursor:
            if not cursor.set_range(start):
                return []
            pairs = ((bytes(key), bytes(value)) for key, value in islice(cursor, _PAGE))
            return list(takewhile(lambda pair: pair[0].startswith(prefix), pairs))

    return engine.index.read(read)
