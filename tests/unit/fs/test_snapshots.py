"""Looking at `.snapshots` builds no snapshot; looking into one does, once."""

import weakref
from collections.abc import Sequence
from typing import cast

import pytest
import trio

from tests.unit.fs.listings import DictListing, Tree
from vfs.errors import UnknownRevision
from vfs.fs.directories import Listing, Unbuilt, View
from vfs.fs.errors import FsError
from vfs.fs.filesystem import ABSENT, FileSystem
from vfs.fs.reader import Reader


class Source:
    """Two revisions, and a count of what was built."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.views = weakref.WeakSet[View]()

    async def revisions(self) -> Sequence[bytes]:
        return [b"refs/tags/v1", b"refs/heads/feature/x"]

    async def view(self, revision: str) -> View:
        if revision not in ("v1", "feature/x"):
            raise UnknownRevision(revision)

        async def build() -> View:
            self.built.append(revision)
            await trio.lowlevel.checkpoint()
            listing = cast("Listing", DictListing({b"in": {b"f": revision.encode()}}))
            return View(listing, revision, "commit-" + revision)

        made = View(Unbuilt(5), revision, "commit-" + revision, build=build)
        self.views.add(made)
        return made


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def filesystem(source: Source) -> FileSystem:
    main = View(cast("Listing", DictListing({})), "main", "c")
    return FileSystem(main, source, cast("Reader", None))


async def test_a_name_of_the_snapshot_does_not_take_the_place(source: Source) -> None:
    """A listing would hand the kernel a file of that name, for ever; it is below the revision instead."""
    tree: Tree = {b".snapshots": b"mine", b"in": {b".snapshots": b"below"}}
    main = View(cast("Listing", DictListing(tree)), "main", "c")
    filesystem = FileSystem(main, source, cast("Reader", None))
    assert [named.name for named in await filesystem.readdir(1, 0)] == [b".", b"..", b"in"]
    below = (await filesystem.lookup(1, b"in")).inode
    assert b".snapshots" in [named.name for named in await filesystem.readdir(below, 0)]
    other = filesystem.directories.open_root(View(main.root, "other", "d")).inode
    assert b".snapshots" in [named.name for named in await filesystem.readdir(other, 0)]


async def test_looking_at_names_builds_nothing(filesystem: FileSystem, source: Source) -> None:
    top = (await filesystem.lookup(1, b".snapshots")).inode
    names = [named.name for named in await filesystem.readdir(top, 0)]
    assert names == [b".", b"..", b"feature", b"v1"]
    assert (await filesystem.lookup(top, b"v1")).mtime == 5
    below = (await filesystem.lookup(top, b"feature")).inode
    await filesystem.lookup(below, b"x")
    assert source.built == []


async def test_looking_into_one_builds_it_once(filesystem: FileSystem, source: Source) -> None:
    top = (await filesystem.lookup(1, b".snapshots")).inode
    root = (await filesystem.lookup(top, b"v1")).inode
    async with trio.open_nursery() as nursery:
        nursery.start_soon(filesystem.lookup, root, b"in")
        nursery.start_soon(filesystem.opendir, root)
    inside = await filesystem.lookup(root, b"in")
    file = await filesystem.lookup(inside.inode, b"f")
    assert file.size == 2
    assert (await filesystem.lookup(root, b"absent")) is ABSENT
    again = await filesystem.lookup(top, b"v1")
    assert again.inode == root
    built = len(source.built)
    await filesystem.opendir(root)
    assert len(source.built) == built <= 2


async def test_a_snapshot_goes_with_the_last_directory_the_kernel_knows_of_it(
    filesystem: FileSystem, source: Source
) -> None:
    top = (await filesystem.lookup(1, b".snapshots")).inode
    root = (await filesystem.lookup(top, b"v1")).inode
    inside = (await filesystem.lookup(root, b"in")).inode
    filesystem.forget(root, 1)
    assert (await filesystem.lookup(inside, b"f")).size == 2
    assert len(source.views) == 1
    filesystem.forget(inside, 1)
    assert not source.views
    assert (await filesystem.lookup(top, b"v1")).inode != root


async def test_an_unknown_revision_is_absent(filesystem: FileSystem) -> None:
    top = (await filesystem.lookup(1, b".snapshots")).inode
    with pytest.raises(FsError, match="No such file"):
        await filesystem.lookup(top, b"v9")
