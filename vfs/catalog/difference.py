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
Piece = tuple[Page, int, int]


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


def changes(old: Pages, new: Pages, prefix: bytes) -> Iterator[Change]:
    """Changes from `old` to `new` below `prefix`, sorted by path."""
    if old.tree_id == new.tree_id:
        return
    left = _Reader(_pieces(old, prefix, new.root.page_ids))
    right = _Reader(_pieces(new, prefix, old.root.page_ids))
    while not (left.done and right.done):
        if left.done or right.done:
            yield from _one_sided(left, right)
        elif left.side_by_side(right):
            yield from _same_paths(left, right)
        else:
            change = _step(left, right)
            if change is not None:
                yield change


def _pieces(tree: Pages, prefix: bytes, others: frozenset[bytes]) -> Iterator[Piece]:
    for index, low, high in tree.pieces(*tree.span(prefix)):
        if tree.root.page_id(index) not in others:
            yield tree.page(index), low, high


class _Reader:
    """A position in a sequence of page pieces; `path` is the current one's."""

    __slots__ = ("_fresh", "_pieces", "done", "index", "page", "path", "stop")

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
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

    def next_piece(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            self.done = True
            return
        self.page, self.index, self.stop = piece
        self._fresh = True
        self.path = self.page.path(self.index)

    def advance(self) -> None:
        self.index += 1
        self._fresh = False
        if self.index < self.stop:
            self.path = self.page.path(self.index)
        else:
            self.next_piece()


def _one_sided(left: _Reader, right: _Reader) -> Iterator[Change]:
    while not left.done:
        yield left.path, left.page.entry_at(left.index, left.path), None
        left.advance()
    while not right.done:
        yield right.path, None, right.page.entry_at(right.index, right.path)
        right.advance()


def _same_paths(left: _Reader, right: _Reader) -> Iterator[Change]:
    old, new = left.page, right.page
    for index in old.differing(new, left.index, left.stop):
        entry = old.entry(index)
        yield entry.path, entry, new.entry_at(index, entry.path)
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
    skip = len(prefix) + 1 if prefix else 0
    last: bytes | None = None
    turned: set[bytes] = set()  # may come again as a directory, and not next to each other
    for path, before, after in changes(old, new, prefix):
        name, slash, _ = path[skip:].partition(b"/")
        if name == last or name in turned:
            continue
        last = name
        if not slash:
            if before is None or after is None:
                turned.add(name)
            yield name
            continue
        directory = path[: skip + len(name)]
        if not (old.is_directory(directory) and new.is_directory(directory)):
            yield name
