"""`Sparse`: a number per block of a content, of which few may be known.

Rule: costs memory by the blocks that were set, in pages of `PAGE`, whatever size anybody claims of the content. Pure; not for several
threads at once, but for the reads of one while another sets.
"""

from array import array
from collections.abc import Iterator
from typing import Final

PAGE: Final = 64
"""Blocks in a page (16 MiB of content): half a KiB for a lone block, 9 bytes for one among others."""

_OVERHEAD: Final = 200
"""Bytes of a page beside its numbers, about: an array, a key, a slot."""


class Sparse:
    """Numbers from 0 to 2^64 - 1 by block; those that were never set are 0."""

    __slots__ = ("_kind", "_pages", "_size")

    def __init__(self, kind: str) -> None:
        """`kind` is the type code of an `array`: "Q" for any number, "B" for one below 256."""
        self._kind = kind
        self._size = PAGE * array(kind).itemsize
        self._pages: dict[int, array[int]] = {}

    def __getitem__(self, block: int) -> int:
        page = self._pages.get(block // PAGE)
        return 0 if page is None else page[block % PAGE]

    def __setitem__(self, block: int, number: int) -> None:
        page = self._pages.get(block // PAGE)
        if page is None:
            if not number:
                return
            page = self._pages[block // PAGE] = array(self._kind, bytes(self._size))
        page[block % PAGE] = number

    def __bool__(self) -> bool:
        return bool(self._pages)

    def items(self) -> Iterator[tuple[int, int]]:
        """(block, number) of those that are not 0, in ascending order."""
        for first in sorted(self._pages):
            for offset, number in enumerate(self._pages[first]):
                if number:
                    yield first * PAGE + offset, number

    @property
    def weight(self) -> int:
        """Bytes it takes, about."""
        return len(self._pages) * (_OVERHEAD + self._size)

    def clear(self) -> None:
        """All numbers are 0."""
        self._pages = {}
