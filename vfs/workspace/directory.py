"""Directories of a snapshot: the contract, and those that come from a catalog tree.

Rule: immutable; `lookup`, `subdirectory` and `entries` are loop-safe: they read Git trees, the
catalog and memory, never payload, never the network.
"""

import heapq
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from blake3 import blake3

from vfs.catalog import SubdirName, Tree, TreeEntry
from vfs.core.ranges import LARGEST, too_large
from vfs.types import Entry, Kind

UNKNOWN_SIZE = "its size is not known: neither a cache nor a remote has the object {digest}"

_BEFORE_SLASH = re.compile(rb"[\x00-\x2e]")


class Weight(NamedTuple):
    """What a directory weighs: bytes and number of files."""

    size: int
    files: int


class Directory(ABC):
    """An immutable directory.

    Attributes:
        identity: equal identities mean equal subtrees.
        mtime: seconds since the epoch; when this machine first saw that identity.
    """

    __slots__ = ("identity", "mtime")

    identity: bytes
    mtime: int

    @abstractmethod
    def lookup(self, name: bytes) -> Entry | None:
        """The entry of one name (loop-safe)."""

    @abstractmethod
    def subdirectory(self, name: bytes) -> "Directory | None":
        """The directory of that name (loop-safe)."""

    @abstractmethod
    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        """Entries behind position `cookie`, each with the cookie to go on after it (loop-safe).

        The order is fixed for one identity. A cookie that this directory never gave is harmless.
        """

    @abstractmethod
    def by_name(self) -> Iterator[Entry]:
        """All entries in the order of their names' bytes, as `ls` shows them (loop-safe)."""

    @abstractmethod
    def weigh(self) -> Weight:
        """Bytes and files below; may take time proportional to what is special in it."""

    def changed(self, other: "Directory | None") -> Iterator[bytes]:
        """Names whose entry differs from the same name in `other`.

        Added, removed or changed; not a subdirectory that merely differs inside.
        """
        if other is not None and other.identity == self.identity:
            return
        mine = {entry.name: _essence(entry) for entry, _ in self.entries()}
        theirs = {} if other is None else {e.name: _essence(e) for e, _ in other.entries()}
        for name, essence in mine.items():
            if theirs.get(name) != essence:
                yield name
        for name in theirs:
            if name not in mine:
                yield name


def _reordered(entries: Iterator[Entry]) -> Iterator[Entry]:
    """By name what comes in the order of paths, where a directory counts as its name plus '/'.

    `a.txt` comes before the directory `a` there, since '.' is less than '/'. So a name is held back until what comes
    is past `a/`: past its part before the first character that is less than '/', plus '/'.
    """
    held: list[tuple[bytes, bytes, Entry]] = []
    for entry in entries:
        name = entry.name
        found = _BEFORE_SLASH.search(name, 1)
        heapq.heappush(held, (name, name[: found.start()] + b"/" if found else b"", entry))
        now = name + b"/" if entry.kind is Kind.DIRECTORY else name
        while held and held[0][1] <= now:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _essence(entry: Entry) -> tuple[object, ...]:
    """What makes an entry the same for a reader."""
    if entry.kind is Kind.DIRECTORY:
        return (Kind.DIRECTORY,)
    return (entry.kind, entry.digest, entry.size, entry.problem)


class TreeDirectory(Directory):
    """A directory of a tracked directory: a prefix of a catalog tree.

    Attributes:
        tree: the tree.
        prefix: path in it, b"" for its root.
        origin: number of the origin of all its files.
    """

    __slots__ = ("origin", "prefix", "tree")

    def __init__(self, tree: Tree, origin: int, prefix: bytes = b"") -> None:
        self.tree = tree
        self.origin = origin
        self.prefix = prefix
        self.mtime = tree.mtime
        name = b"tree\0" + tree.tree_id + prefix
        self.identity = blake3(name).digest()

    def lookup(self, name: bytes) -> Entry | None:
        """The entry of one name."""
        path = self._path(name)
        if not name or b"/" in name:
            return None
        found = self.tree.lookup(path)
        if found is not None:
            return self.entry(found, name)
        if self.tree.is_directory(path):
            return Entry(name, Kind.DIRECTORY, mtime=self.mtime)
        return None

    def subdirectory(self, name: bytes) -> Directory | None:
        """The directory of that name."""
        if not name or b"/" in name or not self.tree.is_directory(self._path(name)):
            return None
        return TreeDirectory(self.tree, self.origin, self._path(name))

    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        """Files and subdirectories in the tree's order."""
        skip = len(self.prefix) + 1 if self.prefix else 0
        for child, position in self.tree.children(self.prefix, cookie):
            if isinstance(child, SubdirName):
                yield Entry(child.name, Kind.DIRECTORY, mtime=self.mtime), position
            else:
                yield self.entry(child, child.path[skip:]), position

    def by_name(self) -> Iterator[Entry]:
        """As in the base; holds back only names that a subdirectory may still have to precede."""
        return _reordered(entry for entry, _ in self.entries())

    def changed(self, other: Directory | None) -> Iterator[bytes]:
        """As in the base; reads only pages that differ where both are the same place of two versions."""
        if isinstance(other, TreeDirectory) and other.prefix == self.prefix:
            return self.tree.changed_names(other.tree, self.prefix)
        return super().changed(other)

    def weigh(self) -> Weight:
        """From the tree's own sums."""
        files, size = self.tree.summary(self.prefix)
        return Weight(size, files)

    def _path(self, name: bytes) -> bytes:
        return self.prefix + b"/" + name if self.prefix else name

    def entry(self, found: TreeEntry, name: bytes) -> Entry:
        """The entry of a file of the tree, under `name`."""
        if found.size < 0 or found.kind is Kind.BROKEN:
            problem = UNKNOWN_SIZE.format(digest=found.digest.hex)
            return Entry(name, Kind.BROKEN, None, 0, found.mtime, self.origin, problem)
        if found.size > LARGEST:
            problem = too_large(found.size)
            return Entry(name, Kind.BROKEN, None, 0, found.mtime, self.origin, problem)
        return Entry(name, found.kind, found.digest, found.size, found.mtime, self.origin)
