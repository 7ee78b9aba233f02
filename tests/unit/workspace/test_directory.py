"""Entries of directories that come from a catalog tree."""

from contextlib import closing
from pathlib import Path

from vfs.catalog import Catalog, TreeEntry
from vfs.core.ranges import LARGEST
from vfs.types import Algorithm, Digest, Kind
from vfs.workspace.directory import TreeDirectory


def test_a_file_that_claims_more_than_can_be_served_is_broken(tmp_path: Path) -> None:
    digest = Digest(Algorithm.MD5, bytes(16))
    sizes = {b"a": LARGEST, b"b": LARGEST + 1, b"c": (1 << 63) - 1}
    with closing(Catalog.open(tmp_path)) as catalog:
        entries = [TreeEntry(name, Kind.FILE, digest, size, 7) for name, size in sizes.items()]
        directory = TreeDirectory(catalog.build_tree(entries, mtime=7), 0)
        kinds = {entry.name: entry.kind for entry, _ in directory.entries()}
        assert kinds == {b"a": Kind.FILE, b"b": Kind.BROKEN, b"c": Kind.BROKEN}
        found = directory.lookup(b"b")
        assert found is not None
        assert "up to 1 PiB" in found.problem
