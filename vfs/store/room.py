"""`Room`: what a store can take: its limit, what the disk has free, and what appends under way were promised of both.

Rule: what is missing is made by eviction. If nothing can go, caching is off for a while. Thread-safe, blocking.
"""

import logging
import threading
from collections.abc import Callable
from enum import Enum
from typing import Final

from vfs.core.eviction import excess
from vfs.errors import StoreFull
from vfs.lmdb import Busy
from vfs.lmdb.holder import PATIENCE
from vfs.store.engine import Engine

SUSPENSION: Final = 30.0
"""Seconds without caching after the disk was found full."""

FREE_DISK: Final = "free disk space, or set `cache.dir`"
_PROMISED_SHARE: Final = 8  # appends under way at once take this part of the limit, or it is one
_RAISE: Final = "raise it: `vfs cache limit SIZE`"
_UNPIN: Final = (
    f"`vfs cache pins` lists what is kept, `vfs cache unpin NAME` lets it go; or {_RAISE}"
)
_log = logging.getLogger("vfs.store")


class Taken(Enum):
    """What became of an append; true if all of it is stored now."""

    YES = "yes"
    LATER = "later"
    """Another process is in the way just now (it makes room for all, or holds the index), or it was not meant for the store."""
    NO = "no"

    def __bool__(self) -> bool:
        return self is Taken.YES

    def __and__(self, other: "Taken") -> "Taken":
        """What became of two: the worse of both."""
        return other if self or other is Taken.NO else self


class Room:
    """See the module.

    Attributes:
        limit: bytes that all segments of all processes may take together.
        min_free: bytes to leave free on the file system.
        full: why caching was last turned off, with what helps.
    """

    def __init__(
        self,
        limit: int,
        min_free: int,
        clock: Callable[[], float],
        refresh: Callable[[Engine], object],
    ) -> None:
        self.limit = limit
        self.min_free = min_free
        self.full: StoreFull | None = None
        self._clock = clock
        self._refresh = refresh  # looks at what was evicted
        self._off_until = -1.0
        self._changed = threading.Condition()
        self._promised = 0  # bytes that appends under way may add; under `_changed`

    @property
    def off(self) -> bool:
        """Whether caching is off for now."""
        return self._clock() < self._off_until

    def resume(self) -> None:
        """Caching is on again: the store was emptied."""
        self._off_until = -1.0

    def admit(self, engine: Engine, room: int) -> bool:
        """Promise room to an append; waits for others under way as long as theirs and ours do not fit together.

        Raises:
            Busy: another process is evicting, or none of those under way has ended for `PATIENCE` seconds (they may hang with another process).
            StoreError: the index failed.
        """
        with self._changed:
            while self._promised and (
                self._promised + room > self.limit // _PROMISED_SHARE
                or not self.make(engine, self._promised + room)
            ):
                if not self._changed.wait(PATIENCE):
                    raise Busy("what others of this process append to the cache takes long")
            if self.off:
                return False
            if not self._promised and not self.make(engine, room):
                self.suspend(self._missing(engine, room))
                return False
            self._promised += room
            return True

    def give_back(self, room: int) -> None:
        """An append that was promised room has ended."""
        with self._changed:
            self._promised -= room
            self._changed.notify_all()

    def _missing(self, engine: Engine, room: int) -> StoreFull:
        if engine.index.state().total + room <= self.limit:
            return StoreFull("the disk has too little free space", hint=FREE_DISK)
        hint = _UNPIN if engine.pins.names() else _RAISE
        return StoreFull("the limit is reached", hint=hint)

    def suspend(self, reason: StoreFull) -> None:
        """Turn caching off for a while."""
        with self._changed:
            if not self.off:  # said once, however many appends meet it
                _log.warning("caching is off for %d seconds: %s", SUSPENSION, reason)
                self.full = reason
                self._off_until = self._clock() + SUSPENSION

    def make(self, engine: Engine, incoming: int) -> bool:
        """Evict until there is room; what others take meanwhile is made room for as well, while anything can go.

        Raises:
            Busy: another process is evicting.
            StoreError: the index failed.
        """
        rested = False
        while self.excess(engine, incoming):
            engine.table.flush_touches()
            before = engine.index.state().generation
            engine.evictor.run(lambda: self.excess(engine, incoming))
            if engine.index.state().generation == before and self.excess(engine, incoming):
                if rested:
                    return False
                engine.appender.rest(idle_only=False)
                rested = True
            self._refresh(engine)
        return True

    def excess(self, engine: Engine, incoming: int) -> int:
        """Bytes that must go before so many more may come."""
        return excess(
            total=engine.index.state().total,
            limit=self.limit,
            free=engine.free(),
            min_free=self.min_free,
            incoming=incoming,
        )

    def shrink(self, engine: Engine, target: int) -> int:
        """Evict down to `target` bytes as far as that is possible; returns the bytes freed. Errors as in `make`."""
        engine.table.flush_touches()
        freed = engine.evictor.run(lambda: engine.index.state().total - max(0, target))
        self._refresh(engine)
        return freed
