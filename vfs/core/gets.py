"""Which GETs bring the blocks of a content that is fetched whole.

Rule: pure; the fetcher asks by these functions, and an estimate counts what they give.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from vfs.core.ranges import block_count, coalesce
from vfs.types import BLOCK_SIZE

WHOLE_SIZE: Final = 4 * 1024 * 1024
"""Contents up to this size (bytes) come in one GET and are verified before a byte of them is handed out."""

PART_BLOCKS: Final = 4 * 1024 * 1024 // BLOCK_SIZE
"""Blocks of the longest GET: 4 MiB keeps 16 of them within a quarter of the byte budget."""

FAR_BLOCKS: Final = PART_BLOCKS // 2
"""A demand for a block this far (2 MiB) down a running GET does not wait for it."""

STRETCH_BLOCKS: Final = 8 * PART_BLOCKS
"""Blocks of a large content asked for at once (32 MiB)."""


def parts(blocks: Iterable[int]) -> Iterator[range]:
    """The GETs that bring blocks of a large content, which are wanted at once."""
    return coalesce(blocks, PART_BLOCKS)


def parts_backwards(blocks: Iterable[int]) -> list[range]:
    """The same for a reader who comes from behind: what is read first is asked for first, and no GET is so long that its end would not be waited for."""
    return sorted(coalesce(blocks, FAR_BLOCKS), key=lambda run: -run.start)


def stretches(count: int, first: int = 0) -> Iterator[range]:
    """The blocks of a content that are asked for one after the other, two stretches at a time."""
    for start in range(first, count, STRETCH_BLOCKS):
        yield range(start, min(start + STRETCH_BLOCKS, count))


def gets(size: int, lacking: Iterable[int]) -> Iterator[range]:
    """The GETs that bring what is lacking of a content.

    Args:
        size: of the content, bytes.
        lacking: blocks, ascending.
    """
    count = block_count(size)
    if size <= WHOLE_SIZE:
        if next(iter(lacking), None) is not None:
            yield range(count)
        return
    stretch, wanted = 0, list[int]()
    for block in lacking:
        if block // STRETCH_BLOCKS != stretch:
            yield from parts(wanted)
            stretch, wanted = block // STRETCH_BLOCKS, []
        wanted.append(block)
    yield from parts(wanted)
