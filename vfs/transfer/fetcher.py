"""`Fetcher`: reads and prefetches blobs that are not on this machine. One per daemon; also for `trio.run` in the CLI.

    async with trio.open_nursery() as nursery:
        await nursery.start(fetcher.run)
        data = await fetcher.read(blob, places_of, offset, length)
        nursery.cancel_scope.cancel()

Rules and invariants: `docs/concurrency.md`, "Fetching". All methods belong to the event loop, except `resident_percent`.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final, NoReturn, TypeVar

import trio

from vfs.core.ranges import block_count, blocks_of
from vfs.core.streams import MIB
from vfs.errors import ContentMismatch, RemoteUnavailable, StoreCorrupt, StoreError, VfsError
from vfs.offline import is_offline
from vfs.store import VERIFIED, ChunkStore
from vfs.threads import Pool, run_in, run_within
from vfs.transfer.blocks import Keys, here, locate_run, scoped
from vfs.transfer.bringing import Bringer
from vfs.transfer.engine import PATIENCE, Engine
from vfs.transfer.failures import RETRY_AFTER, late, refusal, refuse, unproven, wrong, wrong_file
from vfs.transfer.flows import Flows
from vfs.transfer.limits import Limits
from vfs.transfer.local_file import FileProof, LocalFile, find_local
from vfs.transfer.parts import Parts, assemble, collect
from vfs.transfer.place import PlacesOf, Wanted
from vfs.transfer.promotion import promote
from vfs.transfer.proving import seen_blocks
from vfs.transfer.state import BlobState, Level
from vfs.transfer.statistics import FetchStatistics
from vfs.transfer.waiter import Data, Waiter
from vfs.transfer.warmup import PrefetchReport, WarmUp
from vfs.transfer.whole import Judge, judge_read, judged_within, let_store, prove_whole, verify
from vfs.types import BLOCK_SIZE, Algorithm, Blob

log = logging.getLogger("vfs.transfer")

T = TypeVar("T")

SMALLEST_CEILING: Final = MIB
"""A stream may always go this far ahead, however many share the budget."""

MOST_COUNTED: Final = 16_384
"""Blocks looked up to tell how much of a blob is resident; looking up that many takes some 15 ms."""


class Fetcher:
    """See the module.

    Args of the constructor:
        store: where blocks are kept.
        settings: limits.
        scope: of the repository whose places are asked (`vfs.transfer.blocks`).
        on_bad: called on the loop when a large blob (in the store, or a local file) turned out to be wrong as a whole, or what was
            handed out of it may be wrong, or of an object that was replaced: forget where it is and what the kernel has cached of it.
    """

    def __init__(
        self,
        store: ChunkStore,
        settings: Limits,
        *,
        scope: bytes = b"",
        on_bad: Callable[[Blob], None] = lambda blob: None,
    ) -> None:
        self._store = store
        self._scope = scope
        self._deadline = settings.deadline
        self._engine = Engine(
            store,
            memory_limit=settings.memory_limit,
            jobs=settings.jobs,
            deadline=settings.deadline,
            on_bad=on_bad,
        )
        self.bringer = Bringer(self._engine, scope)
        self.accounting, self.coming = self._engine.accounting, self._engine.coming
        self._flows = Flows()
        self._condemned = store.condemned

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Whoever waits then gets an error; worker threads are told to stop."""
        await self._engine.run(task_status=task_status)

    def stop(self) -> None:
        """The end is near: whoever waits gets an error, and so does who would have to wait from now on."""
        self._engine.stop()

    def own(self, blob: Blob) -> Blob:
        """A blob as it is kept for the repository; every method takes it with or without."""
        return scoped(blob, self._scope)

    # -- reading -------------------------------------------------------------------------------------

    async def read(self, blob: Blob, places: PlacesOf, offset: int, length: int) -> Data:
        """Bytes [offset, offset + length) of a blob, cut at its end; fetched if they must be.

        Does not suspend if the bytes are in memory. Cancelling it disturbs nobody else.

        Raises:
            DataUnavailable: no place has them; the message gives each reason.
            ContentMismatch: the places have other bytes than the digest names.
            RemoteUnavailable: the deadline passed, or has passed seconds ago for another read.
            VfsError: as `places` raises.
        """
        end = min(offset + length, blob.size)
        if offset >= end or offset < 0:
            return b""
        state = self._engine.state(self.own(blob), places)
        state.readers += 1
        self.accounting.read(state.blob, end - offset)
        try:
            try:
                return await self._read(state, offset, end)
            except StoreError as error:  # a damaged or vanished block: the store has dropped it
                self._engine.counters.corrupt += isinstance(error, StoreCorrupt)
                log.warning("%s; fetching it again", error)
                return await self._read(state, offset, end, stored=False)
        finally:
            state.readers -= 1

    def advance(self, blob: Blob, offset: int, length: int) -> None:
        """Tell of a read that was served from the store, so that read-ahead goes on; a dict lookup if there is none."""
        if (state := self._flows.get(self.own(blob).key)) and self._engine.knows(state):
            self._read_ahead(state, offset, length, stalled=False)

    def holds_back(self, blob: Blob, blocks: range) -> bool:
        """Whether blocks in the store are to be had by `read` only: with them readers have had all of a blob, and nobody has compared it."""
        state = self._engine.known(self.own(blob))
        if state is None or state.whole or not state.provable:
            return False
        completes = state.handed.completes(blocks, state.blocks)
        return completes and self._engine.editions.verdict(state.blob) != VERIFIED

    def had(self, blob: Blob, blocks: Iterable[int]) -> None:
        """Readers have had blocks of a blob from the store, before the first was asked of `read`."""
        if (state := self._engine.known(self.own(blob))) is not None:
            state.handed.had(blocks)

    def leave(self, blob: Blob) -> None:
        """Tell that nobody has the blob open any more: read-ahead of others may have its share."""
        self._flows.drop(self.own(blob).key)

    async def find_local(self, blob: Blob, places: PlacesOf) -> LocalFile | None:
        """A plain local file with exactly this content as far as is known, or None.

        Raises:
            RemoteUnavailable: a file system that may have one hangs.
        """
        return await self._locally(find_local, self.own(blob), places, self._store)

    async def read_local(self, file: LocalFile, offset: int, length: int) -> Data:
        """Bytes of a local file.

        Raises:
            RemoteUnavailable: its file system hangs.
            DataUnavailable: as `LocalFile.read`.
        """
        return await self._locally(file.read, offset, length)

    async def _locally(self, function: Callable[..., T], *args: object) -> T:
        patience = min(PATIENCE, self._deadline / 4)
        try:
            return await run_within(patience, Pool.LOCAL, function, *args)
        except trio.TooSlowError:
            raise RemoteUnavailable(f"no local file answers within {patience:g} s") from None

    def check_file(self, file: LocalFile) -> None:
        """All of a local file was seen: have it hashed in the background. If it is wrong, `on_bad` is called."""
        if self._engine.verification is not None:
            self._engine.verification.check_file(file)

    def examine(self, blob: Blob, places: PlacesOf) -> None:
        """A blob is opened: if all of it is in the store and it was never checked, do that in the background."""
        own, verification = self.own(blob), self._engine.verification
        if self.verdict(own) != VERIFIED and verification is not None:
            verification.examine(own, self.usable(own), lambda: self._engine.state(own, places))

    def verdict(self, blob: Blob) -> int | None:
        """What is known of the whole (`vfs.store`); it is `VERIFIED` only if all that was handed out here was compared."""
        return self._engine.editions.verdict(self.own(blob))

    def usable(self, blob: Blob) -> Keys:
        """What the keys of those blocks of the store begin with that may be handed out as they are; `read` finds out about others."""
        return self._engine.usable(self.own(blob))

    def heed(self, blobs: Callable[[], Iterable[Blob]]) -> None:
        """If any process has found contents wrong since the last call: if one is known here, or among `blobs`, `on_bad` is called.

        If one has found right what is unproven here, it is compared with that.
        """
        self._engine.editions.look_again()
        condemned = self._store.condemned
        if condemned != self._condemned:
            self._condemned = condemned
            self._engine.editions.heed(blobs())

    def places_changed(self) -> None:
        """Blobs may now be had from other places than those their `places` gave before."""
        self._engine.places_changed()

    async def _read(self, state: BlobState, offset: int, end: int, *, stored: bool = True) -> Data:
        """Without `stored`, only from memory and places: what the store names may be gone again before it is read."""
        blocks, told = blocks_of(offset, end), False
        while (found := await self._find(state, blocks, stored=stored)).missing:
            if state.suspect:
                refuse(state)
                await self._judge(state, prove_whole)
                continue
            left = self._left(state, blocks) if stored else {}
            if left and refusal(state) is not None:
                state.answered(left)
                continue
            refuse(state)
            retracted, waiter = state.retracted, Waiter(set(found.missing))
            state.wait_for(waiter)
            self._engine.request(state, sorted(found.missing), Level.DEMAND)
            if not told:
                self._read_ahead(state, offset, end - offset, stalled=True)
                told = True
            if not await self._wait(state, waiter, in_vain=not left):
                state.answered(self._left(state, blocks))
            elif state.retracted == retracted:  # else what was found is of another version
                found.data.update(waiter.data)
                break
        if not told:
            self._read_ahead(state, offset, end - offset, stalled=False)
        if not state.whole and state.handed.completes(blocks, state.blocks):
            retracted = state.retracted
            await self._judge(state, judge_read)
            if state.retracted != retracted:
                return await self._read(state, offset, end, stored=stored)
        return await assemble(self._store, found, offset, end)

    async def _find(self, state: BlobState, blocks: range, *, stored: bool) -> Parts:
        with trio.move_on_after(self._deadline):
            while True:
                found = collect(self._engine, state, blocks, stored=stored)
                if not await let_store(self._engine, state, len(found.missing) * BLOCK_SIZE):
                    return found
        self._refuse_later(state, late(state, min(found.missing), self._deadline))

    def _left(self, state: BlobState, blocks: range) -> dict[str, bytes]:
        """The editions that an earlier process has left, if no place has answered and they have all of the blocks."""
        left = {} if state.editions or state.suspect else state.left()
        keys = Keys(state.keys.proven, tuple(left.values()))
        return left if left and all(here(self._store, keys, blocks)) else {}

    async def _wait(self, state: BlobState, waiter: Waiter, *, in_vain: bool) -> bool:
        """Until the blocks of a waiter are here, or the deadline.

        Returns:
            False if no place tells which version it has; unless that would be `in_vain`, because there is nothing else to serve.
        """
        try:
            with self.accounting.wait(state.blob), trio.move_on_after(self._deadline) as scope:
                if not (in_vain or await self._answered(state, waiter)):
                    return False
                await waiter.wait()
            if scope.cancelled_caught:
                self._refuse_later(state, late(state, min(waiter.pending), self._deadline))
            return True
        finally:
            state.leave(waiter)
            if waiter.pending:
                self._engine.withdraw(state, sorted(waiter.pending), Level.DEMAND)

    async def _answered(self, state: BlobState, waiter: Waiter) -> bool:
        """Whether a place has given bytes, or its version; soon, or not at all."""
        try:
            with trio.move_on_after(min(PATIENCE, self._deadline / 2)):
                await waiter.wait()
        except ContentMismatch:
            raise
        except VfsError:
            if state.editions:
                raise
        return bool(state.editions) or not waiter.pending

    async def _judge(self, state: BlobState, judge: Judge) -> None:
        """Wait until all of a blob was compared; what was wrong before is fetched anew for that."""
        if not await judged_within(self._deadline, judge, self._engine, state):
            self._refuse_later(state, unproven(state, f"not within {self._deadline:g} s"))

    def _refuse_later(self, state: BlobState, error: VfsError) -> NoReturn:
        """Raise the error of a deadline, and again to who asks within seconds: the kernel does, for the same pages."""
        self._engine.counters.timeouts += 1
        self._engine.journal.write(state.blob, error)
        state.refused = (error, trio.current_time() + RETRY_AFTER)
        raise error

    async def verify(self, blob: Blob, places: PlacesOf) -> None:
        """Until a blob that was read is known to be what its digest names; what is missing for that is fetched.

        Raises:
            ContentMismatch: it is not.
            VfsError: it cannot be fetched (again) and compared.
        """
        state = self._engine.state(self.own(blob), places)
        state.readers += 1
        try:
            refuse(state)
            await verify(self._engine, state)
            if state.misled:
                raise wrong(state.blob)
        except ContentMismatch:
            state.misled = False  # it is told now
            raise
        finally:
            state.readers -= 1

    async def verify_file(self, file: LocalFile) -> None:
        """Until a large local file is known to be what it is named after; raises ContentMismatch if it is not."""
        if file.blob.digest.algorithm is Algorithm.PLACE:
            return
        proof = FileProof(self._store, file)
        while (right := await run_in(Pool.DISK, proof.step)) is None:
            pass
        if not right:
            raise wrong_file(file.blob)

    # -- read-ahead ----------------------------------------------------------------------------------

    def _read_ahead(self, state: BlobState, offset: int, length: int, *, stalled: bool) -> None:
        if state.whole or is_offline():
            return
        if offset + length >= state.blob.size:
            self._engine.editions.look(state)
        share = self._engine.budget.limit // 2 // max(1, len(self._flows))
        if not self._engine.taking:  # what is fetched ahead must still be in memory when it is read
            share = min(share, self._engine.memory.limit // 4)
        ceiling = max(SMALLEST_CEILING, share)
        ahead = state.streams.observe(offset, length, stalled=stalled, ceiling=ceiling)
        self._flows.note(state, trio.current_time())
        if ahead and not state.unsettled:
            for piece in ahead:
                self._fetch_ahead(state, blocks_of(piece.start, piece.stop))
        if stalled and not state.unsettled:
            promote(self._engine, state, ceiling)

    def _fetch_ahead(self, state: BlobState, run: range) -> None:
        extents = locate_run(self._store, state.keys, run.start, len(run))
        missing = [
            block
            for block, extent in zip(run, extents, strict=True)
            if extent is None and self._engine.at_hand(state, block) is None
        ]
        if missing:
            self._engine.request(state, missing, Level.AHEAD)

    # -- whole files ---------------------------------------------------------------------------------

    async def prefetch(
        self, items: Iterable[Wanted], progress: Callable[[int, int], None] | None = None
    ) -> PrefetchReport:
        """Bring whole blobs into the store, at the lowest rank; what is here already is skipped.

        Args:
            items: blobs and their places, in order.
            progress: told (bytes done, bytes known so far) now and then, in a worker thread.

        Raises:
            StoreFull: it is more than the store may take, or has room for, or some of it was evicted before the end.
        """
        return await WarmUp(self._engine, progress, self._scope).run(items)

    # -- facts ---------------------------------------------------------------------------------------

    def resident_percent(self, blob: Blob) -> int:
        """How many of a blob's blocks are in the store, in percent, rounded down; any thread.

        Of a blob over 4 GiB, evenly spread blocks are counted: looking up all four million of a terabyte would take seconds
        of every other thread's time. What is evicted or fetched ahead is larger than the gaps.
        """
        count = block_count(blob.size)
        if count == 0:
            return 100
        counted = range(0, count, -(-count // MOST_COUNTED))
        found = seen_blocks(self._store, self._engine.keys(self.own(blob)), counted)
        return len(found) * 100 // len(counted)

    def statistics(self) -> FetchStatistics:
        """A picture of now."""
        engine = self._engine
        return FetchStatistics(
            **engine.counters.snapshot(),
            in_flight_bytes=engine.budget.held,
            in_flight_requests=len(engine.running),
            queued=engine.queued,
            waiting_readers=self.accounting.waits.waiting,
            checking=engine.checking,
            memory_cached=engine.memory.weight,
            places=dict(engine.accounting.places),
        )
