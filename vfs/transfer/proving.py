"""What the checker's thread does: looks for resident blocks, hashes a piece, and settles the verdict of a blob."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from vfs.core.ranges import block_count
from vfs.errors import StoreError
from vfs.store import BAD, ChunkStore, Extent, checksum
from vfs.transfer.blocks import Keys, here, kept_editions, locate_run, unproven
from vfs.transfer.proof import Proof
from vfs.transfer.waiter import Data
from vfs.types import Blob

SCAN_BLOCKS: Final = 1024
"""Blocks looked up at once."""


DOUBTFUL: Final = -1
"""In the place of a block's number: what was handed out, or hashed, has other bytes than what others have proven meanwhile."""


def seen_blocks(store: ChunkStore, keys: Keys, wanted: range) -> list[int]:
    """Those of the blocks of a blob that are in the store."""
    found: list[int] = []
    for first in range(0, len(wanted), SCAN_BLOCKS):
        blocks = wanted[first : first + SCAN_BLOCKS]
        found += itertools.compress(blocks, here(store, keys, blocks))
    return found


def left_blocks(store: ChunkStore, keys: Keys, first: int) -> list[int]:
    """The blocks of a blob that are in the store, from `first` on; costs by what is there, whatever size the blob is said to have."""
    return sorted({n for key in (keys.proven, *keys.editions) for n in store.numbers(key, first)})


def left_whole(store: ChunkStore, blob: Blob, keys: Keys) -> Proof | None:
    """The proof, not begun, of a blob of which every block is in the store; None if one is missing.

    Args:
        store: to look into.
        blob: which one.
        keys: of its blocks; without editions those that an earlier process had are looked for.
    """
    count = block_count(blob.size)
    editions = keys.editions or tuple(kept_editions(store, blob).values())
    keys = keys._replace(editions=editions)
    for first in range(0, count, SCAN_BLOCKS):
        if None in locate_run(store, keys, first, min(SCAN_BLOCKS, count - first)):
            return None
    proof = Proof(blob)
    proof.keys = keys
    proof.see_all()
    return proof


def prove(
    store: ChunkStore, blob: Blob, keys: Keys, proof: Proof, run: range, memory: Mapping[int, Data]
) -> int | bool | None:
    """Hash one run of blocks, from memory or from the store; at the end of the blob record that it is right, if it is.

    Returns:
        None: hashed, more is to come. True or False: the whole is right or wrong.
        A block number: it is not in the store any more. `DOUBTFUL`: to be begun anew; what is known to differ has been dropped.
    """

    def read(block: int) -> Data | None:
        number = block.to_bytes(4, "big")
        proven = store.locate(keys.proven + number)
        if proven is not None and blob.scope:
            proof.differs |= _contradicts(keys, block, proven.checksum)
            return _proven(store, keys, number, proven, memory.get(block))
        own = proven or next(unproven(store, keys, number), None)
        data = memory.get(block)
        kept = _kept(store, own) if own is not None else None
        if own is not None and kept is not None and (data is None or data == kept):
            proof.compared(block, own.stamp)
        proof.took(block)
        if data is None:
            data, mark = kept, own.checksum if own is not None else 0
        else:
            mark = checksum(data)
        proof.differs |= data is not None and _contradicts(keys, block, mark)
        return data

    missing = proof.advance(run, read)
    if missing is not None:
        return missing
    if not proof.complete:
        return None
    if proof.holds():
        if proof.differs:
            return DOUBTFUL
        proof.left = not store.promote(blob.key, keys.editions, blob.proven_key, proof.stamps())
        return True
    if blob.scope and _proven_meanwhile(store, keys, proof.unproven()):
        return DOUBTFUL
    return False


def condemn(store: ChunkStore, blob: Blob, keys: Keys) -> None:
    """A blob was found wrong: say so to all processes of the repository, and drop what nobody has proven of it."""
    store.set_verdict(blob.key, BAD)
    for prefix in keys.editions if blob.scope else (blob.key,):
        _drop(store, [prefix], store.numbers(prefix))


def _proven(
    store: ChunkStore, keys: Keys, number: bytes, extent: Extent, data: Data | None
) -> Data | None:
    """The bytes of a proven block, from memory if they are the same there; an unproven one that differs is dropped."""
    others = unproven(store, keys, number)
    store.drop([other.key for other in others if other.checksum != extent.checksum])
    if data is not None and checksum(data) == extent.checksum:
        return data
    return _kept(store, extent)


def _contradicts(keys: Keys, block: int, mark: int) -> bool:
    return keys.handed is not None and keys.handed.contradicts(block, mark)


def _proven_meanwhile(store: ChunkStore, keys: Keys, blocks: list[int]) -> bool:
    """Whether somebody has proven one of the blocks that were hashed as unproven ones; those of the blob's own are dropped then."""
    only = Keys(keys.proven)
    twins: list[int] = []
    for first in range(0, len(blocks), SCAN_BLOCKS):
        some = blocks[first : first + SCAN_BLOCKS]
        twins += itertools.compress(some, here(store, only, some))
    _drop(store, keys.editions, twins)
    return bool(twins)


def _drop(store: ChunkStore, prefixes: Sequence[bytes], blocks: Sequence[int]) -> None:
    for first in range(0, len(blocks), SCAN_BLOCKS):
        some = blocks[first : first + SCAN_BLOCKS]
        store.drop([key + block.to_bytes(4, "big") for key in prefixes for block in some])


def _kept(store: ChunkStore, extent: Extent) -> Data | None:
    """What the store has of a block, good until this thread reads another; None if that is gone."""
    try:
        return store.view(extent)
    except StoreError:
        return None
