"""`Claims`: who brings which block. Turns wishes for blocks into jobs, so that each block has at most one.

Rules:
  * A block that a job already brings is waited for, unless it would come too late: a queued job of lower rank loses it
    to the demand; a running GET is cut off before it when it is `FAR_BLOCKS` or more down the line, unless it was not
    begun for a reader and one waits for what lies before: then it is one walk that has caught up with it (the kernel reads ahead), and no request is quicker.
  * Neighbours that wait in a queue at one rank become one job of at most `PART_BLOCKS`.
  * While readers come from behind, GETs have at most `FAR_BLOCKS` and those nearest to them go first. So none is cut off by who waits for its end, and
    nothing is sent twice.
  * A small blob is one job and never split.

Invariant: a block loses its owner only to get another in the same call, to arrive, or to fail. Loop only; no awaits.
"""

from collections.abc import Callable, Iterable

from vfs.core.gets import FAR_BLOCKS, PART_BLOCKS, parts, parts_backwards
from vfs.core.ranges import coalesce, without
from vfs.transfer.lanes import Budget
from vfs.transfer.state import BlobState, Job, Level
from vfs.transfer.statistics import FetchCounters


class Claims:
    """See the module.

    Args of the constructor:
        budget, counters: of the fetcher.
        put: queues a job that owns its blocks.
        remove: takes a job that is not running out of its queue.
    """

    def __init__(
        self,
        budget: Budget,
        counters: FetchCounters,
        put: Callable[[Job], None],
        remove: Callable[[Job], None],
    ) -> None:
        self._budget = budget
        self._counters = counters
        self._put = put
        self._remove = remove

    def request(self, state: BlobState, blocks: Iterable[int], level: Level) -> None:
        """See to it that blocks which are nowhere come, at this rank at least.

        Args:
            state: the blob.
            blocks: ascending.
            level: rank; a block already asked for at a lower rank is moved up.
        """
        if state.whole:
            self._request_whole(state, level)
        else:
            free = self._claim(state, [b for b in blocks if b not in state.arrived], level)
            for run in parts_backwards(free) if state.streams.backwards else parts(free):
                self.submit(Job(state, run, level))

    def withdraw(self, state: BlobState, blocks: Iterable[int], level: Level) -> None:
        """Give up what was asked for at this rank and nobody waits for."""
        for job in {job for block in blocks if (job := state.owners.get(block)) is not None}:
            if job.level is not level or state.wanted(job.run):
                continue
            if not job.running:
                self._remove(job)
                state.disown(job, job.run)
            elif level is Level.WARM:
                job.cancelled = True

    def repeat(self, job: Job, rest: list[int], level: Level, rival: Job | None) -> None:
        """Ask another place for blocks that a job did not bring and does not own any more."""
        state = job.state
        runs = [range(state.blocks)] if job.whole else coalesce(rest, len(rest))
        for run in runs:
            again = Job(state, run, level, whole=job.whole)
            again.attempt = job.attempt + 1
            again.given, again.rival, again.request = job.given, rival, job.request
            self.submit(again)

    def _request_whole(self, state: BlobState, level: Level) -> None:
        job = state.owners.get(0)
        if job is None:
            if len(state.arrived) < state.blocks:
                self.submit(Job(state, range(state.blocks), level, whole=True))
        elif job.running:
            job.cancelled = False
            job.turn.rank = min(job.turn.rank, level)
        elif level < job.level:
            self._remove(job)
            job.level = level
            self.submit(job)

    def _claim(self, state: BlobState, wanted: list[int], level: Level) -> list[int]:
        """Blocks to ask for: those without an owner, and those taken away from jobs that would bring them too late."""
        free = {block for block in wanted if block not in state.owners}
        by_job: dict[Job, list[int]] = {}
        for block in wanted:
            if block in state.owners:
                by_job.setdefault(state.owners[block], []).append(block)
        for job, blocks in by_job.items():
            inside = range(blocks[0], blocks[-1] + 1)
            if job.running and level is not Level.WARM:
                job.cancelled = False
                job.turn.rank = min(job.turn.rank, level)
            if not job.running and level < job.level:
                self._remove(job)
                self._take(job, inside)
                free.update(inside)
            elif self._too_far(job, inside, level):
                self._cut(job, inside)
                free.update(inside)
        return sorted(free)

    def _too_far(self, job: Job, inside: range, level: Level) -> bool:
        if not job.running or level is not Level.DEMAND or job.whole:
            return False
        reached = job.reached
        before = range(max(reached, inside.start - FAR_BLOCKS), inside.start)
        overtaken = job.level is not Level.DEMAND and job.state.demanded(before)
        return inside.start - reached >= FAR_BLOCKS and not overtaken

    def _take(self, job: Job, inside: range) -> None:
        """Split a job that was taken out of its queue: `inside` is left without an owner, the rest is queued again."""
        state = job.state
        state.disown(job, job.run)
        for part in without(job.run, inside):
            self.submit(Job(state, part, job.level))

    def _cut(self, job: Job, inside: range) -> None:
        """End a running job before `inside`, which is left without an owner; what lies behind is queued anew."""
        tail = range(inside.start, job.stop)
        before = job.size
        job.stop = inside.start
        self._budget.give_back(job, before - job.size)
        job.state.disown(job, tail)
        self._counters.cut_off += 1
        for part in without(tail, inside):
            self.submit(Job(job.state, part, job.level))

    def submit(self, job: Job) -> None:
        """Make a job the owner of its blocks and queue it, or make it part of a queued neighbour."""
        state = job.state
        if self._joined(job):
            return
        state.own(job)
        self._put(job)

    def _joined(self, job: Job) -> bool:
        """Whether the job became part of a neighbour that is still queued at the same rank."""
        left = job.state.owners.get(job.first - 1)
        if (
            left is None
            or left.running
            or left.level is not job.level
            or left.attempt != job.attempt
            or left.given != job.given
        ):
            return False
        if job.stop - left.first > (FAR_BLOCKS if job.state.streams.backwards else PART_BLOCKS):
            return False
        left.stop = job.stop
        job.state.own(left)
        return True


def rank(job: Job) -> Level | None:
    """The rank of a job by who waits for it; None if nobody does. Read-ahead stays that, also if somebody waits for it to be stored."""
    if job.state.demanded(job.run):
        return Level.DEMAND
    if job.level is Level.AHEAD:
        return Level.AHEAD
    return Level.WARM if job.state.wanted(job.run) else None
