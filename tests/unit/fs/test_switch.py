"""A switch leaves no stale name in the kernel, whatever it knew."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fs.listings import DictListing, Tree
from vfs.fs.directories import DirectoryTable, Listing, View, find_directory, join
from vfs.fs.switch import invalidate, swap

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
    assert report == (0, 0, [])


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
