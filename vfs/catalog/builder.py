"""Builds a tree: entries -> pages cut at content-defined boundaries -> root.

A page ends after a path whose hash says so, never before MIN_ENTRIES and always at MAX_ENTRIES
(or MAX_NAME_BYTES of paths). Because the rule looks only at the paths since the last cut, two
versions of a directory fall back into step soon after a difference and share all other pages.

Memory: one page of entries plus BATCH_BYTES of encoded pages, whatever the tree's size.
"""

from collections.abc import Callable, Iterable

from xxhash import xxh3_64_intdigest

from vfs.catalog.entries import TreeEntry, check_order, refuse_conflict
from vfs.catalog.page import content_id, encode_page
from vfs.catalog.root import encode_root

MIN_ENTRIES = 128
MAX_ENTRIES = 1024
CUT_MASK = 255  # one path in 256 ends a page: 384 entries on average
MAX_NAME_BYTES = 256 * 1024
BATCH_BYTES = 4 * 1024 * 1024

PagePair = tuple[bytes, bytes]


class TreeBuilder:
    """Collects entries in order and hands out encoded pages in batches."""

    def __init__(self, store_pages: Callable[[list[PagePair]], object]) -> None:
        """`store_pages` is called with batches of (page id, page bytes) sorted by id."""
        self._store_pages = store_pages
        self._batch: list[PagePair] = []
        self._batch_bytes = 0
        self._firsts: list[bytes] = []
        self._ids: list[bytes] = []
        self._counts: list[int] = []
        self._totals: list[int] = []

    def build(self, entries: Iterable[TreeEntry]) -> bytes:
        """Store all pages and return the root's bytes.

        Raises:
            FormatError: the entries are unsorted or collide, or a value does not fit.
        """
        paths: list[bytes] = []
        kinds: list[int] = []
        digests: list[tuple[int, bytes]] = []
        sizes: list[int] = []
        mtimes: list[int] = []
        name_bytes = 0
        for path, kind, digest, size, mtime in check_order(entries, refuse_conflict):
            paths.append(path)
            kinds.append(kind)
            digests.append(digest)
            sizes.append(size)
            mtimes.append(mtime)
            name_bytes += len(path)
            count = len(paths)
            if (
                (count >= MIN_ENTRIES and not xxh3_64_intdigest(path) & CUT_MASK)
                or count >= MAX_ENTRIES
                or name_bytes >= MAX_NAME_BYTES
            ):
                self._add(paths, kinds, digests, sizes, mtimes)
                for column in (paths, kinds, digests, sizes, mtimes):
                    column.clear()
                name_bytes = 0
        if paths:
            self._add(paths, kinds, digests, sizes, mtimes)
        self._flush()
        return encode_root(self._firsts, self._ids, self._counts, self._totals)

    def _add(
        self,
        paths: list[bytes],
        kinds: list[int],
        digests: list[tuple[int, bytes]],
        sizes: list[int],
        mtimes: list[int],
    ) -> None:
        data = encode_page(paths, kinds, digests, sizes, mtimes)
        page_id = content_id(data)
        self._firsts.append(paths[0])
        self._ids.append(page_id)
        self._counts.append(len(paths))
        self._totals.append(sum([size for size in sizes if size > 0]))
        self._batch.append((page_id, data))
        self._batch_bytes += len(data)
        if self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._batch.sort()
            self._store_pages(self._batch)
        self._batch = []
        self._batch_bytes = 0
