"""`Accounting`: the fetcher's counters, and what each content cost of it. Loop only; a few dictionary look-ups per wait, GET and block.

Rule: everything here is on the way of something that waits for a place, or was waited for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from vfs.core.costs import CostTable
from vfs.metrics import Waits
from vfs.transfer.state import Job
from vfs.transfer.statistics import FetchCounters
from vfs.types import Blob


@dataclass(slots=True, eq=False)
class Spell:
    """What is not a sum, of the waits of a period.

    Attributes:
        first: how long the first read waited that had to, seconds; None: none had to.
        longest: the longest wait.
    """

    first: float | None = None
    longest: float = 0.0


class Accounting:
    """See the module.

    Attributes:
        counters: sums of all.
        costs: by content.
        waits: those of reads.
        spells: those of the periods that go on.
        places: bytes by label of the place they came from.
        busy: seconds in which a GET of a remote was under way, up to when none was.
        gets: seconds that GETs took, all together; asked: how many there were.
    """

    def __init__(self, counters: FetchCounters) -> None:
        self.counters = counters
        self.costs = CostTable()
        self.waits = Waits()
        self.spells: set[Spell] = set()
        self.places: dict[str, int] = {}
        self.busy = self.gets = 0.0
        self.asked = 0
        self._began: dict[Job, float] = {}  # of the GETs under way
        self._since = 0.0

    def read(self, blob: Blob, size: int) -> None:
        """A read came to the fetcher."""
        self.counters.reads += 1
        cost = self.costs.of(blob)
        cost.reads += 1
        cost.asked += size
        self.costs.directory(blob)  # now: the kernel may forget it at any time

    @contextmanager
    def wait(self, blob: Blob) -> Iterator[None]:
        """A read waits for a place."""
        self.counters.waits += 1
        began = trio.current_time()
        self.waits.begins(began)
        try:
            yield
        finally:
            seconds = self.waits.ends(began, trio.current_time())
            for spell in self.spells:
                spell.longest = max(spell.longest, seconds)
                spell.first = seconds if spell.first is None else spell.first
            cost = self.costs.of(blob)
            cost.waits += 1
            cost.stalled += seconds

    @contextmanager
    def get(self, job: Job) -> Iterator[None]:
        """A GET is under way, until it is `answered`; of a place on this machine it costs nothing worth telling."""
        self.counters.requests += 1
        if job.source is None or job.source.place.local:
            yield
            return
        self.asked += 1
        self.costs.of(job.state.blob).requests += 1
        now = trio.current_time()
        if not self._began:
            self._since = now
        self._began[job] = now
        try:
            yield
        finally:
            self.answered(job)

    def answered(self, job: Job) -> None:
        """All that a GET is to bring has come, or it has ended; what its thread does from here on is something else."""
        began = self._began.pop(job, None)
        if began is not None:
            now = trio.current_time()
            self.gets += now - began
            if not self._began:
                self.busy += now - self._since

    def along(self, job: Job, size: int) -> None:
        """Bytes that came along with the answer for a job were stored."""
        self.counters.came_along(size)
        self.costs.along(job.state.blob, size)
        self._came_from(job, size)

    def _came_from(self, job: Job, size: int) -> None:
        assert job.source is not None
        label = job.source.place.label
        self.places[label] = self.places.get(label, 0) + size

    def received(self, job: Job, size: int) -> None:
        """A block came."""
        self.counters.received(job.level, size)
        self._came_from(job, size)
        cost = self.costs.of(job.state.blob)
        if not job.level:
            cost.demand += size
        elif job.level == 1:
            cost.ahead += size
        else:
            cost.warm += size

    def numbers(self) -> dict[str, int | float]:
        """What `vfs.core.periods` calls numbers."""
        counted = {f"fetch.{name}": value for name, value in self.counters.snapshot().items()}
        going_on = self.waits.waiting or self._began
        now = trio.current_time() if going_on else 0.0  # before the loop runs nothing does
        own = {
            "stalled": self.waits.seconds(now),
            "busy": self.busy + (now - self._since if self._began else 0.0),
            "gets": self.gets,
            "asked": self.asked,
        }
        return {**counted, **own}
