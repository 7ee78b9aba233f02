"""Trees of Git that no checkout could make, and a catalog that lost or has damaged what it knew."""

import hashlib
import shutil
import struct
import zlib

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.hostile import config, entry_at, problems
from tests.unit.workspace.reading import content
from vfs.config import Settings
from vfs.errors import FormatError
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.types import Kind
from vfs.workspace import pointers
from vfs.workspace.summary import CONTENTS_KEY, NAMES_KEY


def raw_tree(repository: HandmadeRepository, items: list[tuple[bytes, bytes, str]]) -> str:
    """Write a tree object Git itself would refuse to make."""
    data = b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in items)
    arguments = ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    return repository.sandbox.git(repository.root, *arguments, stdin=data).decode()


def commit_tree(repository: HandmadeRepository, tree: str) -> str:
    return repository.sandbox.git(repository.root, "commit-tree", "-m", "x", tree).decode()


def blob(repository: HandmadeRepository, data: bytes) -> str:
    return repository.sandbox.git(
        repository.root, "hash-object", "-w", "--stdin", stdin=data
    ).decode()


def test_names_no_kernel_may_see(repository: HandmadeRepository, opened: Open) -> None:
    fine = blob(repository, b"fine")
    names = [b"..", b".", b".git", b".GIT", b"a/b", b"git~1", b"n" * 300]
    inner = raw_tree(repository, [(b"100644", b"inside", fine)])
    items = [(b"100644", name, fine) for name in names]
    items += [(b"40000", b".git", inner), (b"100644", b"ok", fine), (b"100644", b"ok", fine)]
    items += [(b"777", b"odd-mode", fine), (b"40000", b"sub", inner)]
    snapshot = opened(repository.root).snapshot(
        commit_tree(repository, raw_tree(repository, items))
    )
    assert [path for path, _ in snapshot.walk()] == [b"ok", b"sub", b"sub/inside"]
    for name in [*names, b"odd-mode"]:
        assert snapshot.root.lookup(name) is None
        assert snapshot.root.subdirectory(name) is None
    assert b".git" in problems(snapshot)
    assert b"odd-mode" in problems(snapshot)


def test_a_git_bomb_is_cheap(repository: HandmadeRepository, opened: Open) -> None:
    oid = blob(repository, b"x")
    tree = raw_tree(repository, [(b"100644", b"f%d" % i, oid) for i in range(10)])
    for _ in range(12):
        tree = raw_tree(repository, [(b"40000", b"d%d" % i, tree) for i in range(10)])
    snapshot = opened(repository.root).snapshot(commit_tree(repository, tree))
    assert snapshot.problems == ()
    assert snapshot.totals.files == 10**13


def test_a_pointer_in_a_git_bomb(
    repository: HandmadeRepository, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointers, "MAX_POINTERS", 1000)
    oid = blob(repository, pointer("x", "0" * 32, 1))
    tree = raw_tree(repository, [(b"100644", b"x.dvc", oid)])
    for _ in range(12):
        tree = raw_tree(repository, [(b"40000", b"d%d" % i, tree) for i in range(10)])
    with pytest.raises(FormatError, match="more than 1000 pointers"):
        opened(repository.root).snapshot(commit_tree(repository, tree))


def test_very_deep_trees(repository: HandmadeRepository, opened: Open) -> None:
    tree = raw_tree(repository, [(b"100644", b"x.dvc", blob(repository, b"outs: []\n"))])
    raw = []
    for _ in range(3000):  # loose objects written directly: 3000 git processes would take minutes
        data = b"40000 d\0" + bytes.fromhex(tree)
        full = b"tree %d\0" % len(data) + data
        tree = hashlib.sha1(full).hexdigest()
        raw.append((tree, full))
    for name, full in raw:
        path = repository.root / ".git" / "objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(full, 1))
    snapshot = opened(repository.root).snapshot(commit_tree(repository, tree))
    assert snapshot.totals.files == 1
    assert sum(1 for _ in snapshot.walk()) == 3001


def test_missing_git_objects_break_one_file(repository: HandmadeRepository, opened: Open) -> None:
    """A damaged repository: one file cannot be served, until the object is there again."""
    fine, gone = blob(repository, b"fine"), "ec948988351ad9c0b86c2c5d9596ccdc12305f0d"
    inner = raw_tree(repository, [(b"100644", b"fine", fine), (b"100644", b"gone", gone)])
    commit = commit_tree(repository, raw_tree(repository, [(b"40000", b"sub", inner)]))
    workspace = opened(repository.root)
    snapshot = workspace.snapshot(commit)
    assert problems(snapshot) == {b"sub/gone": "git-object-missing"}
    assert entry_at(snapshot, b"sub/gone").kind is Kind.BROKEN
    assert content(workspace, snapshot, b"sub/fine") == b"fine"
    assert problems(workspace.snapshot(commit)) == problems(snapshot)
    assert blob(repository, b"lost and found") == gone
    healed = workspace.snapshot(commit)
    assert healed.problems == ()
    assert content(workspace, healed, b"sub/gone") == b"lost and found"


def test_a_catalog_lost_under_a_snapshot(
    repository: HandmadeRepository, opened: Open, settings: Settings
) -> None:
    repository.commit(plain={"a": b"1"}, directories={"d": {"x": b"1"}})
    workspace = opened(repository.root)
    before = {p: e._replace(mtime=0) for p, e in workspace.snapshot("main").walk()}
    workspace.close()
    shutil.rmtree(settings.cache_dir)
    after = opened(repository.root).snapshot("main")
    assert {p: e._replace(mtime=0) for p, e in after.walk()} == before


def test_damage_met_by_a_build_is_built_over(repository: HandmadeRepository, opened: Open) -> None:
    """Building reads the file lists of incomplete directories; every record of them is wrong."""
    blobs = config(repository)
    for name in ("d", "e"):
        files = {f"{n}": b"%s %d" % (name.encode(), n) for n in range(3000)}
        oid, size, count = repository.put_directory(files)
        blobs[f"{name}.dvc"] = pointer(name, oid, size, count)
        object_path(repository.remote, md5(b"%s 22" % name.encode())).unlink()
    repository.commit_raw(blobs)
    workspace = opened(repository.root)
    before = list(workspace.snapshot("main").walk())
    workspace.close()
    workspace = opened(repository.root)
    storage = workspace.session.catalog._storage
    pages = [(key, b"wrong") for key, _ in storage.all("pages")]
    assert len(pages) > 4
    storage.put("pages", pages, replace=True)
    snapshot = workspace.snapshot("main")
    assert problems(snapshot) == {b"d": "objects-missing", b"e": "objects-missing"}
    assert list(snapshot.walk()) == before


def test_damaged_notes_are_made_anew(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit(plain={"a": b"1", "s/b": b"2"}, directories={"d": {"x": b"1"}})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    before = list(snapshot.walk())
    for key in (CONTENTS_KEY, NAMES_KEY):
        workspace.session.catalog.remember(key + snapshot.tree, struct.pack("<B", 255))
    workspace.close()
    assert list(opened(repository.root).snapshot("main").walk()) == before
