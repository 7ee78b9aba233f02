"""Arithmetic of byte ranges, blocks and runs of blocks.

Rule: pure. Block n of a content holds the bytes [n * BLOCK_SIZE, (n + 1) * BLOCK_SIZE), the last one less; a run is a
`range` of block numbers with step 1.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from vfs.types import BLOCK_SIZE

LARGEST: Final = BLOCK_SIZE << 32
"""Bytes of the largest content that is served (1 PiB, twenty times what S3 takes): keys have 32 bits for the number of a block."""


def too_large(size: int) -> str:
    """What is said of a content that claims more."""
    return f"it is said to have {size} bytes; vfs serves files of up to 1 PiB"


def block_count(size: int) -> int:
    """How many blocks a content of `size` bytes has."""
    return -(-size // BLOCK_SIZE)


def block_length(size: int, block: int) -> int:
    """Bytes in one block of a content of `size` bytes."""
    return min(BLOCK_SIZE, size - block * BLOCK_SIZE)


def blocks_of(start: int, end: int) -> range:
    """The run of blocks that the bytes [start, end) touch; empty if there are none."""
    if end <= start:
        return range(0)
    return range(start // BLOCK_SIZE, block_count(end))


def run_length(size: int, run: range) -> int:
    """Bytes in a run of blocks of a content of `size` bytes; 0 for an empty run."""
    if not run:
        return 0
    return min(size, run.stop * BLOCK_SIZE) - run.start * BLOCK_SIZE


def coalesce(blocks: Iterable[int], longest: int) -> Iterator[range]:
    """Runs that cover exactly the given blocks.

    Args:
        blocks: block numbers in ascending order, each once.
        longest: most blocks in a run, at least 1.

    Yields:
        Runs in ascending order; neighbours share a run unless it would grow beyond `longest`.
    """
    start = stop = -1
    for block in blocks:
        if block != stop or stop - start >= longest:
            if stop > start:
                yield range(start, stop)
            start = block
        stop = block + 1
    if stop > start:
        yield range(start, stop)


def without(run: range, taken: range) -> list[range]:
    """What is left of a run, front to back, when the blocks of another are taken out."""
    front = range(run.start, min(run.stop, max(run.start, taken.start)))
    back = range(max(run.start, min(run.stop, taken.stop)), run.stop)
    if not taken:
        return [run] if run else []
    return [part for part in (front, back) if part]
