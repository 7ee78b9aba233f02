"""`Bringer`: files that somebody will read soon, brought into the store at the rank of read-ahead.

Rules:
  * What is resident, or lies here as a plain file, is told apart in a worker thread, many at a time, without asking any remote.
  * Each file is brought by itself (`fill`); what another job already brings is waited for. Cancelling withdraws what was asked for.
  * Of files that come together (`Generous.parcel`) one is brought first: bringing the others meanwhile would cost a job each, for nothing.
  * What fails fails for itself: who reads the file asks again, and is told.
"""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vfs.core.gets import WHOLE_SIZE, stretches
from vfs.core.ranges import block_count
from vfs.errors import VfsError
from vfs.store import Taken
from vfs.transfer.blocks import here, scoped
from vfs.transfer.failures import refuse
from vfs.transfer.filling import fill
from vfs.transfer.place import Generous, Place, PlacesOf, Wanted
from vfs.transfer.state import Level
from vfs.types import Blob

if TYPE_CHECKING:
    from vfs.transfer.engine import Engine


class Missing(NamedTuple):
    """A file that is not here.

    Attributes:
        parcel: with what it comes; None: alone.
    """

    parcel: Hashable


class Bringer:
    """See the module; for the repository of `scope`."""

    def __init__(self, engine: "Engine", scope: bytes) -> None:
        self._engine = engine
        self._scope = scope

    def missing(self, items: Sequence[Wanted]) -> list[Missing | None]:
        """For each whether a remote has to be asked for it, and with what it comes; blocking, in a worker thread."""
        return [self._missing(scoped(blob, self._scope), places) for blob, places in items]

    def is_resident(self, blob: Blob) -> bool:
        """Whether all of a blob is in the store (loop-safe for small ones)."""
        own = scoped(blob, self._scope)
        count, keys = block_count(own.size), self._engine.usable(own)
        return all(all(here(self._engine.store, keys, run)) for run in stretches(count))

    def is_small_and_here(self, blob: Blob) -> bool:
        """Whether a small blob is in the store (loop-safe)."""
        return blob.size <= WHOLE_SIZE and self.is_resident(blob)

    def _missing(self, blob: Blob, places_of: PlacesOf) -> Missing | None:
        if self.is_resident(blob):
            return None
        with suppress(VfsError):  # it has no place: the reader is told why
            places = places_of()
            if not any(place.is_here() for place in places):
                return Missing(_parcel(places) if blob.size <= WHOLE_SIZE else None)
        return None

    async def bring(self, blob: Blob, places: PlacesOf) -> Taken:
        """Until all of a blob is in the store, or it was not taken.

        Raises:
            VfsError: it cannot be had.
        """
        state = self._engine.state(scoped(blob, self._scope), places)
        state.readers += 1
        try:
            refuse(state)
            await self._engine.coming.wait(state.prefix)
            return await fill(self._engine, state, level=Level.AHEAD)
        finally:
            state.readers -= 1


def _parcel(places: Sequence[Place]) -> Hashable:
    """With what a file comes, if a place gives more than it must."""
    for place in places:
        if isinstance(place, Generous):
            with suppress(VfsError):  # who brings it meets the error
                parcel: Hashable = place.parcel()
                return parcel
    return None
