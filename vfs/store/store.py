"""The chunk store: bytes that were read once, shared by every process of a user.

Rule: a store may lose anything at any time and never returns a wrong byte. Whatever is missing,
torn, foreign or deleted shows as a miss (`locate` -> None) or as `StoreCorrupt` (`read`), after
which the caller fetches again. Failures to write turn caching off for a while; reading goes on.

Invariants:
- No byte of a chunk is returned before this process has seen the whole chunk agree with its
  checksum, or has written it itself.
- `locate`, `locate_run`, `read_nowait` and `verdict` are loop-safe: no payload I/O, no waiting for
  other writers.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn

from vfs.core.eviction import excess, segment_capacity
from vfs.errors import StoreCorrupt, StoreError, StoreFull
from vfs.store.directory import prepare
from vfs.store.engine import Engine
from vfs.store.evict import Busy
from vfs.store.layout import ALIGNMENT_SHIFT, TOUCH_SHIFT, Entry, checksum, unpack_entry
from vfs.store.scrub import Progress, ScrubReport, scrub
from vfs.store.segments import MOST_PENDING, Descriptor, Extent, Segment
from vfs.store.writer import Buffer, Item, weigh

MAP_SIZE: Final = 1 << 34  # address space, not disk or memory; grows by itself
SUSPENSION: Final = 30.0  # seconds without caching after the disk was found full
_LOOKUPS_PER_REFRESH: Final = 1024
_NOT_NOW: Final = (errno.EAGAIN, errno.EOPNOTSUPP, errno.EINTR)
_log = logging.getLogger("vfs.store")


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """State of a store.

    Attributes:
        bytes: size of all segments, by whichever process written.
        chunks: chunks in the index.
        segments: segment files.
        evicted: chunks given up since the index exists.
        pins: named pins.
        limit: bytes the store may take.
        min_free: bytes to leave free on its file system.
        writable: whether this process can cache at all.
        suspended: whether caching is off for the moment because there is no room.
        hits: chunks that this process looked up and found.
        misses: chunks that it did not find.
        corrupt: chunks that it found to be not what was stored.
    """

    bytes: int = 0
    chunks: int = 0
    segments: int = 0
    evicted: int = 0
    pins: int = 0
    limit: int = 0
    min_free: int = 0
    writable: bool = False
    suspended: bool = False
    hits: int = 0
    misses: int = 0
    corrupt: int = 0


class _Buffers(threading.local):
    """One buffer per thread: filling it and copying out is faster than a new one for each read."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(1 << 18))


class ChunkStore:
    """One user's cache of chunks; see the module."""

    def __init__(
        self,
        directory: Path,
        *,
        limit: int,
        min_free: int,
        clock: Callable[[], float],
        capacity: int | None,
        map_size: int,
    ) -> None:
        self.directory = directory
        self._limit = limit
        self._min_free = min_free
        self._clock = clock
        self._capacity = capacity
        self._map_size = map_size
        self._off_until = -1.0
        self._bad: set[tuple[int, int]] = set()
        self._buffers = _Buffers()
        self._reviving = threading.Lock()
        self._closed = False
        self.hits = 0
        self.misses = 0
        self.corrupt = 0
        self._engine: Engine | None = None

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        limit: int,
        min_free: int,
        clock: Callable[[], float] = time.monotonic,
        capacity: int | None = None,
        map_size: int = MAP_SIZE,
    ) -> "ChunkStore":
        """Open or create a store; any number of processes and threads may.

        Args:
            directory: created with mode 0700 if it does not exist.
            limit: bytes that all segments of all processes may take together.
            min_free: bytes to leave free on the file system.
            clock: seconds, monotonic.
            capacity: bytes of a full segment; by default from `limit`.
            map_size: address space of the index at first.

        Returns:
            A store. If the directory cannot be used, one that finds what it can and caches nothing.

        Raises:
            StoreError: another user could change what lies in the directory.
        """
        store = cls(
            Path(directory),
            limit=limit,
            min_free=min_free,
            clock=clock,
            capacity=capacity,
            map_size=map_size,
        )
        prepare(store.directory)
        try:
            store._engine = store._new_engine()
        except StoreError as error:
            _log.warning("nothing is cached: %s", error)
        return store

    def _new_engine(self) -> Engine:
        capacity = self._capacity or segment_capacity(self._limit)
        return Engine.open(self.directory, capacity=capacity, map_size=self._map_size)

    def __enter__(self) -> "ChunkStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def writable(self) -> bool:
        """Whether this process can cache at all."""
        return self._engine is not None and self._engine.writable

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

    def _values(self, engine: Engine, keys: Sequence[bytes]) -> list[bytes | None]:
        chunks = engine.index.chunks
        return engine.index.read(lambda t: [t.get(key, db=chunks) for key in keys])

    def _extent(self, engine: Engine, key: bytes, value: bytes | None) -> Extent | None:
        if value is None:
            return None
        entry = unpack_entry(value)
        if entry is None:
            engine.strays.add(key)
            return None
        number, offset, length, _, digest = entry
        if self._bad and (number, offset) in self._bad:
            return None
        segment = engine.table.known(number) or engine.segment(number)
        return Extent(segment, offset, length, digest, key) if segment is not None else None

    def _refresh(self, engine: Engine) -> None:
        try:
            engine.refresh()
        except StoreError as error:
            _log.warning("%s", error)

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
        verified = segment.verified
        if file is None:
            return None
        if slot >> 3 >= len(verified) or not verified[slot >> 3] & 1 << (slot & 7):
            return self._check_nowait(file, extent, offset, length)
        if not segment.touched[start >> TOUCH_SHIFT & 16383]:
            segment.touch(start)
            if len(segment.pending) >= MOST_PENDING:
                return None  # a worker thread writes the marks
        length = min(length, extent.length - offset)
        view = self._buffers.view
        if not 0 < length <= len(view) or offset < 0:
            return (
                b"" if offset >= extent.length else self._read_large(file, extent, offset, length)
            )
        try:
            count = os.preadv(file.number, [view[:length]], start + offset, os.RWF_NOWAIT)
        except OSError:
            return None
        return bytes(view[:count]) if count == length else None

    def _check_nowait(
        self, file: Descriptor, extent: Extent, offset: int, length: int
    ) -> bytes | None:
        """Check a chunk for the first time if all of it is in the page cache: cheaper than a thread.

        About 40 us for 256 KiB; a thread costs twice as much before it does anything.
        """
        view = self._buffers.view
        if extent.length > len(view) or offset < 0 or len(extent.segment.pending) >= MOST_PENDING:
            return None
        whole = view[: extent.length]
        try:
            count = os.preadv(file.number, [whole], extent.offset, os.RWF_NOWAIT)
        except OSError:
            return None
        if count != extent.length or checksum(whole) != extent.checksum:
            return None  # `read` finds out what is wrong, and drops the chunk
        extent.segment.touch(extent.offset)
        extent.segment.set_verified(extent.offset)
        return bytes(whole[offset : offset + length])

    def _read_large(
        self, file: Descriptor, extent: Extent, offset: int, length: int
    ) -> bytes | None:
        if length <= 0 or offset < 0:
            return None if offset < 0 else b""
        buffer = bytearray(length)
        try:
            count = os.preadv(file.number, [buffer], extent.offset + offset, os.RWF_NOWAIT)
        except OSError:
            return None
        return bytes(buffer) if count == length else None

    def read(self, extent: Extent, offset: int, length: int) -> bytes:
        """Bytes of a chunk; waits for the disk, checks the chunk on this process's first read.

        Returns:
            The bytes, fewer only at the end of the chunk.

        Raises:
            StoreCorrupt: the chunk is not what was stored, or has gone; fetch it again.
        """
        segment = extent.segment
        file = segment.file or self._reopened(segment)
        if file is None:
            return self._read_elsewhere(extent, offset, length)
        segment.touch(extent.offset)
        if len(segment.pending) >= MOST_PENDING:
            segment.flush_touches()
        offset = max(0, offset)
        length = max(0, min(length, extent.length - offset))
        if segment.is_verified(extent.offset):
            data = _read_exactly(file.number, extent.offset + offset, length)
            if data is not None:
                return data
            self._fail(extent)
        whole = _read_exactly(file.number, extent.offset, extent.length)
        if whole is None or checksum(whole) != extent.checksum:
            self._fail(extent)
        segment.set_verified(extent.offset)
        return whole if length == len(whole) else whole[offset : offset + length]

    def _reopened(self, segment: Segment) -> Descriptor | None:
        engine = self._engine
        return engine.table.reopen(segment) if engine is not None else None

    def _read_elsewhere(self, extent: Extent, offset: int, length: int) -> bytes:
        """The segment has gone; perhaps the chunk was written again elsewhere."""
        found = self.locate(extent.key)
        if found is not None and found.segment is not extent.segment:
            return self.read(found, offset, length)
        raise StoreCorrupt(f"chunk {extent.key.hex()} is no longer in the cache")

    def _fail(self, extent: Extent) -> NoReturn:
        """Drop a chunk that is not sound."""
        self.corrupt += 1
        segment = extent.segment
        segment.clear_verified(extent.offset)
        entry = Entry(segment.number, extent.offset, extent.length, 0, extent.checksum)
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

    # -- writing -----------------------------------------------------------------------------------

    def append(self, items: Sequence[tuple[bytes, Buffer]]) -> bool:
        """Store chunks `(key, payload)`; a chunk stored before is replaced.

        Returns:
            Whether all of them are stored now. False if caching is off or there is no room.

        Raises:
            ValueError: a key is empty or too long.
        """
        engine = self._engine
        if engine is None or not engine.writable or self._clock() < self._off_until:
            return False
        weighed = weigh(items)
        try:
            self._refresh(engine)
            if not self._make_room(engine, sum(item.room for item in weighed)):
                return self._suspend("the limit is reached")
            return self._append(engine, weighed)
        except Busy:
            return False
        except StoreFull as error:
            return self._suspend(str(error))
        except StoreError as error:
            _log.warning("%s", error)
            self._revive(engine)
            return False

    def _append(self, engine: Engine, items: list[Item]) -> bool:
        for last in (False, True):
            try:
                placed = engine.appender.append(items)
                break
            except StoreFull:
                needed = sum(item.room for item in items)
                if last or not self._evict(engine, engine.index.state().total - needed):
                    raise
            except StoreError:
                if last or not engine.shared.in_place():
                    raise
        engine.trust(placed)
        return len(placed) == len(items)

    def _suspend(self, reason: str) -> bool:
        _log.warning("caching is off for %d seconds: %s", SUSPENSION, reason)
        self._off_until = self._clock() + SUSPENSION
        return False

    def _make_room(self, engine: Engine, incoming: int) -> bool:
        if not self._excess(engine, incoming):
            return True
        engine.table.flush_touches()
        engine.evictor.run(lambda: self._excess(engine, incoming))
        if self._excess(engine, incoming):
            engine.appender.rest(idle_only=False)
            engine.evictor.run(lambda: self._excess(engine, incoming))
        self._refresh(engine)
        return not self._excess(engine, incoming)

    def _excess(self, engine: Engine, incoming: int) -> int:
        return excess(
            total=engine.index.state().total,
            limit=self._limit,
            free=engine.free(),
            min_free=self._min_free,
            incoming=incoming,
        )

    def _evict(self, engine: Engine, target: int) -> int:
        """Shrink the store to `target` bytes as far as that is possible."""
        engine.table.flush_touches()
        freed = engine.evictor.run(lambda: engine.index.state().total - max(0, target))
        self._refresh(engine)
        return freed

    def drop(self, keys: Iterable[bytes]) -> None:
        """Forget chunks; if the store cannot be written to, at least this process does not find them."""
        engine = self._engine
        if engine is None:
            return
        listed = list(keys)

        def write(transaction: Any) -> None:
            for key in listed:
                transaction.delete(key, db=engine.index.chunks)

        try:
            engine.index.write(write)
        except StoreError:
            found = [extent for key in listed if (extent := self.locate(key)) is not None]
            self._bad |= {(extent.segment.number, extent.offset) for extent in found}

    # -- verdicts and pins -------------------------------------------------------------------------

    def verdict(self, digest_key: bytes) -> int | None:
        """What is known of a whole object: 1 verified, 2 bad, None nothing (loop-safe)."""
        try:
            return self._engine.verdicts.get(digest_key) if self._engine is not None else None
        except StoreError:
            return None

    def set_verdict(self, digest_key: bytes, verdict: int) -> None:
        """Remember a verdict; lost if the store cannot be written to."""
        if self._engine is None or not self._engine.writable:
            return
        try:
            self._engine.verdicts.set(digest_key, verdict)
        except StoreError as error:
            _log.warning("%s", error)

    def pin(self, name: str, keys: Iterable[bytes]) -> None:
        """Keep chunks, also those yet to come, until `unpin(name)`. Raises StoreError."""
        self._usable().pins.pin(name, keys)

    def unpin(self, name: str) -> bool:
        """Remove a pin; returns whether there was one. Raises StoreError."""
        return self._usable().pins.unpin(name)

    def pins(self) -> dict[str, int]:
        """Every pin and how many keys it holds. Raises StoreError."""
        return self._engine.pins.names() if self._engine is not None else {}

    # -- upkeep ------------------------------------------------------------------------------------

    def maintain(self) -> None:
        """Cheap upkeep, to be called every few seconds from a worker thread.

        Writes down what was used, lets go of segments that other processes dropped, and starts
        afresh if the directory was deleted.
        """
        engine = self._engine
        if engine is None or self._closed:
            return
        try:
            engine.tidy()
            engine.refresh()
        except StoreError as error:
            _log.warning("%s", error)
        self._revive(engine)

    def _revive(self, engine: Engine) -> None:
        """Replace the engine if its directory was deleted under it."""
        if engine.shared.in_place():
            return
        with self._reviving:
            if self._closed or self._engine is not engine:
                return
            _log.warning("%s was deleted while in use; starting afresh", self.directory)
            try:
                self._engine = self._new_engine()
            except StoreError as error:
                _log.warning("%s", error)
                return
            self._bad.clear()
            engine.close()

    def evict(self) -> int:
        """Bring the store within its limits now; returns the bytes freed. Raises StoreError."""
        engine = self._usable()
        before = engine.index.state().total
        with suppress(Busy):
            self._make_room(engine, 0)
        return max(0, before - engine.index.state().total)

    def set_limit(self, limit: int) -> None:
        """Change the limit of this process and evict accordingly. Raises StoreError."""
        self._limit = limit
        engine = self._usable()
        engine.appender.capacity = self._capacity or segment_capacity(limit)
        self.evict()

    def clear(self) -> None:
        """Remove every chunk and verdict; pins stay. Raises StoreError."""
        self._usable().clear()
        self._bad.clear()
        self._off_until = -1.0

    def verify(self, progress: Progress | None = None) -> ScrubReport:
        """Read every chunk and drop what is not sound. Raises StoreError."""
        engine = self._engine
        if engine is None:
            return ScrubReport(0, 0, 0, 0)
        report = scrub(engine, progress)
        self.corrupt += report.bad
        return report

    def statistics(self) -> StoreStatistics:
        """State of the store now. Raises StoreError."""
        here = StoreStatistics(
            limit=self._limit,
            min_free=self._min_free,
            hits=self.hits,
            misses=self.misses,
            corrupt=self.corrupt,
        )
        engine = self._engine
        if engine is None:
            return here
        index = engine.index
        state = index.state()

        def read(transaction: Any) -> list[int]:
            tables = (index.chunks, index.segments, index.pins)
            return [int(transaction.stat(table)["entries"]) for table in tables]

        chunks, segments, pins = index.read(read)
        return replace(
            here,
            bytes=state.total,
            chunks=chunks,
            segments=segments,
            evicted=state.evicted,
            pins=pins,
            writable=engine.writable,
            suspended=self._clock() < self._off_until,
        )

    def _usable(self) -> Engine:
        if self._engine is None or not self._engine.writable:
            raise StoreError(
                f"the cache {self.directory} cannot be written to",
                hint="check its owner, its mode and whether its disk is full or read-only",
            )
        return self._engine

    def close(self) -> None:
        """Close; extents already handed out find nothing any more."""
        with self._reviving:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def _read_exactly(descriptor: int, position: int, length: int) -> bytes | None:
    """`length` bytes at `position`; None if the file ends before, or cannot be read."""
    try:
        data = os.pread(descriptor, length, position)
        while len(data) < length:
            more = os.pread(descriptor, length - len(data), position + len(data))
            if not more:
                return None
            data += more
    except OSError:
        return None
    return data
