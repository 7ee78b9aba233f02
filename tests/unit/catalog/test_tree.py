"""Trees against a plain dict: lookups, listings, walks, differences, page sharing."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.catalog import Catalog, Conflict, SubdirName, Tree, TreeEntry, check_order
from vfs.catalog import builder as builder_module
from vfs.errors import FormatError
from vfs.types import Algorithm, Digest, Kind

Model = dict[bytes, TreeEntry]

# Few short names on purpose: '-' and '.' sort before '/', '0' right after it.
components = st.one_of(
    st.sampled_from([b"a", b"a-", b"a.b", b"a0", b"b", b"\xff", b"\x01", b"a b"]),
    st.binary(min_size=1, max_size=6).filter(lambda name: b"/" not in name),
)
paths = st.lists(components, min_size=1, max_size=4).map(b"/".join)
digests = st.builds(
    Digest,
    st.sampled_from(Algorithm),
    st.sampled_from([b"", b"\0", b"x" * 16, b"y\0" * 10, b"z" * 32]),
)
sizes = st.sampled_from([-1, 0, 1, 2**32, 2**63 - 1])
times = st.sampled_from([-(2**63), -1, 0, 1_700_000_000, 2**63 - 1])
kinds = st.sampled_from([Kind.FILE, Kind.EXECUTABLE, Kind.SYMLINK, Kind.BROKEN])


def entry(path: bytes, size: int = 1, kind: Kind = Kind.FILE) -> TreeEntry:
    return TreeEntry(path, kind, Digest(Algorithm.MD5, hashlib.md5(path).digest()), size, 7)


def without_conflicts(entries: Iterable[TreeEntry]) -> Model:
    """The model's own rule, written the slow and obvious way."""
    model: Model = {}
    for item in sorted(entries, key=lambda item: item.path):
        parents = item.path.split(b"/")[:-1]
        above = [b"/".join(parents[: n + 1]) for n in range(len(parents))]
        if item.path not in model and not any(path in model for path in above):
            model[item.path] = item
    return model


models = st.lists(st.builds(TreeEntry, paths, kinds, digests, sizes, times), max_size=60).map(
    without_conflicts
)


@pytest.fixture(autouse=True, scope="module")
def _small_pages() -> Iterable[None]:
    """Pages of 2 to 6 entries, so that small trees have many of them."""
    patch = pytest.MonkeyPatch()
    patch.setattr(builder_module, "MIN_ENTRIES", 2)
    patch.setattr(builder_module, "MAX_ENTRIES", 6)
    patch.setattr(builder_module, "CUT_MASK", 1)
    yield
    patch.undo()


def build(catalog: Catalog, model: Model) -> Tree:
    return catalog.build_tree([model[path] for path in sorted(model)], mtime=3)


def directories(model: Model) -> set[bytes]:
    found = {b""}
    for path in model:
        while b"/" in path:
            path = path.rpartition(b"/")[0]
            found.add(path)
    return found


def listed(model: Model, prefix: bytes) -> list[TreeEntry | SubdirName]:
    below = prefix + b"/" if prefix else b""
    children: dict[bytes, TreeEntry | SubdirName] = {}
    for path in sorted(model):
        if path.startswith(below):
            name, slash, _ = path[len(below) :].partition(b"/")
            children.setdefault(name, SubdirName(name) if slash else model[path])
    return list(children.values())


@given(models, st.lists(paths, max_size=10))
def test_lookup_and_walk_agree_with_a_dict(
    shared_catalog: Catalog, model: Model, others: list[bytes]
) -> None:
    tree = build(shared_catalog, model)
    assert list(tree.walk()) == [model[path] for path in sorted(model)]
    assert tree.count == len(model)
    for path in [*model, *others, *directories(model)]:
        assert tree.lookup(path) == model.get(path)
        assert tree.is_directory(path) == (path in directories(model))
    assert tree.mtime == 3


@given(models)
def test_every_directory_lists_walks_and_sums_like_the_dict(
    shared_catalog: Catalog, model: Model
) -> None:
    tree = build(shared_catalog, model)
    for prefix in directories(model) | {b"nowhere", b"a/nowhere"}:
        below = [
            model[path] for path in sorted(model) if not prefix or path.startswith(prefix + b"/")
        ]
        assert [child for child, _ in tree.children(prefix)] == listed(model, prefix)
        assert list(tree.walk(prefix)) == below
        total = sum(item.size for item in below if item.size > 0)
        assert tree.summary(prefix) == (len(below), min(total, 2**64 - 1))


@given(models, st.integers(0, 70))
def test_a_listing_resumes_from_every_cookie(
    shared_catalog: Catalog, model: Model, wild: int
) -> None:
    tree = build(shared_catalog, model)
    for prefix in directories(model):
        whole = list(tree.children(prefix))
        cookies = [cookie for _, cookie in whole]
        assert cookies == sorted(set(cookies))
        assert all(cookie > 0 for cookie in cookies)
        for number, cookie in enumerate(cookies):
            assert list(tree.children(prefix, cookie)) == whole[number + 1 :]
        # A cookie nobody gave out (another tree's) must neither fail nor leave the directory.
        for child, _ in tree.children(prefix, wild):
            assert child in [known for known, _ in whole]


@given(models, models, st.sampled_from([b"", b"a", b"a/a", b"b"]))
def test_difference_of_unrelated_trees(
    shared_catalog: Catalog, old: Model, new: Model, prefix: bytes
) -> None:
    check_difference(shared_catalog, old, new, prefix)


@given(models, st.data(), st.sampled_from([b"", b"a", b"b"]))
def test_difference_of_versions(
    shared_catalog: Catalog, old: Model, data: st.DataObject, prefix: bytes
) -> None:
    removed = data.draw(st.lists(st.sampled_from(sorted(old)), max_size=4)) if old else []
    touched = data.draw(st.lists(st.sampled_from(sorted(old)), max_size=4)) if old else []
    added = data.draw(st.lists(st.builds(entry, paths), max_size=4))
    changed = [old[path]._replace(mtime=99, digest=Digest(Algorithm.GIT, b"q")) for path in touched]
    kept = [old[path] for path in old if path not in removed and path not in touched]
    check_difference(shared_catalog, old, without_conflicts([*added, *kept, *changed]), prefix)


def check_difference(catalog: Catalog, old: Model, new: Model, prefix: bytes) -> None:
    left, right = build(catalog, old), build(catalog, new)
    below = prefix + b"/" if prefix else b""
    expected = [
        (path, old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if path.startswith(below) and old.get(path) != new.get(path)
    ]
    assert list(left.diff(right, prefix)) == expected
    before = {child[0].rpartition(b"/")[2]: child for child in listed(old, prefix)}
    after = {child[0].rpartition(b"/")[2]: child for child in listed(new, prefix)}
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    changed = list(left.changed_names(right, prefix))
    assert set(changed) == names
    assert len(changed) == len(names)


@given(st.lists(st.builds(entry, paths), max_size=40))
def test_check_order_keeps_what_the_slow_rule_keeps(entries: list[TreeEntry]) -> None:
    entries.sort(key=lambda item: item.path)
    conflicts: list[Conflict] = []
    kept = list(check_order(entries, conflicts.append))
    assert {item.path: item for item in kept} == without_conflicts(entries)
    assert len(kept) + len(conflicts) == len(entries)
    for conflict in conflicts:
        assert conflict.other in {item.path for item in kept} or conflict.other == conflict.path


def test_a_file_collides_with_a_directory_far_behind_it() -> None:
    entries = [entry(path) for path in (b"a", b"a!", b"a-b", b"a.txt", b"a/b", b"a/c", b"a0")]
    conflicts: list[Conflict] = []
    kept = [item.path for item in check_order(entries, conflicts.append)]
    assert kept == [b"a", b"a!", b"a-b", b"a.txt", b"a0"]
    assert conflicts == [
        Conflict(b"a/b", b"a", "below-a-file"),
        Conflict(b"a/c", b"a", "below-a-file"),
    ]


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        ([b"a", b"a"], "'a' is listed twice"),
        ([b"a", b"a-", b"a/b"], "'a/b' lies below 'a'"),
        ([b"b", b"a"], "'a' follows 'b'"),
        ([b""], "empty path"),
        ([b"/a"], "empty component"),
        ([b"a/"], "empty component"),
        ([b"a//b"], "empty component"),
        ([b"\xff", b"\xff"], r"\\xff"),
    ],
)
def test_build_refuses_and_names_the_paths(
    catalog: Catalog, listing: list[bytes], message: str
) -> None:
    with pytest.raises(FormatError) as caught:
        catalog.build_tree([entry(path) for path in listing], mtime=0)
    assert message in str(caught.value)


@pytest.mark.parametrize("size", [2**63, -(2**63) - 1])
def test_build_refuses_numbers_that_do_not_fit(catalog: Catalog, size: int) -> None:
    with pytest.raises(FormatError, match="out of range"):
        catalog.build_tree([entry(b"a", size)], mtime=0)
    with pytest.raises(FormatError, match="out of range"):
        catalog.build_tree([entry(b"a")._replace(mtime=size)], mtime=0)


def test_a_sum_beyond_64_bits_stays_at_the_largest(catalog: Catalog) -> None:
    tree = build(catalog, {p: entry(p, 2**63 - 1) for p in (b"a/1", b"a/2", b"a/3", b"b")})
    assert tree.total_size == 2**64 - 1
    assert tree.summary(b"a") == (3, 2**64 - 1)
    assert tree.summary(b"b") == (0, 0)


def test_the_empty_tree(catalog: Catalog) -> None:
    tree = build(catalog, {})
    assert (tree.count, tree.total_size, tree.summary()) == (0, 0, (0, 0))
    assert list(tree.walk()) == []
    assert list(tree.children()) == []
    assert tree.lookup(b"a") is None
    assert tree.is_directory(b"")
    assert not tree.is_directory(b"a")
    assert [change[0] for change in tree.diff(build(catalog, {b"a": entry(b"a")}))] == [b"a"]


def test_the_id_depends_on_the_entries_alone(catalog: Catalog, tmp_path: Path) -> None:
    entries = [entry(b"d/%04d" % n) for n in range(100)]
    first = catalog.build_tree(entries, mtime=1).tree_id
    assert catalog.build_tree(iter(entries), mtime=2).tree_id == first
    assert catalog.open_tree(first).mtime == 1, "the first time stays"
    other = Catalog.open(tmp_path / "other")
    assert other.build_tree(entries, mtime=5).tree_id == first
    other.close()
    assert catalog.build_tree([*entries, entry(b"e")], mtime=1).tree_id != first
