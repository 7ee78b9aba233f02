"""What a read has found of a blob, and its bytes put together from that: blocks in memory, and blocks in the chunk store."""

from collections.abc import Iterable
from dataclasses import dataclass

from vfs.core.ranges import blocks_of
from vfs.errors import StoreCorrupt
from vfs.store import ChunkStore, Extent
from vfs.threads import Pool, run_in
from vfs.transfer.blocks import locate
from vfs.transfer.engine import Engine
from vfs.transfer.state import BlobState
from vfs.transfer.waiter import Data
from vfs.types import BLOCK_SIZE


@dataclass(slots=True, eq=False)
class Parts:
    """What a read has found: bytes and extents by block, and the blocks that must be fetched."""

    data: dict[int, Data]
    extents: dict[int, Extent]
    missing: set[int]


async def assemble(store: ChunkStore, found: Parts, offset: int, end: int) -> Data:
    """The bytes [offset, end), none of whose blocks are missing.

    Raises:
        StoreError: a block in the store is damaged or has gone.
    """
    parts: list[Data | None] = []
    reads: list[tuple[int, Extent, int, int]] = []
    for block in blocks_of(offset, end):
        start = max(0, offset - block * BLOCK_SIZE)
        stop = min(BLOCK_SIZE, end - block * BLOCK_SIZE)
        data = found.data.get(block)
        if data is not None:
            parts.append(memoryview(data)[start:stop])
            continue
        extent = found.extents[block]
        part = store.read_nowait(extent, start, stop - start)
        if part is None or len(part) != stop - start:
            reads.append((len(parts), extent, start, stop - start))
        parts.append(part)
    if reads:
        waited = await run_in(Pool.DISK, _read, store, reads)
        for (index, *_), read in zip(reads, waited, strict=True):
            parts[index] = read
    whole = [part for part in parts if part is not None]
    return whole[0] if len(whole) == 1 else b"".join(whole)


def _read(store: ChunkStore, reads: list[tuple[int, Extent, int, int]]) -> list[Data]:
    """In a worker thread."""
    found: list[Data] = []
    for _, extent, start, length in reads:
        data = store.read(extent, start, length)
        if len(data) != length:
            store.drop([extent.key])
            raise StoreCorrupt(f"chunk {extent.key.hex()} is shorter than its block")
        found.append(data)
    return found


def collect(engine: Engine, state: BlobState, blocks: Iterable[int], *, stored: bool) -> Parts:
    """What is at hand of some blocks, in the store only if `stored`; of a suspect blob only what is proven."""
    found = Parts({}, {}, set())
    counters, keys = engine.counters, state.usable
    for block in blocks:
        data = None if state.suspect else engine.at_hand(state, block)
        if data is not None:
            found.data[block] = data
            counters.hits_memory += 1
            continue
        extent = locate(engine.store, keys, block) if stored else None
        if extent is not None:
            found.extents[block] = extent
            counters.hits_store += 1
        else:
            found.missing.add(block)
            counters.misses += 1
    return found
