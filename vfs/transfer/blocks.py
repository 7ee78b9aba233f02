"""Where the blocks of a blob lie in the chunk store, and what is known of the whole.

Rule: bytes of a large blob that nobody has compared are kept for the repository that fetched them (`Blob.scope`), under `Blob.key`; a
stranger's remote gives bytes to the stranger's mounts alone. Once all of it was right they lie under `Blob.proven_key`, for everybody.
Small blobs are compared before they are kept, so they have one key.
"""

from collections.abc import Sequence
from typing import Final

from vfs.store import BAD, ChunkStore, Extent
from vfs.types import SHARED, Algorithm, Blob, Digest

WHOLE_SIZE: Final = 4 * 1024 * 1024
"""Blobs up to this size (bytes) come in one GET and are verified before a byte of them is handed out."""


def provable(blob: Blob) -> bool:
    """Whether its digest is a hash of its bytes."""
    return blob.digest.algorithm is not Algorithm.PLACE


def scoped(blob: Blob, scope: bytes) -> Blob:
    """A blob as the repository of that scope has it."""
    if blob.scope or blob.size <= WHOLE_SIZE or not provable(blob):
        return blob
    return blob._replace(scope=scope)


def prefixes(blob: Blob) -> tuple[bytes, ...]:
    """What the keys of its blocks begin with, the proven ones first; behind that stands the block's number (u32, big-endian)."""
    return (blob.proven_key, blob.key) if blob.scope else (blob.key,)


def pointer_key(digest: Digest, is_tree: bool) -> bytes:
    """What stands for a pointer's content in a pin: the key of a block that nothing has, of an empty content."""
    return Blob(digest, 0, SHARED).key + is_tree.to_bytes(4, "big")


def locate(store: ChunkStore, keys: Sequence[bytes], block: int) -> Extent | None:
    """Where a block is (loop-safe); `keys` as `prefixes` gives them."""
    number = block.to_bytes(4, "big")
    for key in keys:
        extent = store.locate(key + number)
        if extent is not None:
            return extent
    return None


def locate_run(store: ChunkStore, blob: Blob, first: int, count: int) -> list[Extent | None]:
    """Where the blocks [first, first + count) are."""
    one, *more = prefixes(blob)
    found = store.locate_run(one, first, count)
    for key in more:
        if None in found:
            found = [
                extent or other
                for extent, other in zip(found, store.locate_run(key, first, count), strict=True)
            ]
    return found


def here(store: ChunkStore, blob: Blob, blocks: Sequence[int]) -> list[bool]:
    """Which blocks are in the store; does not count as a use of them."""
    numbers = [block.to_bytes(4, "big") for block in blocks]
    found = [store.contains_many([key + number for number in numbers]) for key in prefixes(blob)]
    return [any(each) for each in zip(*found, strict=True)]


def verdict(store: ChunkStore, blob: Blob) -> int | None:
    """What is known of the whole (loop-safe): what this repository found, else what was found of the proven blocks."""
    found = store.verdict(blob.key)
    return store.verdict(blob.proven_key) if found is None and blob.scope else found


def is_bad(store: ChunkStore, blob: Blob) -> bool:
    """Whether this repository has found a large blob wrong as a whole, and not yet right again (loop-safe)."""
    return blob.size > WHOLE_SIZE and verdict(store, blob) == BAD
