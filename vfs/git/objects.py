"""Values that the Git part hands out, and the reader of raw tree objects.

Format: a tree object is a run of `mode SP name NUL oid`, mode in octal, oid 20 bytes
(gitformat: `git help cat-file`, "tree").
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from vfs.errors import FormatError

MODE_TREE = 0o040000
MODE_BLOB = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_SYMLINK = 0o120000
MODE_COMMIT = 0o160000
OID_SIZE = 20


class Commit(NamedTuple):
    """A commit: `oid` in hex, `tree` in binary, `time` in seconds since the epoch."""

    oid: str
    tree: bytes
    time: int


class CommitInfo(NamedTuple):
    """A commit as a log shows it; `author` is 'Name <mail>', `summary` the first line."""

    oid: str
    tree: bytes
    time: int
    author: str
    summary: str
    parents: tuple[str, ...]


class TreeItem(NamedTuple):
    """One name of a Git tree, as stored (the name is not validated)."""

    name: bytes
    mode: int
    oid: bytes


class Submodule(NamedTuple):
    """A gitlink: where it lies, the commit it names, and its URL if `.gitmodules` has one."""

    path: bytes
    oid: bytes
    url: str | None


class ParsedTree(Sequence[TreeItem]):
    """The items of one tree object in Git's order, with lookup by name."""

    __slots__ = ("_index", "_items")

    def __init__(self, items: tuple[TreeItem, ...]) -> None:
        self._items = items
        self._index: dict[bytes, TreeItem] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[TreeItem]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: int) -> TreeItem: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TreeItem, ...]: ...
    def __getitem__(self, index: int | slice) -> TreeItem | tuple[TreeItem, ...]:
        return self._items[index]

    def get(self, name: bytes) -> TreeItem | None:
        """The item of that name (the first one, should a hostile tree repeat it)."""
        if self._index is None:
            self._index = {item.name: item for item in reversed(self._items)}
        return self._index.get(name)


def parse_tree(data: bytes, *, oid: str) -> ParsedTree:
    """Raw bytes of a tree object -> its items.

    Raises:
        FormatError: the object is cut short or a mode is not octal.
    """
    items = []
    position, end = 0, len(data)
    try:
        while position < end:
            space = data.index(b" ", position)
            null = data.index(b"\0", space)
            position_next = null + 1 + OID_SIZE
            if position_next > end:
                raise ValueError("cut short")
            items.append(
                TreeItem(
                    data[space + 1 : null],
                    int(data[position:space], 8),
                    data[null + 1 : position_next],
                )
            )
            position = position_next
    except ValueError as error:
        raise FormatError(f"tree {oid} is malformed: {error}") from error
    return ParsedTree(tuple(items))


def tree_order(name: bytes, mode: int) -> bytes:
    """Key by which Git sorts the names of a tree: directories as if they ended in '/'."""
    return name + b"/" if mode == MODE_TREE else name


def encode_tree(items: Sequence[TreeItem]) -> bytes:
    """Items in any order -> raw bytes of the tree object."""
    ordered = sorted(items, key=lambda item: tree_order(item.name, item.mode))
    return b"".join([b"%o %b\0%b" % (item.mode, item.name, item.oid) for item in ordered])
