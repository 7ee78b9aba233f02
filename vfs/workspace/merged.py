"""Directories that come from Git, merged with grafts.

Rule: a graft hides what Git has under the same name (`git checkout`, then `dvc checkout`).
Symlinks are entries of their own; a submodule is an empty directory. Sizes and times come from
the catalog's facts; only if the catalog lost them is an object's header read instead.
"""

from collections.abc import Iterator, Sequence

from vfs.catalog import Catalog
from vfs.core.paths import check_component
from vfs.errors import StoreError, UnsafePath, VfsError
from vfs.git import MODE_COMMIT, MODE_SYMLINK, MODE_TREE, Repository, TreeItem
from vfs.types import Algorithm, Digest, Entry, Kind
from vfs.workspace.directory import Directory, Weight
from vfs.workspace.grafts import Node, entry_of, git_identity
from vfs.workspace.summary import CONTENTS_KEY, decode_contents, first_seen, is_file, served_items

MAX_TARGET = 4095
MISSING = "Git does not have the object {oid} (a shallow, partial or damaged clone)"
_BATCH = 256

Fact = tuple[int, int]


class GitView:
    """What all Git directories of one snapshot share.

    Attributes:
        repository: of the trees and blobs.
        catalog: knows sizes and times.
        origin: number of the Git origin.
        time: seconds; used where the catalog does not know when something was first seen.
    """

    __slots__ = ("catalog", "origin", "repository", "time")

    def __init__(self, repository: Repository, catalog: Catalog, origin: int, time: int) -> None:
        self.repository = repository
        self.catalog = catalog
        self.origin = origin
        self.time = time

    def tree_time(self, tree: bytes) -> int:
        """When a tree was first seen."""
        return first_seen(self.catalog.recall(CONTENTS_KEY + tree), self.time)

    def file(self, item: TreeItem, fact: Fact | None) -> Entry:
        """The entry of a file or symlink."""
        if fact is None:
            if not self.repository.has_object(item.oid):  # and do not fetch it here
                return self._broken(item, MISSING.format(oid=item.oid.hex()))
            try:
                fact = (self.repository.blob_size(item.oid), self.time)
            except VfsError as error:
                return self._broken(item, error.message)
        size, mtime = fact
        kind = Kind.EXECUTABLE if item.mode & 0o111 else Kind.FILE
        if item.mode == MODE_SYMLINK:
            if not 0 < size <= MAX_TARGET:
                return self._broken(item, f"its target has {size} bytes, no link can have that")
            kind = Kind.SYMLINK
        return Entry(item.name, kind, Digest(Algorithm.GIT, item.oid), size, mtime, self.origin)

    def _broken(self, item: TreeItem, problem: str) -> Entry:
        return Entry(item.name, Kind.BROKEN, None, 0, self.time, self.origin, problem)


class MergedDirectory(Directory):
    """A Git tree, a node of the grafts, or both."""

    __slots__ = ("_items", "_node", "_tree", "_view")

    def __init__(self, view: GitView, tree: bytes | None, node: Node | None, mtime: int) -> None:
        """`mtime` is for directories without a tree or node (submodules)."""
        self._view = view
        self._tree = tree
        self._node = node
        self._items: Sequence[TreeItem | bytes] | None = None
        if node is not None:
            self.identity, self.mtime = node.identity, node.mtime
        else:
            self.identity = git_identity(tree)
            self.mtime = mtime if tree is None else view.tree_time(tree)

    def lookup(self, name: bytes) -> Entry | None:
        """The entry of one name."""
        child = self._child(name)
        if child is not None:
            return entry_of(child, name)
        item = self._item(name)
        if item is None:
            return None
        if item.mode == MODE_TREE:
            return Entry(name, Kind.DIRECTORY, mtime=self._view.tree_time(item.oid))
        if item.mode == MODE_COMMIT:
            return Entry(name, Kind.DIRECTORY, mtime=self.mtime)
        return self._view.file(item, self._view.catalog.facts(Digest(Algorithm.GIT, item.oid)))

    def subdirectory(self, name: bytes) -> Directory | None:
        """The directory of that name."""
        child = self._child(name)
        if child is not None:
            if isinstance(child.leaf, Entry):
                return None
            if child.leaf is not None:
                return child.leaf
            return MergedDirectory(self._view, child.tree, child, self.mtime)
        item = self._item(name)
        if item is None or item.mode not in (MODE_TREE, MODE_COMMIT):
            return None
        tree = item.oid if item.mode == MODE_TREE else None
        return MergedDirectory(self._view, tree, None, self.mtime)

    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        """Git's names that are not hidden and the grafts', by name; a cookie is a count."""
        items = self._all()
        position = max(0, cookie)
        while position < len(items):
            part = items[position : position + _BATCH]
            for entry in self._entries(part):
                position += 1
                yield entry, position

    def by_name(self) -> Iterator[Entry]:
        """As in the base: `entries` are in that order."""
        return (entry for entry, _ in self.entries())

    def changed(self, other: Directory | None) -> Iterator[bytes]:
        """As in the base; two Git directories are compared without looking at any size."""
        if not isinstance(other, MergedDirectory):
            yield from super().changed(other)
            return
        mine, theirs = self._essences(), other._essences()
        for name, essence in mine.items():
            if theirs.get(name) != essence:
                yield name
        for name in theirs:
            if name not in mine:
                yield name

    def weigh(self) -> Weight:
        """Git's sums without what grafts hide, and the grafts'."""
        size = files = 0
        if self._tree is not None:
            size, files = self._git_weight(self._tree)
        for name, node in self._node.children.items() if self._node is not None else ():
            hidden = self._hidden_weight(name)
            seen = self._node_weight(name, node)
            size, files = size - hidden.size + seen.size, files - hidden.files + seen.files
        return Weight(max(0, size), max(0, files))

    def _node_weight(self, name: bytes, node: Node) -> Weight:
        if isinstance(node.leaf, Entry):
            return Weight(node.leaf.size, 1)
        directory = self.subdirectory(name)
        return Weight(0, 0) if directory is None else directory.weigh()

    def _hidden_weight(self, name: bytes) -> Weight:
        item = self._item(name)
        if item is None or item.mode == MODE_COMMIT:
            return Weight(0, 0)
        if item.mode == MODE_TREE:
            return self._git_weight(item.oid)
        return Weight(self._view.file(item, None).size, 1)

    def _git_weight(self, tree: bytes) -> Weight:
        note = self._view.catalog.recall(CONTENTS_KEY + tree)
        try:
            contents = decode_contents(note or b"")
        except StoreError:
            return Weight(0, 0)  # a lost or damaged note: sums are for statfs only
        return Weight(contents.size, contents.files)

    def _child(self, name: bytes) -> Node | None:
        return self._node.children.get(name) if self._node is not None else None

    def _item(self, name: bytes) -> TreeItem | None:
        if self._tree is None or b"/" in name or not name:
            return None
        item = self._view.repository.find(self._tree, name)
        if item is None or not _served(item):
            return None
        return item

    def _all(self) -> Sequence[TreeItem | bytes]:
        """Git's items that no graft hides and the names of grafts, sorted by name."""
        if self._items is None:
            children = {} if self._node is None else self._node.children
            items: list[TreeItem | bytes] = []
            if self._tree is not None:
                served = served_items(self._view.repository.read_tree(self._tree))
                items += [item for item in served if item.name not in children]
            items += children
            self._items = sorted(items, key=_name)
        return self._items

    def _entries(self, part: Sequence[TreeItem | bytes]) -> Iterator[Entry]:
        view = self._view
        git = [item for item in part if isinstance(item, TreeItem)]
        trees = [item.oid for item in git if item.mode == MODE_TREE]
        notes = view.catalog.recall_many([CONTENTS_KEY + oid for oid in trees]) if trees else []
        times = {oid: first_seen(note, view.time) for oid, note in zip(trees, notes, strict=True)}
        blobs = [
            Digest(Algorithm.GIT, item.oid)
            for item in git
            if item.mode not in (MODE_TREE, MODE_COMMIT)
        ]
        facts = iter(view.catalog.facts_many(blobs) if blobs else [])
        for item in part:
            if isinstance(item, bytes):
                assert self._node is not None
                yield entry_of(self._node.children[item], item)
            elif item.mode == MODE_TREE:
                yield Entry(item.name, Kind.DIRECTORY, mtime=times[item.oid])
            elif item.mode == MODE_COMMIT:
                yield Entry(item.name, Kind.DIRECTORY, mtime=self.mtime)
            else:
                yield view.file(item, next(facts))

    def _essences(self) -> dict[bytes, object]:
        found: dict[bytes, object] = {}
        for item in self._all():
            if isinstance(item, bytes):
                assert self._node is not None
                entry = entry_of(self._node.children[item], item)
                found[item] = (
                    Kind.DIRECTORY
                    if entry.kind is Kind.DIRECTORY
                    else (entry.kind, entry.digest, entry.size, entry.problem)
                )
            elif item.mode in (MODE_TREE, MODE_COMMIT):
                found[item.name] = Kind.DIRECTORY
            else:
                found[item.name] = (_role(item.mode), item.oid)
        return found


def _name(item: TreeItem | bytes) -> bytes:
    return item if isinstance(item, bytes) else item.name


def _role(mode: int) -> Kind:
    if mode == MODE_SYMLINK:
        return Kind.SYMLINK
    return Kind.EXECUTABLE if mode & 0o111 else Kind.FILE


def _served(item: TreeItem) -> bool:
    try:
        check_component(item.name)
    except UnsafePath:
        return False
    return item.mode in (MODE_TREE, MODE_COMMIT, MODE_SYMLINK) or is_file(item.mode)
