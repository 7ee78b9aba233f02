"""`Placing`: at which place a job waits for its turn. Finds the places of a blob, and decides when to give up.

Rules:
  * The best place that has not just failed gets the job, at once. Places that are down (`Lane.avoided`) come last, and
    those that the job's blocks were taken away from because nothing came.
  * When every place has failed, and one of them for a passing reason (`VfsError.retryable`), the job *rests* until the
    first place may be asked again, as long as somebody waits for its blocks. Readers bound that by their deadline;
    what only prefetch waits for ends once its places have been failing for `deadline`.
  * When every place has failed for good, the job is lost, and the reasons are repeated to whoever asks within seconds.
  * When places change, rests end, and a search that was under way is repeated.

Invariant: a job that has a waiter is queued, running, or in `BlobState.unplaced` with a task that will look at it again.
Loop only; plain functions except the two tasks.
"""

import contextlib
import copy
import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

import trio

from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    ObjectChanged,
    ObjectMissing,
    Offline,
    VfsError,
)
from vfs.threads import Pool, run_within
from vfs.transfer.failures import (
    Journal,
    late,
    ordinary,
    pause_after,
    refusal,
    rest_after,
    stopping,
    unavailable,
)
from vfs.transfer.lanes import Lanes
from vfs.transfer.place import Place
from vfs.transfer.source import STALE_SECONDS, Source
from vfs.transfer.state import BlobState, Job, Level
from vfs.transfer.statistics import FetchCounters

log = logging.getLogger("vfs.transfer")

LOOK_SECONDS: Final = 2.0
"""How long it may take to tell which places of this machine have a blob."""


class Placing:
    """See the module.

    Args of the constructor:
        journal, counters, lanes: of the engine.
        deadline: seconds for which prefetch bears with places that fail.
        queue: puts a job that has a source into its lane.
        lose: takes note that a job's blocks will not come.
        found: takes note that the places of a blob are known (again).
    """

    def __init__(
        self,
        journal: Journal,
        counters: FetchCounters,
        lanes: Lanes,
        deadline: float,
        queue: Callable[[Job], None],
        lose: Callable[[Job, VfsError], None],
        found: Callable[[BlobState], None],
    ) -> None:
        self._journal = journal
        self._deadline = deadline
        self._counters = counters
        self._lanes = lanes
        self._queue = queue
        self._lose = lose
        self._found = found
        self._threads = trio.CapacityLimiter(math.inf)
        self._changed = trio.Event()
        self.nursery: trio.Nursery | None = None

    def places_changed(self) -> None:
        """Places that were found before may be others now; the states have forgotten them."""
        self._changed.set()
        self._changed = trio.Event()

    def put(self, job: Job) -> None:
        """Queue a job at a place, as soon as places are known."""
        if self.nursery is None:
            self._lose(job, stopping())
        elif job.state.sources is None and (error := refusal(job.state)) is not None:
            self._lose(job, error)
        elif job.state.sources is None:
            job.state.unplaced.append(job)
            self._look_after(job.state)
        else:
            self._place(job)

    def search(self, state: BlobState) -> None:
        """Find the places of a blob, unless they are known."""
        if state.sources is None:
            self._look_after(state)

    def _look_after(self, state: BlobState) -> None:
        """See to it that a task looks at the jobs in `unplaced`."""
        if not state.asking and self.nursery is not None:
            state.asking = True
            task = self._find_places if state.sources is None else self._rest
            self.nursery.start_soon(task, state)

    async def _find_places(self, state: BlobState) -> None:
        began, failures = trio.current_time(), 0
        try:
            error = await self._find(state)
            while error is not None and error.retryable and self._patient(state, began):
                failures += 1
                state.trouble = error
                self._journal.write(state.blob, error, "looking for places")
                await self._pause(trio.current_time() + rest_after(failures, error))
                error = await self._find(state)
        finally:
            state.asking = False
        state.trouble = None
        if error is None:
            self._place_all(state)
            return
        self._journal.write(state.blob, error)
        jobs, state.unplaced = state.unplaced, []
        for job in jobs:
            self._lose(job, error)

    async def _find(self, state: BlobState) -> VfsError | None:
        """Ask for the places of a blob, in a worker thread; why they cannot be found."""
        changed = self._changed
        sources: list[Source] = []
        error: VfsError | None = None
        try:
            places = await trio.to_thread.run_sync(
                state.places_of, abandon_on_cancel=True, limiter=self._threads
            )
            sources = await _sources(places)
        except VfsError as failure:
            error = failure
        except Exception:
            log.exception("cannot find the places of %s (this is a bug)", state.blob.digest)
            error = DataUnavailable(f"cannot find out where the bytes of {state.blob.digest} are")
        if changed.is_set():
            return await self._find(state)
        if error is None:
            state.sources = sources
            state.places = tuple(source.place.where for source in sources)
            self._found(state)
        return error

    def _patient(self, state: BlobState, since: float) -> bool:
        """Whether somebody still waits for places that cannot be found."""
        runs = [job.run for job in state.unplaced]
        overdue = trio.current_time() - since >= self._deadline
        return any(state.demanded(run) or (state.wanted(run) and not overdue) for run in runs)

    async def _pause(self, until: float) -> None:
        """Sleep, at most until places change."""
        with trio.move_on_at(until):
            await self._changed.wait()

    async def _rest(self, state: BlobState) -> None:
        try:
            await self._pause(min((s.until for s in state.sources or ()), default=-math.inf))
        finally:
            state.asking = False
        self._place_all(state)

    def _place_all(self, state: BlobState) -> None:
        jobs, state.unplaced = state.unplaced, []
        error: VfsError | None = None
        for job in jobs:
            if error is not None:
                self._lose(job, error)
            elif state.sources is None:
                self.put(job)
            else:
                error = self._place(job)

    def _place(self, job: Job) -> VfsError | None:
        """Queue a job at the best place that has not failed, let it rest, or give it up.

        Returns:
            Why no job of this blob can be placed, if all places have failed for good.
        """
        state, now = job.state, trio.current_time()
        sources = state.sources or []
        ready = [source for source in sources if source.until <= now]
        if ready:
            job.source = min(
                ready, key=lambda s: (s.place.where in job.given, self._lanes.avoided(s.place))
            )
            self._queue(job)
            return None
        failing = [source for source in sources if source.passing]
        if not failing:
            state.refused = unavailable(state.blob, sources)
            state.sources = None
            self._journal.write(state.blob, state.refused[0])
            self._lose(job, state.refused[0])
            return state.refused[0]
        if self._may_rest(job, now - max(source.since for source in failing)):
            state.unplaced.append(job)
            self._look_after(state)
        else:
            error = late(state, job.first, now - min(source.since for source in failing))
            if state.wanted(job.run):
                self._journal.write(state.blob, error)
            self._lose(job, error)
        return None

    def _may_rest(self, job: Job, failing: float) -> bool:
        """Whether to wait for places that have been failing for so many seconds; ranks the job by who waits."""
        state = job.state
        if state.demanded(job.run):
            job.level = Level.DEMAND
            return True
        job.level = Level.WARM
        return state.wanted(job.run) and failing < self._deadline

    def note_failure(self, job: Job, source: Source, error: VfsError) -> None:
        """A place has failed for a job: when it may be asked again, and whether it is down."""
        state, now = job.state, trio.current_time()
        if isinstance(error, ObjectChanged) and job.asked != source.etag:
            pass  # another GET was told before
        elif isinstance(error, ObjectChanged) and state.provable and not source.repinned:
            source.repinned = True  # the digest will tell whether the new object is the right one
            source.etag = ""
        else:
            if job.moved > source.until + STALE_SECONDS:
                source.recover()
            source.error = error
            source.attempts += max(1, job.tries)
            if source.passing:
                lane = self._lanes.of(source.place.label)
                worked = lane.down == math.inf
                down = lane.fails(job.moved, now)
                source.since = min(source.since, down)
                source.failures += source.until <= now  # jobs that failed together rest together
            source.until = now + pause_after(source, error)
            if source.passing and worked:
                for waiting in lane.drain():  # other places may have what waits for this one
                    self.put(waiting)
        if not (ordinary(source, error) or isinstance(error, Offline)):
            self._counters.failed_requests += 1
            self._counters.retries += 1
            self._counters.mismatches += isinstance(error, ContentMismatch)
            self._journal.write(state.blob, error, source.place.label)


async def _sources(places: Sequence[Place]) -> list[Source]:
    """Places as none of them was asked, those of this machine first; who lacks the blob there is known to have failed, which saves a job."""
    lacks: Sequence[VfsError | None] = [None] * len(places)
    if len({place.local for place in places}) > 1:
        with contextlib.suppress(trio.TooSlowError):  # it hangs: who asks it is handed over
            lacks = await run_within(LOOK_SECONDS, Pool.LOCAL, _lacking, places)
    found = [Source(place) for place in places]
    for source, error in zip(found, lacks, strict=True):
        if error is not None:
            source.error, source.attempts = error, 1
            source.until = trio.current_time() + pause_after(source, error)
    return sorted(found, key=lambda source: not source.place.local)


def _lacking(places: Sequence[Place]) -> list[VfsError | None]:
    """Blocking."""
    return [_lack_of(place) if place.local else None for place in places]


def _lack_of(place: Place) -> ObjectMissing | None:
    """Why a place of this machine does not have the blob, if that is so."""
    if place.is_here():
        return None
    try:
        place.get(0, 1).close()
    except ObjectMissing as error:
        return copy.copy(error)  # it is kept; the frames it has passed hold drivers
    except VfsError:
        pass
    return None
