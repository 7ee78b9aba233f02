"""Prefetch: whole blobs into the chunk store, at the lowest rank.

Rules:
  * Items are read lazily and surveyed in batches in a worker thread: what is resident, or lies here as a plain file, is
    skipped without asking any remote.
  * Many blobs are fetched at once (small files cost a round trip each), each as `fill` does it.
  * Large blobs are compared with their digests, from the store if they were there already without a verdict.
  * Cancelling withdraws what was asked for, unless somebody else waits for it.
  * A blob that no place has, or gives within the deadline, or that is wrong, is counted and named; it does not end the rest. A store that takes nothing does.
  * More than the cache may take is refused before anything is fetched; what was evicted before the end is an error: who asked may go offline now.
  * What the store does not take because another process is in the way (it makes room, or holds the index) is asked for again once it is not:
    only what it did not take, and a few times only, if it takes less than half of that.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import trio

from vfs.config.units import format_size
from vfs.core.gets import STRETCH_BLOCKS, stretches
from vfs.core.ranges import block_count
from vfs.errors import StoreError, StoreFull, VfsError
from vfs.store import VERIFIED, Taken
from vfs.threads import Pool, run_in
from vfs.transfer.blocks import WHOLE_SIZE, locate_run, provable, scoped
from vfs.transfer.engine import Engine
from vfs.transfer.failures import refuse
from vfs.transfer.filling import fill
from vfs.transfer.local_file import open_local
from vfs.transfer.place import PlacesOf, Wanted
from vfs.transfer.whole import verify
from vfs.types import Blob

BATCH: Final = 64
"""Items surveyed at once."""

AT_ONCE: Final = 32
"""Blobs fetched at once; what really runs is decided by the slots of the places."""

ROOM_SECONDS: Final = 60.0
"""How long another process may be in the way of the store."""

MOST_FETCHES: Final = 3
"""How often in turn a blob is fetched of which the store takes nothing, or less than half of what is left."""

LOOK_SECONDS: Final = 0.1
"""Between two looks whether it has."""

_TOO_SMALL: Final = "`vfs cache limit SIZE` lets it take more; or fetch less at once"

MOST_PROBLEMS: Final = 20
"""Failures named in a report."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PrefetchReport:
    """What a prefetch did.

    Attributes:
        files, bytes: asked for.
        fetched_files, fetched_bytes: brought into the store now (blobs of which at least one block was missing).
        resident_files, local_files: here already, in the store or as plain files.
        failed_files: could not be had, or are not what their digests name; `problems` says why for the first of them.
    """

    files: int = 0
    bytes: int = 0
    fetched_files: int = 0
    fetched_bytes: int = 0
    resident_files: int = 0
    local_files: int = 0
    failed_files: int = 0
    problems: tuple[tuple[Blob, str], ...] = ()


class _Surveyed(NamedTuple):
    """An item that must be fetched or compared (`places` given), or why not."""

    blob: Blob
    places: PlacesOf | None
    local: bool = False


class _NothingMore(Exception):
    """The store takes nothing, and why if that is known."""

    def __init__(self, why: StoreFull | None) -> None:
        super().__init__()
        self.why = why


class WarmUp:
    """One prefetch, for the repository of `scope`."""

    def __init__(self, engine: Engine, progress: Progress | None, scope: bytes) -> None:
        self._engine = engine
        self._scope = scope
        self._progress = progress
        self._changed = trio.Event()
        self._full: _NothingMore | None = None
        self._files = self._bytes = self._done = 0
        self._fetched_files = self._fetched_bytes = 0
        self._resident = self._local = self._failed = 0
        self._problems: list[tuple[Blob, str]] = []
        self._limit = 0
        self._kept: list[Blob] = []  # what the store had, or took

    async def run(self, items: Iterable[Wanted]) -> PrefetchReport:
        """See `Fetcher.prefetch`."""
        listed: list[Wanted] = await run_in(Pool.DISK, lambda: list(items))
        evicted = await run_in(Pool.DISK, self._refuse_too_much, listed)
        async with trio.open_nursery() as telling:
            if self._progress is not None:
                telling.start_soon(self._tell, self._progress)
            send, receive = trio.open_memory_channel[_Surveyed](0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._survey, iter(listed), send)
                for _ in range(AT_ONCE):
                    nursery.start_soon(self._work, receive.clone(), nursery.cancel_scope)
                receive.close()
            telling.cancel_scope.cancel()
        if self._progress is not None:
            await run_in(Pool.CONTROL, self._progress, self._done, self._bytes)
        if self._full is not None:
            why = self._full.why
            raise StoreFull(
                f"the cache takes nothing more{f' ({why})' if why else ''}; files fetched so far: {self._fetched_files}",
                hint=why.hint if why else None,
            )
        await run_in(Pool.DISK, self._look_back, evicted)
        return self._report()

    def _refuse_too_much(self, items: list[Wanted]) -> int:
        """In a worker thread: how much has been evicted so far; raises StoreFull if not all of the items can lie in the store together.

        One that alone is larger than that does not count beside others (a pointer may claim any size): it fails for itself.
        """
        found = self._engine.store.statistics()
        self._limit = limit = found.limit
        if sum(blob.size for blob, _ in items) > limit:
            surveyed = [self._survey_one(scoped(b, self._scope), places) for b, places in items]
            sizes = [one.blob.size for one in surveyed if not one.local]
            self._refuse(sum([size for size in sizes if size <= limit] or sizes))
        return found.evicted

    def _refuse(self, size: int) -> None:
        if size > self._limit:
            said = (
                f"{format_size(size)} asked for, and the cache may take {format_size(self._limit)}"
            )
            raise StoreFull(said, hint=_TOO_SMALL)

    def _look_back(self, evicted: int) -> None:
        """In a worker thread: raises StoreFull if what was here, or was fetched, is not any more."""
        if self._engine.store.statistics().evicted == evicted:
            return
        gone = sum(not self._is_resident(blob) for blob in self._kept)
        if gone:
            said = f"{gone} of {self._files} files have gone, in whole or in part: others came into the cache meanwhile"
            raise StoreFull(said, hint=f"fetch once more; {_TOO_SMALL}")

    def _report(self) -> PrefetchReport:
        return PrefetchReport(
            self._files,
            self._bytes,
            self._fetched_files,
            self._fetched_bytes,
            self._resident,
            self._local,
            self._failed,
            tuple(self._problems),
        )

    # -- tasks ---------------------------------------------------------------------------------------

    async def _survey(
        self, items: Iterator[Wanted], send: "trio.MemorySendChannel[_Surveyed]"
    ) -> None:
        async with send:
            while batch := await run_in(Pool.DISK, self._survey_batch, items):
                for found in batch:
                    self._files += 1
                    self._bytes += found.blob.size
                for found in batch:
                    if found.places is not None:
                        await send.send(found)
                    else:
                        self._count_here(found)
                        self._advance(found.blob.size)

    def _count_here(self, found: _Surveyed, *, fetched: bool = False) -> None:
        self._local += found.local
        self._fetched_files += fetched and not found.local
        self._resident += not (fetched or found.local)
        if not found.local:
            self._kept.append(found.blob)

    def _survey_batch(self, items: Iterator[Wanted]) -> list[_Surveyed]:
        """In a worker thread."""
        return [
            self._survey_one(scoped(blob, self._scope), places_of)
            for blob, places_of in itertools.islice(items, BATCH)
        ]

    def _survey_one(self, blob: Blob, places_of: PlacesOf) -> _Surveyed:
        if self._is_resident(blob):
            return _Surveyed(blob, None if self._is_known(blob) else places_of)
        with contextlib.suppress(VfsError):  # the fetch meets it again and names it
            places = list(places_of())
            if open_local(blob, lambda: places, self._engine.store) is not None:
                return _Surveyed(blob, None, local=True)
            return _Surveyed(blob, lambda: places)
        return _Surveyed(blob, places_of)

    def _is_resident(self, blob: Blob) -> bool:
        store, keys = self._engine.store, self._engine.usable(blob)
        return not any(
            None in locate_run(store, keys, run.start, len(run))
            for run in stretches(block_count(blob.size))
        )

    def _is_known(self, blob: Blob) -> bool:
        """Whether nothing more can be found out of a blob: small ones were compared before they were stored."""
        large = blob.size > WHOLE_SIZE and provable(blob)
        return not large or self._engine.editions.verdict(blob) == VERIFIED

    async def _work(
        self, receive: "trio.MemoryReceiveChannel[_Surveyed]", scope: trio.CancelScope
    ) -> None:
        async with receive:
            async for found in receive:
                try:
                    await self._bring(found)
                except _NothingMore as error:
                    self._full = error
                    scope.cancel()
                    return
                except VfsError as error:
                    self._fail(found.blob, error)

    async def _tell(self, progress: Progress) -> None:
        """Pass progress on, one call at a time: a slow listener is told less often."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await run_in(Pool.CONTROL, progress, self._done, self._bytes)

    # -- one blob ------------------------------------------------------------------------------------

    async def _bring(self, found: _Surveyed) -> None:
        """Until all of a blob is here; raises if it cannot be had, or is not taken."""
        blob, told, fetched, at = found.blob, 0, 0, 0

        def filled(size: int, missing: int) -> None:
            nonlocal told, fetched, at
            at += size
            self._advance(max(0, at - told))
            told = max(told, at)
            fetched += missing
            self._fetched_bytes += missing

        self._refuse(blob.size)
        in_vain, kept = 0, set[int]()
        while found.places is not None:
            at, before = 0, len(kept)
            taken = await self._fetch(blob, found.places, filled, kept)
            if taken:
                break
            if taken is Taken.NO:
                raise _NothingMore(self._engine.store.full)
            left = -(-block_count(blob.size) // STRETCH_BLOCKS) - before
            in_vain = 0 if 2 * (len(kept) - before) >= left else in_vain + 1
            if in_vain == MOST_FETCHES:
                raise StoreError(
                    f"the cache took little or nothing of it, {in_vain} times: another process is in the way"
                )
            found = await run_in(Pool.DISK, self._survey_one, blob, found.places)
            if found.places is not None:
                await self._await_room(blob)
        self._advance(blob.size - told)
        self._count_here(found, fetched=fetched > 0)

    async def _fetch(
        self, blob: Blob, places: PlacesOf, filled: Callable[[int, int], None], kept: set[int]
    ) -> Taken:
        """What the store took of it; raises if it cannot be had or, a large one, is not what its digest names."""
        state = self._engine.state(blob, places)
        state.readers += 1
        try:
            refuse(state)
            taken = await fill(self._engine, state, filled, kept=kept)
            if taken:
                await verify(self._engine, state)
            return taken
        finally:
            state.readers -= 1

    async def _await_room(self, blob: Blob) -> None:
        """Until no other process is in the way of the store, and what comes next of a blob fits."""
        store, size = self._engine.store, min(blob.size, WHOLE_SIZE)
        until = trio.current_time() + ROOM_SECONDS
        while not (room := await run_in(Pool.DISK, store.make_room, size)):
            if room is Taken.NO:
                raise _NothingMore(store.full)
            if trio.current_time() >= until:
                why = f"another process has been making room in it, or has held its index, for {ROOM_SECONDS:g} s"
                raise _NothingMore(StoreFull(why))
            await trio.sleep(LOOK_SECONDS)

    def _advance(self, size: int) -> None:
        self._done += size
        self._changed.set()

    def _fail(self, blob: Blob, error: VfsError) -> None:
        self._failed += 1
        self._advance(0)
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append((blob._replace(scope=b""), str(error)))
