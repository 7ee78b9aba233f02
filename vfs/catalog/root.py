"""Roots: the list of a tree's pages, itself columns that are never decoded as a whole.

Layout, little-endian, no padding:

    magic "VRT1" · pages p u32 · names length u32 · reserved u32 (0) · count u64 · total u64
    starts u64[p + 1] · totals u64[p] · name ends u32[p + 1] · ids 32×p · first paths

`starts[i]` is the number of entries before page i; totals are bytes per page, unknown sizes
counted as 0, saturating at 2**64 - 1. The tree id is BLAKE3-256 of these bytes.
"""

import struct
from collections.abc import Sequence

from vfs.catalog.page import ID_SIZE
from vfs.errors import StoreError

MAGIC = b"VRT1"
_HEADER = struct.Struct("<4sIIIQQ")
LARGEST = 2**64 - 1


def encode_root(
    firsts: Sequence[bytes], ids: Sequence[bytes], counts: Sequence[int], totals: Sequence[int]
) -> bytes:
    """Columns with one value per page -> root bytes."""
    pages = len(firsts)
    starts = [0] * (pages + 1)
    for index, count in enumerate(counts, 1):
        starts[index] = starts[index - 1] + count
    ends = [0] * (pages + 1)
    for index, first in enumerate(firsts, 1):
        ends[index] = ends[index - 1] + len(first)
    capped = [min(total, LARGEST) for total in totals]
    total = min(sum(capped), LARGEST)
    return b"".join(
        (
            _HEADER.pack(MAGIC, pages, ends[-1], 0, starts[-1], total),
            struct.pack(f"<{pages + 1}Q", *starts),
            struct.pack(f"<{pages}Q", *capped),
            struct.pack(f"<{pages + 1}I", *ends),
            *ids,
            *firsts,
        )
    )


class Root:
    """A read-only view of a root's bytes.

    Attributes:
        pages: number of pages; `count`: number of entries; `total_size`: bytes.
        starts: entries before each page, and at the end the count.
        totals: bytes in each page.
    """

    __slots__ = (
        "_data",
        "_ends",
        "_ids",
        "_names",
        "_page_ids",
        "count",
        "pages",
        "starts",
        "total_size",
        "totals",
    )

    def __init__(self, data: bytes) -> None:
        """View `data`.

        Raises:
            StoreError: the bytes are no root of this format.
        """
        try:
            magic, pages, names_length, _, count, total = _HEADER.unpack_from(data)
        except struct.error as error:
            raise StoreError("catalog: a tree's root is too short") from error
        totals_at = _HEADER.size + 8 * (pages + 1)
        ends_at = totals_at + 8 * pages
        ids_at = ends_at + 4 * (pages + 1)
        names_at = ids_at + ID_SIZE * pages
        if magic != MAGIC or names_at + names_length != len(data):
            raise StoreError("catalog: a tree's root has an unknown format or a wrong length")
        view = memoryview(data)
        self._data = data
        self._page_ids: frozenset[bytes] | None = None
        self.pages: int = pages
        self.count: int = count
        self.total_size: int = total
        self.starts = view[_HEADER.size : totals_at].cast("Q")
        self.totals = view[totals_at:ends_at].cast("Q")
        self._ends = view[ends_at:ids_at].cast("I")
        self._ids = ids_at
        self._names = names_at

    def page_id(self, index: int) -> bytes:
        """The id of page `index`."""
        at = self._ids + ID_SIZE * index
        return self._data[at : at + ID_SIZE]

    @property
    def page_ids(self) -> frozenset[bytes]:
        """The ids of all pages; made when it is first asked for (to compare trees), then kept."""
        if self._page_ids is None:
            self._page_ids = frozenset(map(self.page_id, range(self.pages)))
        return self._page_ids

    def first_path(self, index: int) -> bytes:
        """Where page `index` begins."""
        start = self._names + self._ends[index]
        return self._data[start : self._names + self._ends[index + 1]]

    def page_for(self, path: bytes) -> int:
        """The only page that can hold `path`; 0 if it sorts before everything."""
        data, ends, names = self._data, self._ends, self._names
        low, high = 0, self.pages
        while low < high:
            middle = (low + high) >> 1
            if path < data[names + ends[middle] : names + ends[middle + 1]]:
                high = middle
            else:
                low = middle + 1
        return max(low - 1, 0)

    def page_at(self, position: int) -> int:
        """The page that holds the entry number `position` (0 <= position < count)."""
        starts = self.starts
        low, high = 0, self.pages
        while low < high:
            middle = (low + high) >> 1
            if position < starts[middle]:
                high = middle
            else:
                low = middle + 1
        return low - 1
