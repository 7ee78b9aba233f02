"""Prefetch: whole blobs into the chunk store, at the lowest rank.

Rules:
  * Items are read lazily and surveyed in batches in a worker thread: what is resident, or lies here as a plain file, is
    skipped without asking any remote.
  * Many blobs are fetched at once (small files cost a round trip each), each as `fill` does it.
  * Large blobs are compared with their digests, from the store if they were there already without a verdict.
  * Cancelling withdraws what was asked for, unless somebody else waits for it.
  * A blob that no place has, or gives within the deadline, or that is wrong, is counted and named; it does not end the rest. A store that takes nothing does.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import trio

from vfs.core.ranges import block_count
from vfs.errors import StoreFull, VfsError
from vfs.store import VERIFIED
from vfs.threads import Pool, run_in
from vfs.transfer.blocks import WHOLE_SIZE, locate_run, provable, scoped, verdict
from vfs.transfer.engine import Engine
from vfs.transfer.filling import STRETCH_BLOCKS, fill
from vfs.transfer.local_file import open_local
from vfs.transfer.place import PlacesOf, Wanted
from vfs.transfer.whole import verify
from vfs.types import Blob

BATCH: Final = 64
"""Items surveyed at once."""

AT_ONCE: Final = 32
"""Blobs fetched at once; what really runs is decided by the slots of the places."""

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


class WarmUp:
    """One prefetch, for the repository of `scope`."""

    def __init__(self, engine: Engine, progress: Progress | None, scope: bytes) -> None:
        self._engine = engine
        self._scope = scope
        self._progress = progress
        self._changed = trio.Event()
        self._full = False
        self._files = self._bytes = self._done = 0
        self._fetched_files = self._fetched_bytes = 0
        self._resident = self._local = self._failed = 0
        self._problems: list[tuple[Blob, str]] = []

    async def run(self, items: Iterable[Wanted]) -> PrefetchReport:
        """See `Fetcher.prefetch`."""
        async with trio.open_nursery() as telling:
            if self._progress is not None:
                telling.start_soon(self._tell, self._progress)
            send, receive = trio.open_memory_channel[_Surveyed](0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._survey, iter(items), send)
                for _ in range(AT_ONCE):
                    nursery.start_soon(self._work, receive.clone(), nursery.cancel_scope)
                receive.close()
            telling.cancel_scope.cancel()
        if self._progress is not None:
            await run_in(Pool.CONTROL, self._progress, self._done, self._bytes)
        if self._full:
            why = self._engine.store.full
            raise StoreFull(
                f"the cache takes nothing more{f' ({why})' if why else ''}; files fetched so far: {self._fetched_files}",
                hint=why.hint if why else None,
            )
        return self._report()

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
                        self._local += found.local
                        self._resident += not found.local
                        self._advance(found.blob.size)

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
        count = block_count(blob.size)
        for first in range(0, count, STRETCH_BLOCKS):
            run = min(STRETCH_BLOCKS, count - first)
            if None in locate_run(self._engine.store, blob, first, run):
                return False
        return True

    def _is_known(self, blob: Blob) -> bool:
        """Whether nothing more can be found out of a blob: small ones were compared before they were stored."""
        large = blob.size > WHOLE_SIZE and provable(blob)
        return not large or verdict(self._engine.store, blob) == VERIFIED

    async def _work(
        self, receive: "trio.MemoryReceiveChannel[_Surveyed]", scope: trio.CancelScope
    ) -> None:
        async with receive:
            async for blob, places, _ in receive:
                assert places is not None
                try:
                    stored = await self._fetch(blob, places)
                except VfsError as error:
                    self._fail(blob, error)
                    continue
                if not stored:
                    self._full = True
                    scope.cancel()
                    return

    async def _tell(self, progress: Progress) -> None:
        """Pass progress on, one call at a time: a slow listener is told less often."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await run_in(Pool.CONTROL, progress, self._done, self._bytes)

    # -- one blob ------------------------------------------------------------------------------------

    async def _fetch(self, blob: Blob, places: PlacesOf) -> bool:
        """Whether the store took all of it; raises if it cannot be had or, a large one, is not what its digest names."""
        state = self._engine.state(blob, places)
        state.readers += 1
        fetched = 0

        def filled(size: int, missing: int) -> None:
            nonlocal fetched
            fetched += missing
            self._fetched_bytes += missing
            self._advance(size)

        try:
            self._engine.refuse(state)
            if not await fill(self._engine, state, filled):
                return False
            await verify(self._engine, state)
        finally:
            state.readers -= 1
        self._fetched_files += fetched > 0
        self._resident += not fetched
        return True

    def _advance(self, size: int) -> None:
        self._done += size
        self._changed.set()

    def _fail(self, blob: Blob, error: VfsError) -> None:
        self._failed += 1
        self._advance(0)
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append((blob._replace(scope=b""), str(error)))
