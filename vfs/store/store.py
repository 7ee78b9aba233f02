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

from vfs.core.eviction import segment_capacity
from vfs.core.outlook import Outlooks
from vfs.errors import StoreError, StoreFull
from vfs.lmdb import Busy
from vfs.lmdb.holder import PATIENCE
from vfs.lmdb.lease import OPENING
from vfs.store.directory import prepare
from vfs.store.engine import Engine
from vfs.store.items import Buffer, Item, weigh
from vfs.store.judge import ChunkJudge
from vfs.store.room import FREE_DISK, Room, Taken
from vfs.store.scrub import Progress, ScrubReport, scrub
from vfs.store.statistics import StoreStatistics

MAP_SIZE: Final = 1 << 34  # address space, not disk or memory; grows by itself
_log = logging.getLogger("vfs.store")


class ChunkStore(ChunkJudge):
    """One user's cache of chunks; see the module.

    Attributes:
        outlooks: what this process knows of future reads; eviction heeds it.
    """

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
        self.outlooks = Outlooks()
        self._capacity = capacity
        self._map_size = map_size
        self._room = Room(limit, min_free, clock, self._refresh)
        self._reviving = threading.Lock()
        self._closed = False
        self._held = False  # the directory was not opened because another process was in the way

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
        store._engine = store._open_engine(OPENING)
        return store

    def _new_engine(self, patience: float) -> Engine:
        capacity = self._capacity or segment_capacity(self._room.limit)
        engine = Engine.open(
            self.directory, capacity=capacity, map_size=self._map_size, patience=patience
        )
        engine.evictor.outlooks = self.outlooks
        return engine

    def __enter__(self) -> "ChunkStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -----------------------------------------------------------------------------------

    def append(
        self,
        items: Sequence[tuple[bytes, Buffer]],
        *,
        unproven: bytes = b"",
        sums: Sequence[int] = (),
    ) -> Taken:
        """Store chunks `(key, payload)`; a chunk stored before is replaced.

        Args:
            items: what to store.
            unproven: the object whose verdict they take back, if they are blocks that nobody has compared.
            sums: their checksums (`checksum`), if the caller has them: computing them costs a pass over all bytes.

        Returns:
            Whether all of them are stored now. NO if caching is off or there is no room, LATER if another process is making room just now, or holds the
            writer's lock of the index.

        Raises:
            ValueError: a key is empty or too long.
        """
        if not self._caching:
            return Taken.NO
        weighed = weigh(items, sums)
        room = sum(item.room for item in weighed)
        return self._with_room(room, lambda engine: self._append(engine, weighed, unproven))

    def make_room(self, size: int) -> Taken:
        """Let go of what must go for so many bytes more; answers as `append` of them would. In a worker thread."""
        return self._with_room(size, lambda engine: engine.index.write(lambda transaction: True))

    @property
    def _caching(self) -> bool:
        return self.writable and not self._room.off

    def _with_room(self, room: int, act: Callable[[Engine], bool]) -> Taken:
        engine = self._engine
        if engine is None or not self._caching:
            return Taken.NO
        try:
            self._refresh(engine)
            if not self._room.admit(engine, room):
                return Taken.NO
            try:
                return Taken.YES if act(engine) else Taken.NO
            finally:
                self._room.give_back(room)
        except Busy:
            return Taken.LATER
        except StoreFull as error:
            self._room.suspend(StoreFull(error.message, hint=FREE_DISK))
        except StoreError as error:
            _log.warning("%s", error)
            self._revive(engine)
        return Taken.NO

    def _append(self, engine: Engine, items: list[Item], unproven: bytes) -> bool:
        for last in (False, True):
            try:
                placed = engine.appender.append(items, unproven=unproven)
                break
            except StoreFull:
                needed = sum(item.room for item in items)
                total = engine.index.state().total
                if last or not self._room.shrink(engine, total - needed):
                    raise
            except StoreError:
                if last or not engine.shared.in_place():
                    raise
        self._verdicts.pop(unproven, None)
        return len(placed) == len(items)

    @property
    def limit(self) -> int:
        """Bytes that all segments of all processes may take together."""
        return self._room.limit

    @property
    def full(self) -> StoreFull | None:
        """Why caching was last turned off, with what helps."""
        return self._room.full

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more would make nothing go; in a worker thread."""
        try:
            return self._engine is not None and not self._room.excess(self._engine, size)
        except StoreError:
            return False

    def drop(self, keys: Iterable[bytes]) -> None:
        """Forget chunks; if the store cannot be written to, at least this process does not find them."""
        engine = self._engine
        if engine is None:
            return
        listed = list(keys)
        if not listed:
            return

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

        Writes down what was used, lets go of segments that other processes dropped, starts
        afresh if the directory was deleted, and opens it anew if another process was in the way before.
        """
        self._reopen()
        engine = self._engine
        if engine is None or self._closed:
            return
        try:
            engine.tidy()
            engine.refresh()
        except StoreError as error:
            _log.warning("%s", error)
        self._revive(engine)

    def _reopen(self) -> None:
        """Open the index for writing if another process was in the way when it was opened, and is no more."""
        with self._reviving:
            engine = self._engine
            if engine is not None and engine.index.held and not engine.index.is_held():
                self._engine, self._held = None, True
                engine.close()
            if self._held and not self._closed:
                self._engine = self._open_engine(0)

    def _open_engine(self, patience: float) -> Engine | None:
        try:
            engine = self._new_engine(patience)
        except StoreError as error:
            if not self._held:
                _log.warning("nothing is cached: %s", error)
            self._held |= isinstance(error, Busy)
            return None
        self._held = False
        return engine

    def _revive(self, engine: Engine) -> None:
        """Replace the engine if its directory was deleted under it."""
        if engine.shared.in_place():
            return
        with self._reviving:
            if self._closed or self._engine is not engine:
                return
            _log.warning("%s was deleted while in use; starting afresh", self.directory)
            try:
                self._engine = self._new_engine(PATIENCE)
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
            self._room.make(engine, 0)
        return max(0, before - engine.index.state().total)

    def set_limit(self, limit: int) -> None:
        """Change the limit of this process and evict accordingly. Raises StoreError."""
        self._room.limit = limit
        engine = self._usable()
        engine.appender.capacity = self._capacity or segment_capacity(limit)
        self.evict()

    def clear(self) -> None:
        """Remove every chunk and verdict; pins stay. Raises StoreError."""
        self._usable().clear()
        self._bad.clear()
        self._verdicts.clear()
        self._room.resume()

    def verify(self, progress: Progress | None = None) -> ScrubReport:
        """Read every chunk and drop what is not sound. Raises StoreError."""
        engine = self._engine
        report = scrub(engine, progress) if engine is not None else ScrubReport(0, 0, 0, 0)
        self.corrupt += report.bad
        return report

    def statistics(self) -> StoreStatistics:
        """State of the store now. Raises StoreError."""
        here = StoreStatistics(
            limit=self._room.limit, min_free=self._room.min_free,
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
            suspended=self._room.off,
        )

    def close(self) -> None:
        """Close; extents already handed out find nothing any more."""
        with self._reviving:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
