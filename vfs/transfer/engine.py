"""`Engine`: brings blocks that are asked for, each once, in order of rank.

Purpose: from `request(state, blocks, level)` to blocks that have arrived, waiters that are woken, bytes in the store.
Rules and invariants: `docs/concurrency.md`, "Fetching". Everything here runs on the event loop and is a plain function,
except the tasks (`run`, `_work`, those of `Placing` and `Watch`), so no state is left half-changed across an await.
"""

import functools
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import trio

from vfs.errors import ObjectChanged, RemoteUnavailable, VfsError
from vfs.log.requests import resume
from vfs.store import ChunkStore, Taken
from vfs.transfer.accounting import Accounting
from vfs.transfer.attempt import attempt
from vfs.transfer.checker import Checker
from vfs.transfer.claims import Claims, rank
from vfs.transfer.companions import Coming
from vfs.transfer.download import end_downloads
from vfs.transfer.editions import Editions
from vfs.transfer.failures import RETRY_MISMATCH, Journal, stopping, unforeseen, wrong
from vfs.transfer.inbox import Inbox
from vfs.transfer.lanes import Budget, Lane, Lanes
from vfs.transfer.memory import Memory
from vfs.transfer.placing import Placing
from vfs.transfer.source import STALE_SECONDS, Source
from vfs.transfer.state import BlobState, Job, Level
from vfs.transfer.statistics import FetchCounters
from vfs.transfer.verification import Verification
from vfs.transfer.waiter import Data
from vfs.transfer.watch import Watch
from vfs.types import BLOCK_SIZE, Blob

log = logging.getLogger("vfs.transfer")

PATIENCE: Final = 5.0
"""Seconds without a byte after which another place is asked; a quarter of the deadline if that is less."""

LAST_SECONDS: Final = 2.0
"""How long the end of `run` waits for worker threads."""


class Engine:
    """See the module."""

    def __init__(
        self,
        store: ChunkStore,
        *,
        memory_limit: int,
        jobs: int,
        deadline: float,
        on_bad: Callable[[Blob], None],
    ) -> None:
        self.store = store
        self._on_bad = on_bad
        self.counters = FetchCounters()
        self.accounting = Accounting(self.counters)
        self.journal = Journal()
        self.budget = Budget(memory_limit)
        self.memory = Memory(self.budget)
        self.coming = Coming(self.accounting)
        self.running: set[Job] = set()
        self.taking = True
        self.closed = False
        self._watch = Watch(min(PATIENCE, deadline / 4), self._hand_over)
        self._lanes = Lanes(jobs)
        self._claims = Claims(self.budget, self.counters, self._put, self._remove)
        self.editions = Editions(store, self.running, self._give_up, self._condemn)
        self._states = self.editions.states
        found = self.editions.found
        self._placing = Placing(
            self.journal, self.counters, self._lanes, deadline, self._queue, self._lose, found
        )
        self.state, self.known = self._states.get, self._states.known
        self.knows = self._states.knows
        self.usable, self.keys = self._states.usable, self._states.keys
        self._threads = trio.CapacityLimiter(math.inf)
        self._nursery: trio.Nursery | None = None
        self._inbox: Inbox | None = None
        self._checker: Checker | None = None
        self.verification: Verification | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; then nobody is left waiting."""
        self._inbox = Inbox(
            self.editions.opened, self._arrived, self._stored, self._broke, self.coming
        )
        self._checker = Checker()
        self.verification = self.editions.verification = Verification(
            self.store,
            self.counters,
            self.budget,
            self.memory,
            self._checker,
            condemn=self._condemn,
            on_bad=self._on_bad,
            freed=self.pump,
        )
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = self._placing.nursery = nursery
                task_status.started()
                await self._watch.run()
        finally:
            self.stop()
            with trio.CancelScope(shield=True):
                await self._end_threads()

    @property
    def queued(self) -> int:
        """Jobs that wait for a slot or for their places."""
        unplaced = sum(len(state.unplaced) for state in self._states)
        return unplaced + sum(lane.queued for lane in self._lanes)

    @property
    def checking(self) -> int:
        """Orders the checker has not finished."""
        return 0 if self._checker is None else self._checker.pending

    # -- blobs ---------------------------------------------------------------------------------------

    def at_hand(self, state: BlobState, block: int) -> Data | None:
        """A block that is in memory."""
        return state.arrived.get(block) or self.memory.get(state.prefix, block)

    # -- asking --------------------------------------------------------------------------------------

    def request(self, state: BlobState, blocks: Iterable[int], level: Level) -> None:
        """See to it that blocks which are nowhere come; see `Claims.request`."""
        self._claims.request(state, blocks, level)

    def withdraw(self, state: BlobState, blocks: Iterable[int], level: Level) -> None:
        """Give up what nobody waits for; see `Claims.withdraw`."""
        self._claims.withdraw(state, blocks, level)
        self._settled(state)

    # -- queues --------------------------------------------------------------------------------------

    def _put(self, job: Job) -> None:
        self._placing.put(job)

    def _remove(self, job: Job) -> None:
        if job in job.state.unplaced:
            job.state.unplaced.remove(job)
        elif job.source is not None:
            self._lanes.of(job.source.place.label).withdraw(job)

    def places_changed(self) -> None:
        """Ask anew for the places of every blob, also where they had failed."""
        for state in self._states:
            state.forget_places()
        self._placing.places_changed()
        for state in self._states:
            if state.owners:  # a GET that hangs may now be helped by another place
                self._placing.search(state)

    def _queue(self, job: Job) -> None:
        """A job has a source: it waits for a slot there."""
        assert job.source is not None
        self._lanes.of(job.source.place.label).put(job)
        self.pump()

    def _lose(self, job: Job, error: VfsError) -> None:
        """The job's blocks will not come."""
        state = job.state
        state.disown(job, job.run)
        state.streams.retract(job.first * BLOCK_SIZE)
        state.fail(job.run, error)
        self._settled(state)

    # -- running -------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Start every job that may start."""
        if self._nursery is None:
            return
        for lane in self._lanes:
            while (job := lane.start(self.budget)) is not None:
                job.running = True
                job.moved = trio.current_time()
                self.running.add(job)
                self._nursery.start_soon(self._work, job, lane)
        self._tell_checker()

    def _tell_checker(self) -> None:
        if self._checker is not None:
            self._checker.fetching(bool(self.running))

    async def _work(self, job: Job, lane: Lane) -> None:
        """One GET, from its slot to the end of its job."""
        resume(job.request)
        source = job.source
        assert source is not None
        assert self._inbox is not None
        self._watch.add(job)
        with self.accounting.get(job):
            error = await attempt(job, source, self.store, self._inbox, self._threads)
        self._watch.discard(job)
        self._inbox.drain()
        if job.handed:
            lane.lingering -= 1
        else:
            lane.end()
        self._settle(job, source, error)
        self._settled(job.state)
        self.pump()

    def _settled(self, state: BlobState) -> None:
        """If nothing more of a blob comes, no gap will close."""
        if self.verification is not None and not (state.owners or state.arrived):
            self.verification.settled(state)

    def _hand_over(self, job: Job) -> bool:
        """Ask another place for what a GET that hangs has not brought; it may still bring it. False if there is none."""
        if job.storing and not job.void:
            self._leave_behind(job)
            return True
        state, now = job.state, trio.current_time()
        assert job.source is not None
        source = state.current(job.source)
        tried = (*job.given, source.place.where)
        self._placing.search(state)
        others = [s for s in state.sources or () if s.until <= now and s.place.where not in tried]
        level = rank(job)
        rest = [block for block in job.run if state.owners.get(block) is job]
        label, seconds = source.place.label, self._watch.patience
        if not (others and rest) or level is None or not self._lanes.of(label).let_linger():
            return False
        job.given, job.handed = tried, True
        self.budget.give_back(job, job.held)
        state.disown(job, job.run)
        self._placing.note_failure(
            job, source, RemoteUnavailable(f"{label}: no answer in {seconds:g} s")
        )
        source.until = max(source.until, now + STALE_SECONDS)
        self._claims.repeat(job, rest, level, rival=job)
        self.pump()
        return True

    def _leave_behind(self, job: Job) -> None:
        """The thread of a GET hangs in the store: what it has brought stays in memory, and another one fetches the rest."""
        here = [block for block in job.run if block in job.state.arrived]
        self._stored(job, here, Taken.LATER, lasting=False)
        self._take_away(job)
        self.pump()

    def _settle(self, job: Job, source: Source, error: VfsError | None) -> None:
        """A GET has ended: hand on what it did not bring."""
        state = job.state
        job.running = False
        self.running.discard(job)
        self._tell_checker()
        self.budget.give_back(job, job.held)
        rest = [block for block in job.run if state.owners.get(block) is job]
        state.disown(job, job.run)
        if not rest:
            return
        if error is None:  # cancelled; somebody may have come since the thread looked
            if state.wanted(job.run):
                self.request(state, rest, Level.DEMAND)
            return
        if isinstance(error, ObjectChanged) and job.asked == source.etag:
            self.editions.take_out(state, [source.place.where])
        self._placing.note_failure(job, source, error)
        level = rank(job)
        if level is not None:
            self._claims.repeat(job, rest, level, rival=job.rival)

    # -- news from the threads -----------------------------------------------------------------------

    def _arrived(self, job: Job, blocks: Sequence[tuple[int, Data]], mark: int) -> None:
        assert job.source is not None
        label = job.source.place.label
        job.source.recover()
        job.source.served = True
        job.source.until = -math.inf
        if job.rival is not None:
            job.rival.cancelled = True
        self._lanes.of(label).down = math.inf
        job.moved = trio.current_time()
        for block, data in blocks:
            self.accounting.received(job, len(data))
            job.progress = block + 1
            if not job.void:
                if mark and job.state.blob.scope:
                    job.state.handed.note(block, mark)
                job.state.arrive(block, data)
        if job.progress == job.stop:
            self.accounting.answered(job)

    def _stored(self, job: Job, blocks: list[int], taken: Taken, lasting: bool) -> None:
        state = job.state
        self.taking = bool(taken)
        if job.void:
            if self._checker is not None:
                keys = [job.prefix + block.to_bytes(4, "big") for block in blocks]
                self._checker.post(functools.partial(self.store.drop, keys), lambda _: None)
            return
        for block in blocks:
            data = state.settle(block, taken)
            if data is None:
                continue
            self.budget.give_back(job, len(data))
            if taken:
                self.counters.bytes_stored += len(data)
            else:
                self.counters.bytes_unstored += len(data)
                self.memory.put_unstored(state.prefix, block, data)
            if self.verification is not None:
                self.verification.saw(state, block, data, lasting=lasting)
        if self.verification is not None:
            self.verification.check(state)
        self.pump()

    def _broke(self, job: Job, error: Exception) -> None:
        """A bug was met with at the news of a job: who waits for its blob has an error, and it is begun anew by the next."""
        state = job.state
        job.cancelled = job.void = True
        state.disown(job, job.run)
        state.arrived.clear()
        self.memory.forget(state.prefix)
        if self.verification is not None:
            self.verification.drop(state)
        state.fail_all(unforeseen(state.blob, error))

    # -- what is of no use any more ------------------------------------------------------------------

    def _give_up(self, job: Job) -> None:
        """What a running GET still brings is of no use: ask for it anew, if somebody waits."""
        job.void = True
        self._take_away(job)

    def _take_away(self, job: Job) -> None:
        job.cancelled = True
        rest = [block for block in job.run if job.state.owners.get(block) is job]
        job.state.disown(job, job.run)
        self.budget.give_back(job, job.held)
        level = rank(job)
        if rest and level is not None:
            self._claims.repeat(job, rest, level, rival=None)

    def _condemn(self, state: BlobState) -> None:
        """The blob is wrong: nobody gets more of it before all of it has been fetched anew and found right."""
        error = wrong(state.blob)
        self.journal.write(state.blob, error)
        if state.editions:  # else an earlier process left it: nobody knows what the places have now
            state.refused = (error, trio.current_time() + RETRY_MISMATCH)
        for job in set(state.owners.values()):
            if not job.running:
                self._remove(job)
        for job in self.running:
            if job.state is state:
                job.cancelled = job.void = True
        if self.verification is not None:
            self.verification.drop(state)
        state.start_over()
        self.memory.forget(state.prefix)
        state.fail_all(error)

    # -- the end -------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Wake everybody with an error, and let nobody wait from now on."""
        self.closed = True
        self.verification = self.editions.verification = None
        self._nursery = self._placing.nursery = None
        self.coming.end_all()
        error = stopping()
        for lane in self._lanes:
            lane.drain()
        for job in self.running:
            job.cancelled = True
        for state in self._states:
            state.unplaced.clear()
            state.owners.clear()
            state.fail_all(error)

    async def _end_threads(self) -> None:
        """Close what the threads read from, and give them a moment to let go of the store."""
        if self._checker is not None:
            await self._checker.stop()
        jobs = list(self.running)
        if jobs:
            await trio.to_thread.run_sync(end_downloads, jobs, LAST_SECONDS)
        if self._inbox is not None:
            self._inbox.drain()
        for job in jobs:
            self.budget.give_back(job, job.held)
        self.running.clear()
        for state in self._states:
            state.arrived.clear()
