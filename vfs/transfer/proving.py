"""What the checker's thread does: looks for resident blocks, hashes a piece, and settles the verdict of a blob."""

import itertools
from collections.abc import Mapping
from typing import Final

from vfs.core.ranges import block_count, block_length
from vfs.errors import StoreError
from vfs.store import BAD, ChunkStore, Extent
from vfs.transfer.blocks import here, locate, locate_run, prefixes
from vfs.transfer.proof import Proof
from vfs.transfer.waiter import Data
from vfs.types import Blob

SCAN_BLOCKS: Final = 1024
"""Blocks looked up at once."""


def seen_blocks(store: ChunkStore, blob: Blob, wanted: range) -> list[int]:
    """Those of the blocks of a blob that are in the store."""
    found: list[int] = []
    for first in range(0, len(wanted), SCAN_BLOCKS):
        blocks = wanted[first : first + SCAN_BLOCKS]
        found += itertools.compress(blocks, here(store, blob, blocks))
    return found


def left_whole(store: ChunkStore, blob: Blob) -> Proof | None:
    """The proof, not begun, of a blob of which every block is in the store; None if one is missing."""
    count = block_count(blob.size)
    for first in range(0, count, SCAN_BLOCKS):
        if None in locate_run(store, blob, first, min(SCAN_BLOCKS, count - first)):
            return None
    proof = Proof(blob)
    proof.see_all()
    return proof


def prove(
    store: ChunkStore, blob: Blob, proof: Proof, run: range, memory: Mapping[int, Data]
) -> int | bool | None:
    """Hash one run of blocks, from memory or from the store; at the end of the blob record the verdict.

    Returns:
        None: hashed, more is to come. True or False: the whole is right or wrong (then its unproven blocks have been dropped).
        A block number: it is not in the store any more.
    """
    keys = prefixes(blob)

    def read(block: int) -> Data | None:
        data, extent = memory.get(block), locate(store, keys, block)
        if extent is None or (data is not None and extent.key.startswith(keys[0])):
            return data  # a proven block needs no other look
        kept = _kept(store, extent, block_length(blob.size, block))
        if kept is not None and data in (None, kept):
            proof.compared(block, extent.stamp)
        return kept if data is None else data

    missing = proof.advance(run, read)
    if missing is not None:
        return missing
    if not proof.complete:
        return None
    if proof.holds():
        store.promote(blob.key, blob.proven_key, proof.stamps())
        return True
    store.set_verdict(blob.key, BAD)
    store.drop([blob.key + n.to_bytes(4, "big") for n in range(block_count(blob.size))])
    return False


def _kept(store: ChunkStore, extent: Extent, length: int) -> Data | None:
    """What the store has of a block; None if that is gone."""
    try:
        return store.read(extent, 0, length)
    except StoreError:
        return None
