"""What pins of this machine keep (`vfs prefetch --pin`), as gc asks for it.

Rules: an out is pinned as soon as a file of it is; that keeps its list of files, or its manifest. A file is pinned by its
digest and size.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from vfs.store import ChunkStore
from vfs.transfer.blocks import pointer_key, scoped
from vfs.types import SHARED, Blob, Digest
from vfs.workspace.condemned import Object, Stored

_FIRST = (0).to_bytes(4, "big")


class Pinned:
    """Whether what a pointer names is pinned. Methods raise StoreError."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store if store.pins() else None

    def __contains__(self, one: Object) -> bool:
        return self._store is not None and self._store.pinned([pointer_key(*one)])[0]

    def files(self, some: Sequence[Stored]) -> set[Digest]:
        """Those of some objects that are pinned files."""
        files = [one for one in some if not one.is_tree]
        if self._store is None or not files:
            return set()
        keys = [scoped(Blob(one.digest, one.size), SHARED).key + _FIRST for one in files]
        return {
            one.digest for one, held in zip(files, self._store.pinned(keys), strict=True) if held
        }


@dataclass(frozen=True, slots=True)
class OrPinned:
    """What is needed, and what is pinned besides."""

    needed: Container[Object]
    pinned: Pinned

    def __contains__(self, one: object) -> bool:
        return one in self.needed or (isinstance(one, tuple) and one in self.pinned)
