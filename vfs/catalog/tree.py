"""A tree of the catalog: lookups, listings and walks over shared pages.

Rule: read-only and immutable; any number of threads may use one. A *position* is the number of
an entry in the sorted tree; a directory is the contiguous run of positions whose paths start
with `prefix + b"/"`, which ends before `prefix + b"0"` because '0' follows '/'.

Memory: the root's bytes only. Pages come from a cache that all trees share.
"""

from collections.abc import Callable, Iterator

from vfs.catalog.difference import Change, changed_names, changes
from vfs.catalog.entries import SubdirName, TreeEntry
from vfs.catalog.page import Page
from vfs.catalog.root import LARGEST, Root

PageLoader = Callable[[bytes], Page]


class Tree:
    """One version of a tracked directory.

    Attributes:
        tree_id: names the content; equal ids mean equal entries.
        mtime: seconds; the time given when this tree was first built.
        count: number of entries.
        total_size: bytes of all entries, unknown sizes counted as 0, at most 2**64 - 1.
    """

    __slots__ = (
        "__weakref__",
        "_finger",
        "_load",
        "count",
        "mtime",
        "root",
        "total_size",
        "tree_id",
    )

    def __init__(self, tree_id: bytes, root: Root, mtime: int, load: PageLoader) -> None:
        self.tree_id = tree_id
        self.root = root
        self.mtime = mtime
        self.count = root.count
        self.total_size = root.total_size
        self._load = load
        self._finger: tuple[Page | None, int] = (
            None,
            -1,
        )  # replaced whole: threads may share a tree

    def page(self, index: int) -> Page:
        """Page number `index`.

        Raises:
            StoreError: the page was lost or damaged; the tree must be built again.
        """
        return self._load(self.root.page_id(index))

    def position(self, path: bytes) -> int:
        """Position of the first entry whose path is not below `path`."""
        if not self.count:
            return 0
        index = self.root.page_for(path)
        return self.root.starts[index] + self.page(index).lower_bound(path)

    def span(self, prefix: bytes) -> tuple[int, int]:
        """Positions (first, end) of what lies below the directory `prefix` (b"" is the root)."""
        if not prefix:
            return 0, self.count
        return self.position(prefix + b"/"), self.position(prefix + b"0")

    def lookup(self, path: bytes) -> TreeEntry | None:
        """The file at `path` (loop-safe when its page is cached)."""
        if not self.count:
            return None
        last, index = self._finger  # whoever walks a directory asks for the next path
        if last is not None:
            index += 1
            if index < last.count and last.path(index) == path:
                self._finger = last, index
                return last.entry_at(index, path)
        page = self.page(self.root.page_for(path))
        index = page.lower_bound(path)
        if index < page.count and page.path(index) == path:
            self._finger = page, index
            return page.entry_at(index, path)
        return None

    def entry(self, position: int) -> TreeEntry:
        """The file at a position, which is less than `count`."""
        index = self.root.page_at(position)
        page, number = self.page(index), position - self.root.starts[index]
        return page.entry_at(number, page.path(number))

    def is_directory(self, prefix: bytes) -> bool:
        """True if some entry lies below `prefix`; the root always is one."""
        if not prefix:
            return True
        below = prefix + b"/"
        path = self._path(self.position(below))
        return path is not None and path.startswith(below)

    def _path(self, position: int) -> bytes | None:
        if position >= self.count:
            return None
        index = self.root.page_at(position)
        return self.page(index).path(position - self.root.starts[index])

    def summary(self, prefix: bytes = b"") -> tuple[int, int]:
        """Number of files and sum of their known sizes (capped at 2**64 - 1) below `prefix`."""
        first, end = self.span(prefix)
        total = 0
        for index, low, high in self.pieces(first, end):
            if high - low == self.root.starts[index + 1] - self.root.starts[index]:
                total += self.root.totals[index]
            else:
                total += self.page(index).sizes_between(low, high)
        return end - first, min(total, LARGEST)

    def pieces(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Split positions [first, end) into (page number, low, high) with indices in the page."""
        starts = self.root.starts
        while first < end:
            index = self.root.page_at(first)
            start = starts[index]
            high = min(end, starts[index + 1])
            yield index, first - start, high - start
            first = high

    def walk(self, prefix: bytes = b"") -> Iterator[TreeEntry]:
        """All files below `prefix`, sorted by path."""
        for index, low, high in self.pieces(*self.span(prefix)):
            yield from self.page(index).entries(low, high)

    def children(
        self, prefix: bytes = b"", cookie: int = 0
    ) -> Iterator[tuple[TreeEntry | SubdirName, int]]:
        """Immediate children of a directory and, with each, the cookie to go on after it.

        Files come as their entries (with full path). Order: as the paths sort, a directory
        counting as its name plus '/'. A cookie stays good for every tree with the same id; any
        other number is harmless (an out-of-range one yields nothing). Subdirectories are
        skipped by binary search, so the cost follows the number of children.
        """
        first, end = self.span(prefix)
        position = max(first, cookie)
        skip = len(prefix) + 1 if prefix else 0
        starts = self.root.starts
        while position < end:
            number = self.root.page_at(position)
            page, start = self.page(number), starts[number]
            stop = min(end - start, page.count)
            index = position - start
            while index < stop:
                path = page.path(index)
                slash = path.find(b"/", skip)
                if slash < 0:
                    index += 1
                    yield page.entry_at(index - 1, path), start + index
                    continue
                index = self._end_of(path[:slash], number, page) - start
                yield SubdirName(path[skip:slash]), start + index
            position = start + index

    def _end_of(self, directory: bytes, number: int, page: Page) -> int:
        """Position after the last entry of a directory that has an entry in `page`."""
        end = directory + b"0"
        index = page.lower_bound(end)
        if index < page.count:
            return self.root.starts[number] + index
        return self.position(end)

    def diff(self, other: "Tree", prefix: bytes = b"") -> Iterator[Change]:
        """Changes from this tree to `other` below `prefix`: (path, old or None, new or None).

        Sorted by path. Reads only pages that are not in both trees.
        """
        return changes(self, other, prefix)

    def changed_names(self, other: "Tree", prefix: bytes = b"") -> Iterator[bytes]:
        """Immediate names below `prefix` whose entry differs between the two trees.

        Added, removed, changed, or turned from file to directory; not a subdirectory that
        merely differs inside.
        """
        return changed_names(self, other, prefix)
