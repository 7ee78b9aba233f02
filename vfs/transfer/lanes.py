"""Who may start now: queues and slots per place, and the byte budget of all.

Rules:
  * Per place: a demand goes before read-ahead, read-ahead before warm-up; first come, first served within a rank.
  * Slots per place: demands may fill all `jobs` (two at least, so that one slow GET of a lower rank is never in the way);
    read-ahead leaves an eighth free, warm-up a quarter.
  * Budget: demands may fill it, read-ahead three quarters, warm-up half. What does not fit waits; but when nothing is
    held, nor waits to be hashed, a job of any size starts, so nothing waits for ever.

Invariants: `Budget.held` is the sum of `Job.held`; both are changed here only. Loop only; no awaits.
"""

import math
from collections import deque
from collections.abc import Iterator

import trio

from vfs.transfer.place import Place
from vfs.transfer.source import STALE_SECONDS
from vfs.transfer.state import Job, Level


class Budget:
    """Bytes that have been asked for and not yet handed to the store and the readers.

    Attributes:
        limit: most bytes.
        held: by jobs that run.
        owed: of blocks that stay in memory until they are hashed, which the checker does next.
        waiting: of blocks that wait for others, which are being fetched, to be hashed after them.
        set_aside: of blocks that are kept as long as there is room.
    """

    __slots__ = ("held", "limit", "owed", "set_aside", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = self.owed = self.waiting = self.set_aside = 0

    def allows(self, level: Level, size: int) -> bool:
        """Whether a job of this rank and size may start now."""
        limit = self.limit - self.set_aside
        share = (limit, limit * 3 // 4, limit // 2)[level]
        used = self.held + self.owed
        return used == 0 or used + self.waiting + size <= share

    def take(self, job: Job) -> None:
        """Hold all bytes of a job that starts."""
        job.held = job.size
        self.held += job.held

    def give_back(self, job: Job, size: int) -> None:
        """Let go of bytes of a job, at most what it holds."""
        size = min(size, job.held)
        job.held -= size
        self.held -= size


class Lane:
    """The queues and slots of one place (by label).

    Attributes:
        running: jobs that have a slot.
        lingering: GETs whose blocks another place was asked for, and which hang on without a slot.
        down: since when it has given nothing but passing failures (trio's clock); infinity if it works.
    """

    __slots__ = ("_failed", "_limits", "_queues", "down", "lingering", "running")

    def __init__(self, jobs: int) -> None:
        reserve = max(1, jobs // 8)
        self._limits = (max(2, jobs), max(1, jobs - reserve), max(1, jobs - 2 * reserve))
        self._queues: tuple[deque[Job], ...] = (deque(), deque(), deque())
        self.running = 0
        self.lingering = 0
        self.down = math.inf
        self._failed = -math.inf

    def fails(self, began: float, now: float) -> float:
        """A request that started or last moved at `began` has failed in passing; returns since when the place is down."""
        if began > self._failed + STALE_SECONDS:
            self.down = math.inf
        self._failed = now
        self.down = min(self.down, began)
        return self.down

    def avoided(self, now: float) -> bool:
        """Whether other places go first: it is down, and asked already or within the last `STALE_SECONDS`."""
        busy = not self.idle or self.lingering > 0
        return self.down < math.inf and (busy or now < self._failed + STALE_SECONDS)

    def let_linger(self) -> bool:
        """Free the slot of a GET that hangs; False if as many as there are slots linger already."""
        if self.lingering >= self._limits[0]:
            return False
        self.running -= 1
        self.lingering += 1
        return True

    @property
    def queued(self) -> int:
        """Jobs that wait for a slot."""
        return sum(map(len, self._queues))

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return self.running == 0 and not any(self._queues)

    def put(self, job: Job, *, front: bool = False) -> None:
        """Queue a job by its rank."""
        queue = self._queues[job.level]
        if front:
            queue.appendleft(job)
        else:
            queue.append(job)

    def withdraw(self, job: Job) -> bool:
        """Take a job out of its queue; False if it is not there."""
        try:
            self._queues[job.level].remove(job)
        except ValueError:
            return False
        return True

    def start(self, budget: Budget) -> Job | None:
        """The job to start now, which then has a slot and holds its bytes; None if none may."""
        for level, queue in zip(Level, self._queues, strict=True):
            if not queue:
                continue
            if self.running >= self._limits[level] or not budget.allows(level, queue[0].size):
                return None  # a lower rank has no better chance, and must not overtake
            job = queue.popleft()
            self.running += 1
            budget.take(job)
            return job
        return None

    def end(self) -> None:
        """A job that was started is over."""
        self.running -= 1

    def drain(self) -> list[Job]:
        """Take out everything that waits."""
        jobs = [job for queue in self._queues for job in queue]
        for queue in self._queues:
            queue.clear()
        return jobs


class Lanes:
    """The lanes of all places, each made when it is first asked for."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._lanes: dict[str, Lane] = {}

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def of(self, label: str) -> Lane:
        """The lane of the places of one label."""
        lane = self._lanes.get(label)
        if lane is None:
            lane = self._lanes[label] = Lane(self._jobs)
        return lane

    def avoided(self, place: Place) -> bool:
        """Whether other places go first."""
        return self.of(place.label).avoided(trio.current_time())
