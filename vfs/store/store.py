"""The chunk store: bytes that were read once, shared by every process of a user.

Rule: a store may lose anything at any time and never returns a wrong byte. Whatever is missing, torn, foreign or deleted is a
miss (`locate` -> None) or `StoreCorrupt` (`read`), and is fetched again. Failures to write turn caching off for a while.

Invariants:
- No byte of a chunk is returned before this process has seen the whole chunk agree with its checksum, or has written it itself.
- `locate`, `locate_run`, `read_nowait` and `verdict` are loop-safe: no payload I/O, no waiting for other writers.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from vfs.core.eviction import excess, segment_capacity
from vfs.errors import StoreError, StoreFull
from vfs.store.directory import prepare
from vfs.store.engine import Engine
from vfs.store.evict import Busy
from vfs.store.items import Buffer, Item, weigh
from vfs.store.judge import ChunkJudge
from vfs.store.scrub import Progress, ScrubReport, scrub
from vfs.store.statistics import StoreStatistics

MAP_SIZE: Final = 1 << 34  # address space, not disk or memory; grows by itself
_PROMISED_SHARE: Final = 8  # appends under way at once take this part of the limit, or it is one
SUSPENSION: Final = 30.0  # seconds without caching after the disk was found full
_RAISE: Final = "raise it: `vfs cache limit SIZE`"
_UNPIN: Final = (
    f"`vfs cache pins` lists what is kept, `vfs cache unpin NAME` lets it go; or {_RAISE}"
)
_FREE_DISK: Final = "free disk space, or set `cache.dir`"
_log = logging.getLogger("vfs.store")


class ChunkStore(ChunkJudge):
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
        super().__init__(directory)
        self._limit = limit
        self._min_free = min_free
        self._clock = clock
        self._capacity = capacity
        self._map_size = map_size
        self._off_until = -1.0
        self.full: StoreFull | None = None  # why caching was last turned off, with what helps
        self._reviving = threading.Lock()
        self._room = threading.Condition()
        self._promised = 0  # bytes that appends under way may add; under `_room`
        self._closed = False

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

    # -- writing -----------------------------------------------------------------------------------

    def append(self, items: Sequence[tuple[bytes, Buffer]], *, unproven: bool = False) -> bool:
        """Store chunks `(key, payload)`, `unproven` if they are blocks that nobody has compared; a chunk stored before is replaced.

        Returns:
            Whether all of them are stored now. False if caching is off or there is no room.

        Raises:
            ValueError: a key is empty or too long.
        """
        engine = self._engine
        if engine is None or not engine.writable or self._clock() < self._off_until:
            return False
        weighed = weigh(items)
        room = sum(item.room for item in weighed)
        try:
            self._refresh(engine)
            if not self._admit(engine, room):
                return False
            try:
                return self._append(engine, weighed, unproven=unproven)
            finally:
                self._promise(-room)
        except Busy:
            return False
        except StoreFull as error:
            return self._suspend(StoreFull(error.message, hint=_FREE_DISK))
        except StoreError as error:
            _log.warning("%s", error)
            self._revive(engine)
            return False

    def _admit(self, engine: Engine, room: int) -> bool:
        """Promise room to an append; waits for others under way as long as theirs and ours do not fit together."""
        with self._room:
            while self._promised and (
                self._promised + room > self._limit // _PROMISED_SHARE
                or not self._make_room(engine, self._promised + room)
            ):
                self._room.wait()
            if self._clock() < self._off_until:
                return False
            if not self._promised and not self._make_room(engine, room):
                return self._suspend(self._no_room(engine, room))
            self._promise(room)
            return True

    def _promise(self, room: int) -> None:
        with self._room:
            self._promised += room
            self._room.notify_all()

    def _append(self, engine: Engine, items: list[Item], *, unproven: bool) -> bool:
        for last in (False, True):
            try:
                placed = engine.appender.append(items, unproven=unproven)
                break
            except StoreFull:
                needed = sum(item.room for item in items)
                if last or not self._evict(engine, engine.index.state().total - needed):
                    raise
            except StoreError:
                if last or not engine.shared.in_place():
                    raise
        return len(placed) == len(items)

    def _no_room(self, engine: Engine, room: int) -> StoreFull:
        if engine.index.state().total + room <= self._limit:
            return StoreFull("the disk has too little free space", hint=_FREE_DISK)
        hint = _UNPIN if engine.pins.names() else _RAISE
        return StoreFull("the limit is reached", hint=hint)

    def _suspend(self, reason: StoreFull) -> bool:
        with self._room:
            if self._clock() >= self._off_until:  # said once, however many appends meet it
                _log.warning("caching is off for %d seconds: %s", SUSPENSION, reason)
                self.full = reason
                self._off_until = self._clock() + SUSPENSION
        return False

    def _make_room(self, engine: Engine, incoming: int) -> bool:
        """Evict until there is room; what others take meanwhile is made room for as well, while anything can go."""
        rested = False
        while self._excess(engine, incoming):
            engine.table.flush_touches()
            before = engine.index.state().generation
            engine.evictor.run(lambda: self._excess(engine, incoming))
            if engine.index.state().generation == before and self._excess(engine, incoming):
                if rested:
                    return False
                engine.appender.rest(idle_only=False)
                rested = True
            self._refresh(engine)
        return True

    def _excess(self, engine: Engine, incoming: int) -> int:
        return excess(
            total=engine.index.state().total,
            limit=self._limit,
            free=engine.free(),
            min_free=self._min_free,
            incoming=incoming,
        )

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more would make nothing go; in a worker thread."""
        try:
            return self._engine is not None and not self._excess(self._engine, size)
        except StoreError:
            return False

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
        self._verdicts.clear()
        self._off_until = -1.0

    def verify(self, progress: Progress | None = None) -> ScrubReport:
        """Read every chunk and drop what is not sound. Raises StoreError."""
        engine = self._engine
        report = scrub(engine, progress) if engine is not None else ScrubReport(0, 0, 0, 0)
        self.corrupt += report.bad
        return report

    def statistics(self) -> StoreStatistics:
        """State of the store now. Raises StoreError."""
        here = StoreStatistics(
            limit=self._limit, min_free=self._min_free,
            hits=self.hits, misses=self.misses, corrupt=self.corrupt,
        )  # fmt: skip
        engine = self._engine
        if engine is None:
            return here
        state = engine.index.state()
        chunks, segments, pins = engine.index.counts()
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

    def close(self) -> None:
        """Close; extents already handed out find nothing any more."""
        with self._reviving:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
