"""Real page sizes: versions share pages, listings skip subtrees, the page cache stays bounded."""

import hashlib

import pytest

from vfs.catalog import Catalog, SubdirName, Tree, TreeEntry
from vfs.catalog.builder import MAX_ENTRIES, MAX_NAME_BYTES
from vfs.catalog.page import Page
from vfs.types import Algorithm, Digest, Kind

COUNT = 30_000


def entry(path: bytes, size: int = 5) -> TreeEntry:
    return TreeEntry(path, Kind.FILE, Digest(Algorithm.MD5, hashlib.md5(path).digest()), size, 7)


BASE = [entry(b"images/%03d/%06d.jpg" % (n // 100, n)) for n in range(COUNT)]


def build(catalog: Catalog, entries: list[TreeEntry]) -> Tree:
    return catalog.build_tree(entries, mtime=0)


def record_reads(tree: Tree, read: list[bytes]) -> None:
    """Note the ids of the pages a tree asks for."""
    load = tree._load

    def recording(page_id: bytes) -> Page:
        read.append(page_id)
        return load(page_id)

    tree._load = recording


def new_pages(old: Tree, new: Tree) -> int:
    return len(new.root.page_ids - old.root.page_ids)


def test_pages_have_the_intended_size(catalog: Catalog) -> None:
    tree = build(catalog, BASE)
    counts = [tree.page(n).count for n in range(tree.root.pages)]
    assert max(counts) <= MAX_ENTRIES
    assert 256 <= sum(counts) / len(counts) <= 512


@pytest.mark.parametrize("at", [0, 1, COUNT // 2, COUNT - 1])
def test_one_edit_rewrites_few_pages(catalog: Catalog, at: int) -> None:
    tree = build(catalog, BASE)
    changed = [*BASE[:at], BASE[at]._replace(size=6), *BASE[at + 1 :]]
    assert new_pages(tree, build(catalog, changed)) == 1
    assert new_pages(tree, build(catalog, BASE[:at] + BASE[at + 1 :])) <= 8
    inserted = entry(BASE[at].path + b"x")
    assert new_pages(tree, build(catalog, [*BASE[: at + 1], inserted, *BASE[at + 1 :]])) <= 8


def test_a_difference_reads_only_pages_that_differ(catalog: Catalog) -> None:
    old = build(catalog, BASE)
    new = build(catalog, [*BASE[:100], *BASE[101:]])
    read: list[bytes] = []
    record_reads(old, read)
    record_reads(new, read)
    assert list(old.diff(new)) == [(BASE[100].path, BASE[100], None)]
    assert not set(read) & old.root.page_ids & new.root.page_ids


def test_listing_a_directory_of_directories_reads_few_pages(catalog: Catalog) -> None:
    tree = build(catalog, [entry(b"z/%d/%07d" % (n // 10_000, n)) for n in range(COUNT)])
    read: list[bytes] = []
    record_reads(tree, read)
    assert [child for child, _ in tree.children(b"z")] == [SubdirName(b"%d" % n) for n in range(3)]
    assert len(set(read)) <= 6 < tree.root.pages


def test_very_long_paths_make_small_pages(catalog: Catalog) -> None:
    deep = b"/".join([b"x" * 255] * 15)
    tree = build(catalog, [entry(deep + b"/%04d" % n) for n in range(500)])
    assert all(
        tree.page(n).count * len(deep) <= MAX_NAME_BYTES + 5000 for n in range(tree.root.pages)
    )
    assert tree.count == 500
    assert tree.lookup(deep + b"/0250") is not None


def test_the_page_cache_is_bounded(catalog: Catalog) -> None:
    catalog._pages.limit = 50_000
    tree = build(catalog, BASE)
    assert sum(1 for _ in tree.walk()) == COUNT
    assert catalog._pages.weight <= 50_000
