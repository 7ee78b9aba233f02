"""`States`: the blobs that the fetcher remembers. Loop only."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from vfs.store import BAD, UNPROVEN, ChunkStore
from vfs.transfer.blocks import WHOLE_SIZE, prefixes, provable, verdict
from vfs.transfer.place import PlacesOf
from vfs.transfer.state import BlobState
from vfs.types import Blob

MOST: Final = 1024
"""Blobs remembered; beyond that the longest unused idle one goes."""


class States:
    """See the module; iterating gives them all."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._states: OrderedDict[bytes, BlobState] = OrderedDict()

    def __iter__(self) -> Iterator[BlobState]:
        return iter(self._states.values())

    def get(self, blob: Blob, places_of: PlacesOf) -> BlobState:
        """What is known of a blob; made if need be."""
        state = self._states.get(blob.key)
        if state is None:
            self._forget_idle()
            state = self._states[blob.key] = BlobState(blob, places_of)
            if state.provable and not state.whole:
                found = verdict(self._store, blob)
                state.suspect, state.trusted = found == BAD, found != UNPROVEN
        else:
            self._states.move_to_end(blob.key)
            state.places_of = places_of
        return state

    def usable(self, blob: Blob) -> tuple[bytes, ...]:
        """What the keys of those blocks of the store begin with that may be handed out as they are (loop-safe)."""
        state = self._states.get(blob.key)
        if state is not None:
            return state.usable
        large = blob.size > WHOLE_SIZE and provable(blob)
        doubtful = large and verdict(self._store, blob) in (BAD, UNPROVEN)
        return prefixes(blob)[:-1] if doubtful else prefixes(blob)

    def knows(self, state: BlobState) -> bool:
        """Whether a blob has not been forgotten."""
        return self._states.get(state.prefix) is state

    def _forget_idle(self) -> None:
        if len(self._states) < MOST:
            return
        for key, state in self._states.items():
            if state.idle:
                del self._states[key]
                return
