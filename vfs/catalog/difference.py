"""Difference of two trees at the cost of what differs.

A page that occurs in both trees holds the same entries in both, and a path occurs once in a
tree, so nothing in a shared page can differ: only the pages that are not shared are read, and
merged in order of their paths. Two of those with the same paths are compared column by column.
"""

from collections.abc import Iterator
from typing import Protocol

from vfs.catalog.entries import TreeEntry
from vfs.catalog.page import Page
from vfs.catalog.root import Root

Change = tuple[bytes, TreeEntry | None, TreeEntry | None]


class Pages(Protocol):
    """What is needed of a tree (see `vfs.catalog.tree.Tree`)."""

    @property
    def tree_id(self) -> bytes:
        """Names the content."""

    @property
    def root(self) -> Root:
        """The list of pages."""

    def page(self, index: int) -> Page:
        """Page number `index`."""

    def span(self, prefix: bytes) -> tuple[int, int]:
        """Positions below a directory."""

    def pieces(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Positions as (page, low, high)."""

    def is_directory(self, prefix: bytes) -> bool:
        """True if some entry lies below."""


class Skip:
    """Where whoever takes changes says, between two of them, from which path on it wants the next ones."""

    __slots__ = ("to",)

    def __init__(self) -> None:
        self.to = b""


def changes(old: Pages, new: Pages, prefix: bytes, skip: Skip | None = None) -> Iterator[Change]:
    """Changes from `old` to `new` below `prefix`, sorted by path."""
    if old.tree_id == new.tree_id:
        return
    skip = skip or Skip()
    left = _Reader(old, prefix, new.root.page_ids)
    right = _Reader(new, prefix, old.root.page_ids)
    while not (left.done and right.done):
        if skip.to:
            left.skip(skip.to)
            right.skip(skip.to)
            skip.to = b""
        elif left.done or right.done:
            yield _one_sided(left, right)
        elif left.side_by_side(right):
            yield from _same_paths(left, right, skip)
        else:
            change = _step(left, right)
            if change is not None:
                yield change


class _Reader:
    """A position in the pages of a tree that another tree does not have; `path` is the current one's."""

    __slots__ = ("_fresh", "_others", "_pieces", "_tree", "done", "index", "page", "path", "stop")

    def __init__(self, tree: Pages, prefix: bytes, others: frozenset[bytes]) -> None:
        self._tree = tree
        self._others = others
        self._pieces = tree.pieces(*tree.span(prefix))
        self.done = False
        self._fresh = False
        self.path = b""
        self.next_piece()

    def side_by_side(self, other: "_Reader") -> bool:
        """True where both begin a piece that lists the same paths at the same places of its page."""
        return (
            self._fresh
            and other._fresh
            and self.index == other.index
            and self.stop == other.stop
            and self.page.same_paths(other.page)
        )

    def next_piece(self, beyond: bytes = b"") -> None:
        """Go to the next page, or the next that may hold a path not below `beyond`."""
        root = self._tree.root
        for index, low, high in self._pieces:
            ends_before = index + 1 < root.pages and root.first_path(index + 1) <= beyond
            if not ends_before and root.page_id(index) not in self._others:
                self.page, self.index, self.stop = self._tree.page(index), low, high
                self._fresh = True
                self.path = self.page.path(low)
                return
        self.done = True

    def skip(self, target: bytes) -> None:
        """Go to the first path that is not below `target`."""
        while not self.done and self.path < target:
            self.index = max(self.index, self.page.lower_bound(target))
            if self.index < self.stop:
                self.path = self.page.path(self.index)
            else:
                self.next_piece(target)

    def advance(self) -> None:
        self.index += 1
        self._fresh = False
        if self.index < self.stop:
            self.path = self.page.path(self.index)
        else:
            self.next_piece()


def _one_sided(left: _Reader, right: _Reader) -> Change:
    reader = right if left.done else left
    path, entry = reader.path, reader.page.entry_at(reader.index, reader.path)
    reader.advance()
    return (path, entry, None) if reader is left else (path, None, entry)


def _same_paths(left: _Reader, right: _Reader, skip: Skip) -> Iterator[Change]:
    old, new = left.page, right.page
    for index in old.differing(new, left.index, left.stop):
        entry = old.entry(index)
        yield entry.path, entry, new.entry_at(index, entry.path)
        if skip.to:
            return
    left.next_piece()
    right.next_piece()


def _step(left: _Reader, right: _Reader) -> Change | None:
    path = min(left.path, right.path)
    old = new = None
    if left.path == path:
        old = left.page.entry_at(left.index, path)
    if right.path == path:
        new = right.page.entry_at(right.index, path)
    if old is not None:
        left.advance()
    if new is not None:
        right.advance()
    return None if old == new else (path, old, new)


def changed_names(old: Pages, new: Pages, prefix: bytes) -> Iterator[bytes]:
    """Immediate names below `prefix` whose entry differs, each once."""
    start = len(prefix) + 1 if prefix else 0
    last: bytes | None = None
    turned: set[bytes] = set()  # may come again as a directory, and not next to each other
    skip = Skip()
    for path, before, after in changes(old, new, prefix, skip):
        name, slash, _ = path[start:].partition(b"/")
        if name == last or name in turned:
            continue
        last = name
        if not slash:
            if before is None or after is None:
                turned.add(name)
            yield name
            continue
        directory = path[: start + len(name)]
        skip.to = directory + b"0"
        if not (old.is_directory(directory) and new.is_directory(directory)):
            yield name
