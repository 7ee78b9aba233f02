"""Snapshots of handmade repositories: identities, times, listings, what changed."""

import itertools
import shutil
import threading
from collections.abc import Iterator

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content
from vfs.catalog import Catalog, Tree
from vfs.errors import UnknownPath, UnknownRevision
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Entry, Kind
from vfs.workspace import Directory, Snapshot
from vfs.workspace.directory import _reordered
from vfs.workspace.workspace import WORKTREE

DATA = {"a/1": b"one", "a/2": b"two", "b": b"three", "a-b": b"dash", "z/deep/er/x": b"x" * 100}


@pytest.fixture
def repository(sandbox: Sandbox) -> HandmadeRepository:
    return HandmadeRepository(sandbox, sandbox.root / "r")


def names(directory: Directory, cookie: int = 0) -> list[bytes]:
    return [entry.name for entry, _ in directory.entries(cookie)]


def test_git_and_grafts_are_one_tree(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit(
        plain={"readme": b"hi", "x:tool": b"#!", "l:link": b"readme", "sub/in-git": b"1"},
        files={"sub/model.bin": b"weights", "only/grafts/here.bin": b"h"},
        directories={"data": DATA, "sub/set": {"f": b"f"}},
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    found = {path: entry for path, entry in snapshot.walk() if entry.kind is not Kind.DIRECTORY}
    assert found[b"tool"].kind is Kind.EXECUTABLE
    assert found[b"link"].kind is Kind.SYMLINK
    assert found[b"link"].size == len("readme")
    assert content(workspace, snapshot, b"link") == b"readme"
    assert content(workspace, snapshot, b"sub/in-git") == b"1"
    assert content(workspace, snapshot, b"sub/model.bin") == b"weights"
    assert content(workspace, snapshot, b"only/grafts/here.bin") == b"h"
    assert content(workspace, snapshot, b"sub/set/f") == b"f"
    for path, data in DATA.items():
        assert content(workspace, snapshot, b"data/" + path.encode()) == data
    assert snapshot.totals.files == len(found)
    assert snapshot.totals.size == sum(entry.size for entry in found.values())


def test_lookup_agrees_with_listing(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit(
        plain={"readme": b"hi", "sub/x": b"1"}, files={"sub/m": b"w"}, directories={"data": DATA}
    )
    snapshot = opened(repository.root).snapshot("main")
    stack = [snapshot.root]
    seen = 0
    while stack:
        directory = stack.pop()
        for entry, _ in directory.entries():
            seen += 1
            assert directory.lookup(entry.name) == entry
            below = directory.subdirectory(entry.name)
            assert (below is not None) == (entry.kind is Kind.DIRECTORY)
            if below is not None:
                assert below.mtime == entry.mtime
                stack.append(below)
        for name in (b"", b".", b"..", b"nothing", b"a/1", b"sub/x", b"\0", b".git"):
            assert directory.lookup(name) is None
            assert directory.subdirectory(name) is None
    assert seen > 15


def test_cookies_resume_anywhere(repository: HandmadeRepository, opened: Open) -> None:
    many = {f"plain/{i:04d}": b"%d" % i for i in range(700)}
    repository.commit(
        plain=many,
        files={f"plain/{i:04d}.bin": b"g%d" % i for i in range(30)},
        directories={"data": {f"{i % 9}/{i}": b"%d" % i for i in range(900)} | {"top": b"t"}},
    )
    snapshot = opened(repository.root).snapshot("main")
    for path in (b"", b"plain", b"data", b"data/3"):
        directory = snapshot.resolve(path)
        assert isinstance(directory, Directory)
        pairs = list(directory.entries())
        assert len({cookie for _, cookie in pairs}) == len(pairs)
        for index in itertools.chain(range(0, len(pairs), 97), [len(pairs) - 1]):
            rest = list(directory.entries(pairs[index][1]))
            assert rest == pairs[index + 1 :]
        assert list(directory.entries(10**9)) == []
        assert names(directory, -5) == names(directory)


def test_walk_goes_by_name_whatever_a_name_comes_from(
    repository: HandmadeRepository, opened: Open
) -> None:
    inside = {"a/1": b"1", "a-b": b"2", "a.txt": b"3", "a.d/x": b"4", "ab": b"5", "a/1.b/c": b"6"}
    repository.commit(
        plain={"data.txt": b"x", "m/git": b"1", "m.txt": b"2"},
        files={"m/bin": b"w", "a.bin": b"w"},
        directories={"data": inside | {"a-b+c": b"7"}},
    )
    snapshot = opened(repository.root).snapshot("main")
    for directory in (snapshot.root, snapshot.resolve(b"data"), snapshot.resolve(b"m")):
        assert isinstance(directory, Directory)
        assert [e.name for e in directory.by_name()] == sorted(names(directory))
    paths = [path for path, _ in snapshot.walk()]
    assert paths == sorted(paths, key=lambda path: path.split(b"/"))
    assert {b"data/a.d/x", b"data/a/1.b/c", b"m/bin", b"m/git"} <= set(paths)


def test_names_are_listed_while_they_come() -> None:
    """Only what a subdirectory may still have to precede is held back, not the whole directory."""
    taken = 0

    def entries() -> Iterator[Entry]:
        nonlocal taken
        for taken in range(1000):
            yield Entry(b"%04d.jpg" % taken, Kind.FILE)

    for number, entry in enumerate(_reordered(entries())):
        assert entry.name == b"%04d.jpg" % number
        assert taken - number <= 1


def test_identity_changes_only_on_the_way_to_a_change(
    repository: HandmadeRepository, opened: Open
) -> None:
    files = {"sub/m": b"w", "other/m": b"o"}
    repository.commit(plain={"p/q/r": b"1"}, files=files, directories={"data": DATA}, tag="v1")
    repository.commit(
        plain={"p/q/r": b"1"},
        files={**files, "sub/m": b"new"},
        directories={"data": DATA},
        tag="v2",
    )
    workspace = opened(repository.root)
    one, two = workspace.snapshot("v1"), workspace.snapshot("v2")
    assert one.identity != two.identity
    assert identity(one, b"sub") != identity(two, b"sub")
    for path in (b"p", b"p/q", b"other", b"data", b"data/a"):
        assert identity(one, path) == identity(two, path)
    assert sorted(one.root.changed(two.root)) == []
    assert sorted(directory(one, b"sub").changed(directory(two, b"sub"))) == [b"m", b"m.dvc"]
    assert [c[0] for c in one.diff(two)] == [b"sub/m", b"sub/m.dvc"]
    assert list(one.diff(one)) == []


def identity(snapshot: Snapshot, path: bytes) -> bytes:
    return directory(snapshot, path).identity


def directory(snapshot: Snapshot, path: bytes) -> Directory:
    found = snapshot.resolve(path)
    assert isinstance(found, Directory)
    return found


def test_changed_names_between_every_pair_of_kinds(
    repository: HandmadeRepository, opened: Open
) -> None:
    """`changed` says exactly the names whose entries differ, whatever the two sides are made of."""
    repository.commit(plain={"a": b"1", "d/x": b"1", "l:s": b"a"}, tag="v1")
    repository.commit(plain={"x:a": b"1", "d/x": b"2", "s/t": b"1"}, tag="v2")
    repository.commit(
        files={"a": b"1", "s": b"s"}, directories={"d": {"x": b"1", "y": b"2"}}, tag="v3"
    )
    repository.commit(directories={"a": {"b": b"1"}, "d": {"x": b"1", "y": b"3"}}, tag="v4")
    repository.commit(plain={"other": b""}, tag="v5")
    workspace = opened(repository.root)
    snapshots = [workspace.snapshot(f"v{n}") for n in range(1, 6)]
    for old, new in itertools.product(snapshots, snapshots):
        for path in (b"", b"d", b"a", b"s"):
            before, after = _maybe(old, path), _maybe(new, path)
            if before is not None:
                assert set(before.changed(after)) == _expected(before, after), (
                    old.rev,
                    new.rev,
                    path,
                )
        changed = {p: (b, a) for p, b, a in old.diff(new)}
        assert changed == _expected_diff(old, new), (old.rev, new.rev)


def _maybe(snapshot: Snapshot, path: bytes) -> Directory | None:
    try:
        found = snapshot.resolve(path)
    except UnknownPath:
        return None
    return found if isinstance(found, Directory) else None


def _expected(before: Directory, after: Directory | None) -> set[bytes]:
    mine = {e.name: _key(e) for e, _ in before.entries()}
    theirs = {e.name: _key(e) for e, _ in after.entries()} if after is not None else {}
    return {n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n)}


def _key(entry: Entry) -> tuple[object, ...]:
    return (entry.kind, entry.digest, entry.size, entry.problem)


def _expected_diff(old: Snapshot, new: Snapshot) -> dict[bytes, tuple[Entry | None, Entry | None]]:
    mine = {p: e for p, e in old.walk() if e.kind is not Kind.DIRECTORY}
    theirs = {p: e for p, e in new.walk() if e.kind is not Kind.DIRECTORY}
    return {
        p: (mine.get(p), theirs.get(p))
        for p in mine.keys() | theirs.keys()
        if p not in mine or p not in theirs or _key(mine[p]) != _key(theirs[p])
    }


def test_times_are_those_of_the_first_commit_met(
    repository: HandmadeRepository, opened: Open
) -> None:
    repository.commit(plain={"p": b"1"}, files={"m": b"w"}, directories={"data": DATA}, tag="v1")
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("v1")
    times = {path: entry.mtime for path, entry in snapshot.walk()}
    assert set(times.values()) == {snapshot.time}
    repository.sandbox.environ["GIT_COMMITTER_DATE"] = "2030-01-01T00:00:00Z"
    later = repository.sandbox.git(
        repository.root, "commit-tree", "-m", "later", "v1^{tree}"
    ).decode()
    again = workspace.snapshot(later)
    assert again.time > snapshot.time
    assert {path: entry.mtime for path, entry in again.walk()} == times
    workspace.close()
    fresh = opened(repository.root).snapshot(later)
    assert {path: entry.mtime for path, entry in fresh.walk()} == times


def test_times_stay_when_a_cache_learns_the_size(
    repository: HandmadeRepository, opened: Open
) -> None:
    """The pointer's size is no fact; the file that `dvc pull` puts into the cache is one."""
    repository.commit(files={"m": b"w"}, tag="v1")
    workspace = opened(repository.root)
    before = workspace.snapshot("v1").resolve(b"m")
    workspace.close()
    shutil.copytree(repository.remote / "files", repository.root / ".dvc/cache/files")
    repository.sandbox.environ["GIT_COMMITTER_DATE"] = "2030-01-01T00:00:00Z"
    later = repository.sandbox.git(
        repository.root, "commit-tree", "-m", "later", "v1^{tree}"
    ).decode()
    assert opened(repository.root).snapshot(later).resolve(b"m") == before


def test_known_snapshots_need_neither_remote_nor_objects(
    repository: HandmadeRepository, opened: Open
) -> None:
    repository.commit(files={"m": b"w"}, directories={"data": DATA}, tag="v1")
    workspace = opened(repository.root)
    before = list(workspace.snapshot("v1").walk())
    workspace.close()
    repository.lose_remote()
    snapshot = opened(repository.root).snapshot("v1")
    assert list(snapshot.walk()) == before
    assert snapshot.problems == ()


def test_snapshots_of_equal_trees_share_their_root(
    repository: HandmadeRepository, opened: Open
) -> None:
    repository.commit(plain={"a": b"1"}, tag="v1")
    repository.sandbox.git(repository.root, "tag", "again", "v1")
    workspace = opened(repository.root)
    one, two = workspace.snapshot("v1"), workspace.snapshot("again")
    assert one.root is two.root
    assert (one.rev, two.rev) == ("v1", "again")
    assert one.commit == two.commit == repository.head


def test_many_threads_build_each_listing_once(
    repository: HandmadeRepository, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(directories={"data": DATA, "more": {"x": b"1"}}, tag="v1")
    built: list[int] = []
    original = Catalog.build_tree

    def counting(self: Catalog, *args: object, **named: object) -> Tree:
        built.append(1)
        return original(self, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Catalog, "build_tree", counting)
    workspace = opened(repository.root)
    results: list[Snapshot] = []
    threads = [
        threading.Thread(target=lambda: results.append(workspace.snapshot("v1"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 6
    assert len({id(snapshot.root) for snapshot in results}) == 1
    assert len(built) == 2


def test_errors_are_ours(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit(plain={"a": b"1"}, directories={"data": DATA})
    workspace = opened(repository.root)
    with pytest.raises(UnknownRevision):
        workspace.snapshot("no-such-branch")
    with pytest.raises(UnknownRevision):
        workspace.snapshot("--help")
    snapshot = workspace.snapshot("main")
    for path in (b"nothing", b"a/b", b"data/a/1/x", b"data//b"):
        with pytest.raises(UnknownPath):
            snapshot.resolve(path)
        assert list(snapshot.walk(path)) == []
    entry = snapshot.resolve(b"data/b")
    assert isinstance(entry, Entry)
    assert list(snapshot.walk(b"data/b")) == [(b"data/b", entry)]
    folder = snapshot.root.lookup(b"data")
    assert folder is not None
    with pytest.raises(UnknownPath):
        workspace.places(snapshot, folder, b"data")


def test_worktree_shows_what_lies_there(sandbox: Sandbox, opened: Open) -> None:
    repository = HandmadeRepository(sandbox, sandbox.root / "r")
    repository.commit(plain={"a": b"1", "b": b"2"}, files={"m": b"w"})
    sandbox.git(repository.root, "checkout", "-q", "-f", "main")
    workspace = opened(repository.root, clock=lambda: 2_000_000_000.5)
    assert workspace.snapshot(WORKTREE).identity == workspace.snapshot("main").identity
    (repository.root / "a").write_bytes(b"edited")
    (repository.root / "b").unlink()
    (repository.root / "n.dvc").write_bytes(
        b"outs:\n- md5: %b\n  size: 3\n  hash: md5\n  path: n\n" % repository.put(b"new").encode()
    )
    snapshot = workspace.snapshot(WORKTREE)
    assert snapshot.commit is None
    assert snapshot.time == 2_000_000_000
    assert content(workspace, snapshot, b"a") == b"edited"
    assert content(workspace, snapshot, b"n") == b"new"
    assert content(workspace, snapshot, b"m") == b"w"
    assert snapshot.root.lookup(b"b") is None
    edited = snapshot.root.lookup(b"a")
    assert edited is not None
    assert edited.mtime == 2_000_000_000
    assert edited.digest is not None
    assert edited.digest.algorithm is Algorithm.GIT
