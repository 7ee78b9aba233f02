"""Where the blocks of a blob lie in the chunk store, and what is known of the whole.

Rule: bytes of a large blob that nobody has compared are kept under their *edition*: one version (ETag) of the object at one place, for the
repository that fetched them. So blocks of two versions, places or repositories never meet, and what was replaced is looked up no more.
Once all of it was right they lie under `Blob.proven_key`, for everybody. Small blobs are compared before they are kept, so they have one key.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from blake3 import blake3

from vfs.core import gets
from vfs.core.ranges import block_count
from vfs.store import BAD, BAD_FILE, FILE, UNPROVEN, VERIFIED, ChunkStore, Extent
from vfs.transfer.handed import HandedOut
from vfs.types import SHARED, Algorithm, Blob, Digest

WHOLE_SIZE: Final = gets.WHOLE_SIZE

EDITION_SIZE: Final = 16


class Keys(NamedTuple):
    """What the keys of blocks begin with; behind that stands the block's number (u32, big-endian).

    Attributes:
        proven: of those that are known to be right, or are kept without that.
        editions: of unproven ones that may be used as well.
        handed: takes note of unproven ones that are handed out.
    """

    proven: bytes
    editions: tuple[bytes, ...] = ()
    handed: HandedOut | None = None


def provable(blob: Blob) -> bool:
    """Whether its digest is a hash of its bytes."""
    return blob.digest.algorithm is not Algorithm.PLACE


def scoped(blob: Blob, scope: bytes) -> Blob:
    """A blob as the repository of that scope has it."""
    if blob.scope or blob.size <= WHOLE_SIZE or not provable(blob):
        return blob
    return blob._replace(scope=scope)


def place_name(where: str) -> bytes:
    """How the chunk store knows a place."""
    return blake3(where.encode("utf-8", "surrogateescape")).digest(EDITION_SIZE)


def pointer_key(digest: Digest, is_tree: bool) -> bytes:
    """What stands for a pointer's content in a pin: the key of a block that nothing has, of an empty content."""
    return Blob(digest, 0, SHARED).key + is_tree.to_bytes(4, "big")


def edition_of(blob: Blob, where: str, version: str) -> bytes:
    """The edition of what a place has of a blob (with its scope) in one version."""
    said = blake3(blob.scope + place_name(where) + version.encode("utf-8", "surrogateescape"))
    return said.digest(EDITION_SIZE)


def kept_editions(store: ChunkStore, blob: Blob) -> dict[bytes, bytes]:
    """The keys of the last editions that the repository had of a blob, by the name of the place (loop-safe)."""
    if not blob.scope:
        return {}
    return {name: blob.edition_key(e) for name, e in store.remembered(blob.key).items()}


def locate(store: ChunkStore, keys: Keys, block: int) -> Extent | None:
    """Where a block is that is about to be handed out (loop-safe)."""
    number = block.to_bytes(4, "big")
    extent = store.locate(keys.proven + number)
    if extent is not None:
        return extent
    for key in keys.editions:
        extent = store.locate(key + number)
        if extent is not None:
            if keys.handed is not None:
                keys.handed.note(block, extent.checksum)
            return extent
    return None


def unproven(store: ChunkStore, keys: Keys, number: bytes) -> Iterator[Extent]:
    """The unproven blocks of a number."""
    return (e for key in keys.editions if (e := store.locate(key + number)) is not None)


def locate_run(store: ChunkStore, keys: Keys, first: int, count: int) -> list[Extent | None]:
    """Where the blocks [first, first + count) are."""
    found = store.locate_run(keys.proven, first, count)
    for key in keys.editions:
        if None in found:
            found = [
                extent or other
                for extent, other in zip(found, store.locate_run(key, first, count), strict=True)
            ]
    return found


def here(store: ChunkStore, keys: Keys, blocks: Sequence[int]) -> list[bool]:
    """Which blocks are in the store; does not count as a use of them."""
    numbers = [block.to_bytes(4, "big") for block in blocks]
    every = (keys.proven, *keys.editions)
    found = [store.contains_many([key + number for number in numbers]) for key in every]
    return [any(each) for each in zip(*found, strict=True)]


def verdict(store: ChunkStore, blob: Blob) -> int | None:
    """What is known of the whole (loop-safe): what this repository found, else what was found of the proven blocks, else of local files."""
    found = store.verdict(blob.key)
    if found is None and blob.scope:
        found = store.verdict(blob.proven_key)
    if found in (None, UNPROVEN) and store.verdict(blob.key + FILE) == BAD_FILE:
        return BAD_FILE
    if found is None and blob.size <= WHOLE_SIZE and provable(blob):  # compared before it was kept
        whole = here(store, Keys(blob.key), range(block_count(blob.size)))
        return VERIFIED if all(whole) else None
    return found


def is_bad(store: ChunkStore, blob: Blob) -> bool:
    """Whether this repository has found a large blob wrong as a whole, and not yet right again (loop-safe)."""
    return blob.size > WHOLE_SIZE and store.verdict(blob.key) == BAD
