"""A switch leaves no stale name in the kernel, whatever it knew."""

from collections.abc import Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fs.listings import DictListing, Tree
from vfs.errors import StoreError
from vfs.fs.attributes import ROOT
from vfs.fs.directories import DirectoryTable, Listing, View, find_directory, join
from vfs.fs.switch import drop_last, invalidate, swap

names = st.sampled_from([b"a", b"a-b", b"ab", b"b", b"c.d"])
trees = st.recursive(
    st.dictionaries(names, st.sampled_from([b"", b"x", b"y"]), max_size=4),
    lambda inner: st.dictionaries(
        names, st.one_of(st.sampled_from([b"", b"x"]), inner), max_size=4
    ),
    max_leaves=12,
)


class Kernel:
    """The names a kernel has cached: positive and negative, by directory inode."""

    def __init__(self, table: DirectoryTable) -> None:
        self.table = table
        self.names: dict[int, dict[bytes, object]] = {}
        self.attributes_dropped: set[int] = set()

    def learn(self, path: bytes, name: bytes) -> int | None:
        """Look a name up through the table, as FUSE would; returns a directory's inode."""
        node = self.table.get(1)
        assert node is not None
        for part in path.split(b"/") if path else []:
            listing = self.table.listing(node)
            assert listing is not None
            if listing.subdirectory(part) is None:
                return None
            self._cache(node.inode, listing, part)
            node = self.table.child(node, part)
        listing = self.table.listing(node)
        assert listing is not None
        self._cache(node.inode, listing, name)
        if listing.subdirectory(name) is not None:
            return self.table.child(node, name).inode
        return None

    def _cache(self, inode: int, listing: Listing, name: bytes) -> None:
        entry = listing.lookup(name)
        self.names.setdefault(inode, {})[name] = entry and (entry.kind, entry.digest)
        node = self.table.get(inode)
        assert node is not None
        node.told.add(name)

    def drop_name(self, directory: int, name: bytes) -> None:
        self.names.get(directory, {}).pop(name, None)

    def drop_attributes(self, inode: int) -> None:
        self.attributes_dropped.add(inode)


paths = st.lists(names, max_size=3).map(b"/".join)


@given(trees, trees, st.lists(st.tuples(paths, names), max_size=12))
def test_every_cached_name_agrees_with_the_new_snapshot(
    before: Tree, after: Tree, looked_up: list[tuple[bytes, bytes]]
) -> None:
    view = View(cast("Listing", DictListing(before)), "old", None)
    table = DirectoryTable(view)
    kernel = Kernel(table)
    for path, name in looked_up:
        kernel.learn(path, name)
    new = View(cast("Listing", DictListing(after)), "new", None)

    known = swap(table, new)
    report = invalidate(known, new.root, kernel, lambda: False)

    assert view.label == "new"
    for inode, cached in kernel.names.items():
        node = table.get(inode)
        assert node is not None
        listing = find_directory(new.root, node.path)
        assert (listing is None) == (inode in report.gone)
        for name, seen in cached.items():
            entry = listing.lookup(name) if listing is not None else None
            assert seen == (entry and (entry.kind, entry.digest)), (node.path, name)


@given(trees)
def test_switching_to_an_equal_snapshot_touches_nothing(tree: Tree) -> None:
    view = View(cast("Listing", DictListing(tree)), "old", None)
    table = DirectoryTable(view)
    kernel = Kernel(table)
    for name in tree:
        kernel.learn(b"", name)
    report = invalidate(
        swap(table, View(cast("Listing", DictListing(tree)), "new", None)),
        view.root,
        kernel,
        lambda: False,
    )
    assert report == (0, 0, [], [])


def test_the_newest_directories_of_a_view_come_first() -> None:
    view = View(cast("Listing", DictListing({b"a": {}, b"b": {}, b"c": {}})), "1", None)
    table = DirectoryTable(view)
    root = table.get(ROOT)
    assert root is not None
    for name in (b"b", b"a", b"c"):
        table.child(root, name)
    assert [node.path for node in table.newest(view, 2)] == [b"c", b"a"]
    assert [node.path for node in table.newest(view, 9)] == [b"c", b"a", b"b", b""]


def test_a_directory_that_vanished_and_came_back_has_a_new_inode() -> None:
    view = View(cast("Listing", DictListing({b"d": {b"x": b"1"}})), "1", None)
    table = DirectoryTable(view)
    kernel = Kernel(table)
    first = kernel.learn(b"", b"d")
    assert first is not None
    for tree in ({b"d": b"file"}, {b"d": {b"x": b"2"}}):
        new = View(cast("Listing", DictListing(cast("Tree", tree))), "2", None)
        report = invalidate(swap(table, new), new.root, kernel, lambda: False)
        for inode in report.gone:
            node = table.get(inode)
            assert node is not None
            table.retire(node)
    again = kernel.learn(b"", b"d")
    assert again is not None
    assert again != first
    assert join(b"", b"d") == b"d"


class Unreadable(DictListing):
    """A snapshot some of whose directories were known and cannot be read any more."""

    def __init__(self, tree: Tree, lost: set[bytes], path: bytes = b"") -> None:
        super().__init__(tree)
        self.lost, self.path = lost, path

    def subdirectory(self, name: bytes) -> "Unreadable | None":
        found = super().subdirectory(name)
        return None if found is None else Unreadable(found.tree, self.lost, join(self.path, name))

    def changed(self, other: DictListing | None) -> Iterator[bytes]:
        for name in super().changed(other):
            if self.path in self.lost:
                raise StoreError(f"lost: {self.path!r}")
            yield name


@given(
    trees,
    trees,
    st.lists(st.tuples(paths, names), max_size=12),
    st.sets(st.sampled_from([b"", b"a", b"b", b"a/a", b"a/b", b"c.d/ab"])),
)
def test_no_old_name_survives_where_snapshots_cannot_be_compared(
    before: Tree, after: Tree, looked_up: list[tuple[bytes, bytes]], lost: set[bytes]
) -> None:
    table = DirectoryTable(View(cast("Listing", Unreadable(before, lost)), "old", None))
    kernel = Kernel(table)
    for path, name in looked_up:
        kernel.learn(path, name)
    new = View(cast("Listing", DictListing(after)), "new", None)
    known = swap(table, new)
    report = invalidate(known, new.root, kernel, lambda: False)
    for inode in report.gone:
        node = table.get(inode)
        assert node is not None
        table.retire(node)
    for directory, name in report.last:
        kernel._cache(directory, cast("Listing", DictListing(before)), name)  # looked up meanwhile
    drop_last(report, kernel)

    for directory, name in report.last:
        assert name not in kernel.names[directory]
    for inode, cached in kernel.names.items():
        node = table.get(inode)
        assert node is not None
        listing = find_directory(new.root, node.path)
        for name, seen in cached.items():
            entry = listing.lookup(name) if listing is not None else None
            assert seen == (entry and (entry.kind, entry.digest)), (node.path, name)


@pytest.mark.parametrize("path", [b"", b"d"])
def test_a_large_directory_that_cannot_be_compared(path: bytes) -> None:
    """Of a directory with more names than are remembered, those in use are dropped one by one, and its inode is new."""
    files: Tree = {b"%d" % n: b"old" for n in range(200)}
    inner: Tree = files | {b"sub": {b"x": b"old"}}
    table = DirectoryTable(
        View(cast("Listing", Unreadable({b"d": inner} if path else inner, {path})), "old", None)
    )
    kernel = Kernel(table)
    for name in inner:
        kernel.learn(path, name)
    kernel.learn(join(path, b"sub"), b"x")
    kept: Tree = dict.fromkeys(list(files)[:100], b"new")
    new = View(cast("Listing", DictListing({b"d": kept} if path else kept)), "new", None)
    known = swap(table, new)
    report = invalidate(known, new.root, kernel, lambda: False)

    inode = next(each.inode for each in known if each.path == path)
    left = set(kernel.names[inode])
    if path:
        assert left == set(files) - set(kept)  # below an inode that no path leads to any more
        assert inode in report.gone
        assert report.last == [(1, b"d")]
    else:
        assert not left


def test_a_lost_old_snapshot_is_no_obstacle() -> None:
    """The directory's own place in the old snapshot cannot be found either."""

    class Gone(Unreadable):
        def subdirectory(self, name: bytes) -> Unreadable | None:
            if self.epoch:
                raise StoreError("lost")
            return super().subdirectory(name)

        epoch = 0

    root = Gone({b"d": {b"x": b"1"}}, set())
    view = View(cast("Listing", root), "old", None)
    table = DirectoryTable(view)
    kernel = Kernel(table)
    kernel.learn(b"d", b"x")
    root.epoch = view.epoch = 1
    new = View(cast("Listing", DictListing({b"d": {b"x": b"2"}})), "new", None)
    report = invalidate(swap(table, new), new.root, kernel, lambda: False)
    assert view.label == "new"
    assert report.last == [(1, b"d")]
    assert not any(kernel.names[inode] for inode in report.gone)
