"""`States`: the blobs that the fetcher remembers. Loop only."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from vfs.store import BAD, VERIFIED, ChunkStore
from vfs.transfer.place import PlacesOf
from vfs.transfer.state import WHOLE_SIZE, BlobState
from vfs.types import Algorithm, Blob

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
            large = state.provable and not state.whole
            verdict = self._store.verdict(state.prefix) if large else VERIFIED
            state.suspect, state.trusted = verdict == BAD, verdict == VERIFIED
        else:
            self._states.move_to_end(blob.key)
            state.places_of = places_of
        return state

    def trusts(self, blob: Blob) -> bool:
        """Whether what the store has of a blob may be handed out as it is."""
        state = self._states.get(blob.key)
        if state is not None:
            return state.trusted and not state.suspect
        compared = blob.size <= WHOLE_SIZE or blob.digest.algorithm is Algorithm.PLACE
        return compared or self._store.verdict(blob.key) == VERIFIED

    def taken(self, state: BlobState) -> bool:
        """Whether another process has begun to store what another source has of a blob."""
        if state.whole or not state.provable or not state.trusted:
            return False
        verdict, source = self._store.verdict(state.prefix), self._store.source(state.prefix)
        return verdict != VERIFIED and source != state.provenance.value

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
