"""`States`: the blobs that the fetcher remembers. Loop only."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

from vfs.core.ranges import LARGEST, too_large
from vfs.errors import Unsupported
from vfs.store import ChunkStore
from vfs.transfer.blocks import WHOLE_SIZE, Keys, is_bad, kept_editions
from vfs.transfer.place import PlacesOf
from vfs.transfer.state import BlobState
from vfs.types import Blob

MOST: Final = 1024
"""Blobs remembered; beyond that the longest unused idle one goes, at last one of which readers have what nobody has compared."""

MOST_WEIGHT: Final = 64 << 20
"""Bytes that what is known of their blocks may take; beyond that the longest unused idle ones go when a large one is begun, and one that
weighs more alone when it is idle and read again."""


class States:
    """See the module; iterating gives them all.

    Args of the constructor:
        store: of the fetcher.
        forgotten: told of blobs of which unproven blocks were handed out, and of which nothing is known from now on.
    """

    def __init__(self, store: ChunkStore, forgotten: Callable[[Blob], None]) -> None:
        self._store = store
        self._forgotten = forgotten
        self._states: OrderedDict[bytes, BlobState] = OrderedDict()

    def __iter__(self) -> Iterator[BlobState]:
        return iter(self._states.values())

    def get(self, blob: Blob, places_of: PlacesOf) -> BlobState:
        """What is known of a blob; made if need be. Raises Unsupported: it claims to be larger than `LARGEST`."""
        state = self._states.get(blob.key)
        if state is not None and state.weight > MOST_WEIGHT and state.idle:
            self._let_go(blob.key)
            state = None
        if state is None:
            if blob.size > LARGEST:
                raise Unsupported(f"{blob.digest}: {too_large(blob.size)}")
            self._make_room(blob)
            state = self._states[blob.key] = BlobState(blob, places_of)
            if state.provable and not state.whole:
                state.suspect = is_bad(self._store, blob)
                state.kept = kept_editions(self._store, blob)
        else:
            self._states.move_to_end(blob.key)
            state.places_of = places_of
        return state

    def known(self, blob: Blob) -> BlobState | None:
        """What is known of a blob, if anything is."""
        return self._states.get(blob.key)

    def usable(self, blob: Blob) -> Keys:
        """What the keys of those blocks of the store begin with that may be handed out as they are (loop-safe)."""
        state = self._states.get(blob.key)
        return Keys(blob.proven_key) if state is None else state.usable

    def keys(self, blob: Blob) -> Keys:
        """The same of those that can be had without any place; any thread."""
        state = self._states.get(blob.key)
        if state is not None and state.editions:
            return state.keys
        return Keys(blob.proven_key, tuple(kept_editions(self._store, blob).values()))

    def knows(self, state: BlobState) -> bool:
        """Whether a blob has not been forgotten."""
        return self._states.get(state.prefix) is state

    def _make_room(self, blob: Blob) -> None:
        """Before a blob comes in: let go of the longest unused idle ones, as many as must."""
        over = sum(s.weight for s in self) - MOST_WEIGHT if blob.size > WHOLE_SIZE else 0
        many = len(self._states) - MOST + 1
        gone = []
        for handed in (False, True):  # of the latter it would not be known any more who has had all
            for key, state in self._states.items():
                if many <= 0 and over <= 0:
                    break
                if bool(state.handed) is handed and state.idle and (many > 0 or state.weight):
                    many, over = many - 1, over - state.weight
                    gone.append(key)
        for key in gone:
            self._let_go(key)

    def _let_go(self, key: bytes) -> None:
        state = self._states.pop(key)
        if state.handed:
            self._forgotten(state.blob)
