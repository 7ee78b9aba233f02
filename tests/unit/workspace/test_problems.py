"""What cannot be served is a problem on its own path, and everything else is served."""

import hashlib
import json
import os
import shutil
import struct
import zlib

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content, dvc_config
from vfs.config import Settings
from vfs.errors import ContentMismatch, FormatError
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.testing.sandbox import Sandbox
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot, pointers
from vfs.workspace.summary import CONTENTS_KEY, NAMES_KEY

GOOD = {"good/a": b"fine", "good/b/c": b"also fine"}


@pytest.fixture
def repository(sandbox: Sandbox) -> HandmadeRepository:
    return HandmadeRepository(sandbox, sandbox.root / "r")


def config(repository: HandmadeRepository) -> dict[str, bytes]:
    return dvc_config(repository.remote)


def problems(snapshot: Snapshot) -> dict[bytes, str]:
    return {problem.path: problem.code for problem in snapshot.problems}


def entry_at(snapshot: Snapshot, path: bytes) -> Entry:
    found = snapshot.resolve(path)
    assert isinstance(found, Entry), path
    return found


def good_pointer(repository: HandmadeRepository) -> dict[str, bytes]:
    oid, size, count = repository.put_directory({"a": b"fine", "b/c": b"also fine"})
    return {"good.dvc": pointer("good", oid, size, count), **config(repository)}


HOSTILE = {
    "not yaml": (b"outs: [", b"bad.dvc"),
    "a list": (b"- 1\n", b"bad.dvc"),
    "outside": (b"outs:\n- {md5: %s, path: ../../x}\n", b"bad.dvc"),
    "git directory": (b"outs:\n- {md5: %s, path: .git/hooks/x}\n", b"bad.dvc"),
    "dvc directory": (b"outs:\n- {md5: %s, path: .DVC/config.local}\n", b"bad.dvc"),
    "the root": (b"outs:\n- {md5: %s, path: .}\n", b"bad.dvc"),
    "absolute": (b"outs:\n- {md5: %s, path: /etc/passwd}\n", b"bad.dvc"),
    "bad hash": (b"outs:\n- {md5: nonsense, path: bad}\n", b"bad"),
    "no hash": (b"outs:\n- {path: bad}\n", b"bad"),
    "below a file": (b"outs:\n- {md5: %s, path: file/x}\n", b"file/x"),
    "below a link": (b"outs:\n- {md5: %s, path: link/x}\n", b"link/x"),
    "below a dangling link": (b"outs:\n- {md5: %s, path: dangling/x/y}\n", b"dangling/x/y"),
    "inside another": (b"outs:\n- {md5: %s, path: good/inner}\n", b"good/inner"),
    "missing": (
        b"outs:\n- {md5: 00000000000000000000000000000000, hash: md5, path: bad}\n",
        b"bad",
    ),
    "missing directory": (
        b"outs:\n- {md5: 00000000000000000000000000000000.dir, hash: md5, path: bad}\n",
        b"bad",
    ),
    "unknown remote": (
        b"outs:\n- path: bad\n  cloud: {gone: {version_id: v1}}\n  md5: %s\n",
        b"bad",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_one_bad_pointer_spoils_nothing_else(
    kind: str, repository: HandmadeRepository, opened: Open
) -> None:
    text, path = HOSTILE[kind]
    if b"%s" in text:
        text = text % repository.put(b"payload").encode()
    repository.commit_raw(
        {
            **good_pointer(repository),
            "bad.dvc": text,
            "file": b"f",
            "l:link": b"good",
            "l:dangling": b"/etc",
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert path in problems(snapshot), snapshot.problems
    assert all(problem.message for problem in snapshot.problems)
    for good, data in GOOD.items():
        assert content(workspace, snapshot, good.encode()) == data
    assert content(workspace, snapshot, b"file") == b"f"
    assert entry_at(snapshot, b"link").kind is Kind.SYMLINK
    for name, entry in snapshot.walk():
        if entry.kind is Kind.BROKEN:
            assert name == path
            assert entry.digest is None
            assert entry.problem
    assert {e.name for e, _ in snapshot.root.entries()} <= {
        *(b".dvc", b"good", b"good.dvc", b"bad.dvc", b"file", b"link", b"dangling", b"bad")
    }


def test_dvc_data_hides_what_git_has(repository: HandmadeRepository, opened: Open) -> None:
    """As `dvc checkout --force` leaves it (tried with DVC 3.67)."""
    oid, size, count = repository.put_directory({"a": b"dvc"})
    repository.commit_raw(
        {
            **config(repository),
            "f.dvc": pointer("f", repository.put(b"dvc file"), 8),
            "f": b"git file",
            "d.dvc": pointer("d", oid, size, count),
            "d/README": b"in git",
            "d/a": b"in git as well",
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert problems(snapshot) == {b"f": "tracked-twice", b"d": "tracked-twice"}
    assert snapshot.broken == ()
    assert content(workspace, snapshot, b"f") == b"dvc file"
    assert content(workspace, snapshot, b"d/a") == b"dvc"
    assert [p for p, _ in snapshot.walk(b"d")] == [b"d/a"]
    files = [e for _, e in snapshot.walk() if e.kind is not Kind.DIRECTORY]
    assert snapshot.totals == (sum(e.size for e in files), len(files))


def test_git_stays_where_dvc_cannot_serve(repository: HandmadeRepository, opened: Open) -> None:
    repository.commit_raw(
        {**config(repository), "f.dvc": pointer("f", "0" * 32 + ".dir", 8), "f": b"git file"}
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert [(p.path, p.code) for p in snapshot.broken] == [(b"f", "data-unavailable")]
    assert len(snapshot.problems) == 2
    assert content(workspace, snapshot, b"f") == b"git file"


def test_uncached_outs_are_gits(repository: HandmadeRepository, opened: Open) -> None:
    oid = repository.put(b"cached copy").encode()
    repository.commit_raw(
        {
            **config(repository),
            "m.dvc": b"outs:\n- {md5: %s, hash: md5, path: m, cache: false}\n" % oid,
            "m": b"in git",
            "n.dvc": b"outs:\n- {md5: %s, hash: md5, path: n, cache: false}\n" % oid,
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert content(workspace, snapshot, b"m") == b"in git"
    assert snapshot.root.lookup(b"n") is None


def test_two_pointers_for_one_path(repository: HandmadeRepository, opened: Open) -> None:
    one, two = repository.put(b"one"), repository.put(b"two")
    same = {"p/x.dvc": pointer("same", one, 3), "p/y.dvc": pointer("same", one, 3)}
    repository.commit_raw(
        {
            **good_pointer(repository),
            **same,
            "a.dvc": pointer("out", one, 3),
            "b.dvc": pointer("out", two, 3),
        }
    )
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert problems(snapshot) == {b"out": "overlapping-output", b"p/same": "overlapping-output"}
    assert [p.path for p in snapshot.broken] == [b"out"]
    assert entry_at(snapshot, b"out").kind is Kind.BROKEN
    assert content(workspace, snapshot, b"p/same") == b"one"


def test_a_listing_that_names_bad_paths(repository: HandmadeRepository, opened: Open) -> None:
    oid = repository.put(b"payload")
    bad = [
        "../x",
        "/abs",
        ".git/config",
        "a/../../b",
        "x//y",
        "",
        ".",
        "nul\0",
        "n" * 300,
        "sub/.git",
    ]
    rows = [{"md5": oid, "relpath": path} for path in bad]
    rows += [{"md5": oid, "relpath": "ok"}, {"md5": oid, "relpath": "ok/below"}]
    rows += [{"md5": oid, "relpath": "twice"}, {"md5": oid, "relpath": "twice"}]
    listing = repository.put_listing(rows)
    repository.commit_raw({**good_pointer(repository), "d.dvc": pointer("d", listing, 1)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert [p for p, _ in snapshot.walk(b"d")] == [b"d/ok", b"d/twice"]
    reported = [p.path for p in snapshot.problems]
    assert b"d/ok/below" in reported
    assert b"d/twice" in reported
    assert len(snapshot.problems) == len(bad) + 2
    assert content(workspace, snapshot, b"good/a") == b"fine"
    workspace.close()
    again = opened(repository.root).snapshot("main")
    assert again.problems == snapshot.problems


def test_an_unsorted_listing_is_served_sorted(repository: HandmadeRepository, opened: Open) -> None:
    rows = [{"relpath": f"{i % 7}/{i}", "md5": repository.put(b"%d" % i)} for i in range(50)]
    data = json.dumps(rows[::-1], indent=1).encode()
    name = md5(data) + ".dir"
    target = object_path(repository.remote, name)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)
    repository.commit_raw({**config(repository), "d.dvc": pointer("d", name, 1)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    for i in range(50):
        assert content(workspace, snapshot, b"d/%d/%d" % (i % 7, i)) == b"%d" % i


def test_a_damaged_listing_is_not_believed(repository: HandmadeRepository, opened: Open) -> None:
    oid, size, count = repository.put_directory({"a": b"1"})
    repository.commit_raw({**good_pointer(repository), "d.dvc": pointer("d", oid, size, count)})
    path = object_path(repository.remote, oid)
    path.write_bytes(path.read_bytes().replace(b'"a"', b'"b"'))
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    assert entry_at(snapshot, b"d").kind is Kind.BROKEN
    (problem,) = snapshot.problems
    assert "damaged" in problem.message
    assert content(workspace, snapshot, b"good/a") == b"fine"


def test_missing_objects_come_back(
    repository: HandmadeRepository, opened: Open, settings: Settings
) -> None:
    now = [1_000_000.0]
    oid, size, count = repository.put_directory({"a": b"1", "b": b"22", "c/d": b"333"})
    repository.commit_raw({**config(repository), "d.dvc": pointer("d", oid, size, count)})
    lost = object_path(repository.remote, md5(b"22"))
    lost.unlink()
    workspace = opened(repository.root, clock=lambda: now[0])
    snapshot = workspace.snapshot("main")
    assert problems(snapshot) == {b"d": "objects-missing"}
    assert "1 of 3" in snapshot.problems[0].message
    assert entry_at(snapshot, b"d/b").kind is Kind.BROKEN
    assert content(workspace, snapshot, b"d/c/d") == b"333"
    repository.put(b"22")
    assert problems(workspace.snapshot("main")) == {b"d": "objects-missing"}, "asked too soon"
    now[0] += 61
    healed = workspace.snapshot("main")
    assert healed.problems == ()
    assert content(workspace, healed, b"d/b") == b"22"
    assert healed.identity != snapshot.identity
    assert list(snapshot.root.subdirectory(b"d").changed(healed.root.subdirectory(b"d"))) == [b"b"]  # type: ignore[union-attr]


def test_a_listing_comes_back(repository: HandmadeRepository, opened: Open) -> None:
    oid, size, count = repository.put_directory({"a": b"1"})
    repository.commit_raw({**config(repository), "d.dvc": pointer("d", oid, size, count)})
    path = object_path(repository.remote, oid)
    data = path.read_bytes()
    path.unlink()
    workspace = opened(repository.root)
    broken = workspace.snapshot("main")
    assert problems(broken) == {b"d": "data-unavailable"}
    path.write_bytes(data)
    healed = workspace.snapshot("main")
    assert content(workspace, healed, b"d/a") == b"1"
    assert list(broken.root.changed(healed.root)) == [b"d"]


FACTS: dict[str, dict[str, bytes]] = {
    "tracked-twice": {"f": b"git file", "f.dvc": b"outs:\n- {md5: %s, hash: md5, path: f}\n"},
    "overlapping-output": {
        "f.dvc": b"outs:\n- {md5: %s, hash: md5, path: f}\n",
        "g.dvc": b"outs:\n- {md5: %s, hash: md5, path: f}\n",
        "h.dvc": b"outs:\n- {md5: %s, hash: md5, path: f/x}\n",
    },
    "bad-format": {
        "f.dvc": b"unknown: key\nouts:\n- {md5: %s, hash: md5, path: f}\n",
        "g.dvc": b"[1]\n",
    },
    "unsafe-path": {"f.dvc": b"outs:\n- {md5: %s, hash: md5, path: ../x}\n", "a/.GIT/config": b"x"},
    "below-a-file": {"f": b"git file", "f.dvc": b"outs:\n- {md5: %s, hash: md5, path: f/x}\n"},
    "not-committed": {"f.dvc": b"outs:\n- {path: f}\n"},
    "untrusted-option": {
        ".dvc/config": b"['remote \"r\"']\n    url = s3://b\n    credentialpath = creds\n"
    },
}


@pytest.mark.parametrize("code", FACTS)
def test_facts_of_a_commit_are_kept_with_its_snapshot(
    code: str, repository: HandmadeRepository, opened: Open
) -> None:
    """Nothing outside can mend them, so the snapshot is not built again; whoever opens the repository anew is told as well."""
    oid = repository.put(b"data").encode()
    files = {name: text.replace(b"%s", oid) for name, text in FACTS[code].items()}
    sound = good_pointer(repository)
    more = files.pop(".dvc/config", b"")
    repository.commit_raw({**sound, ".dvc/config": sound[".dvc/config"] + more, **files})
    workspace = opened(repository.root)
    first = workspace.snapshot("main")
    assert {problem.code for problem in first.problems} == {code}, first.problems
    assert not first.may_heal
    assert workspace.snapshot("main").root is first.root
    assert opened(repository.root).snapshot("main").problems == first.problems


def test_bad_names_in_a_listing_are_facts(repository: HandmadeRepository, opened: Open) -> None:
    """They are remembered with the listing, and read again by the next process."""
    stored = repository.put(b"fine")
    oid = repository.put_listing([{"md5": stored, "relpath": name} for name in ("../x", "a", "a")])
    repository.commit_raw({**config(repository), "d.dvc": pointer("d", oid, 8)})
    found = [opened(repository.root).snapshot("main") for _ in range(2)]
    assert len(found[0].problems) == 2
    assert found[0].problems == found[1].problems
    assert not any(snapshot.may_heal for snapshot in found)


def test_what_may_heal_is_looked_at_again(repository: HandmadeRepository, opened: Open) -> None:
    """Also when facts stand beside it."""
    oid, size, count = repository.put_directory({"a": b"1"})
    files = {"d.dvc": pointer("d", oid, size, count), "g.dvc": b"[1]\n"}
    repository.commit_raw({**config(repository), **files})
    path = object_path(repository.remote, oid)
    data = path.read_bytes()
    path.unlink()
    workspace = opened(repository.root)
    broken = workspace.snapshot("main")
    assert broken.may_heal
    assert {p.path for p in broken.problems if p.heals} == {b"d"}
    path.write_bytes(data)
    healed = workspace.snapshot("main")
    assert problems(healed) == {b"g.dvc": "bad-format"}
    assert workspace.snapshot("main").root is healed.root


def test_a_wrong_size_in_a_pointer(repository: HandmadeRepository, opened: Open) -> None:
    """It is believed until the bytes are asked for, and never for another pointer's file."""
    oid = repository.put(b"ten bytes.")
    repository.commit_raw({**config(repository), "f.dvc": pointer("f", oid, 3)})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = entry_at(snapshot, b"f")
    assert entry.size == 3
    assert entry.digest is not None
    assert workspace.session.catalog.facts(entry.digest) is None
    place = workspace.places(snapshot, entry, b"f")[-1]
    with pytest.raises(ContentMismatch, match="10 bytes, expected 3"):
        place.get(0, 3)
    repository.commit_raw({**config(repository), "f.dvc": pointer("f", oid, 10)})
    again = workspace.snapshot("main")
    assert content(workspace, again, b"f") == b"ten bytes."


def test_a_pointer_without_size_asks_the_remote(
    repository: HandmadeRepository, opened: Open
) -> None:
    oid = repository.put(b"ten bytes.").encode()
    text = b"outs:\n- {md5: %s, hash: md5, path: f}\n" % oid
    repository.commit_raw({**config(repository), "f.dvc": text})
    workspace = opened(repository.root)
    assert content(workspace, workspace.snapshot("main"), b"f") == b"ten bytes."


def test_an_object_that_was_cut_to_nothing(repository: HandmadeRepository, opened: Open) -> None:
    """In the remote or in the DVC cache: it breaks its path, says where it lies, and heals; it is nobody's size."""
    now = [1_000_000.0]
    oid, size, count = repository.put_directory({"a": b"one", "b": b"two", "e": b""})
    bare = b"outs:\n- {md5: %s, hash: md5, path: f}\n" % md5(b"one").encode()
    zero = pointer("z", md5(b"one"), 0)
    pointers = {"d.dvc": pointer("d", oid, size, count), "f.dvc": bare, "z.dvc": zero}
    repository.commit_raw({**config(repository), **pointers, "t.dvc": pointer("t", md5(b"two"), 3)})
    for data in (b"one", b"two"):
        object_path(repository.remote, md5(data)).write_bytes(b"")
    cached = object_path(repository.root / ".dvc" / "cache", md5(b"two"))
    cached.parent.mkdir(parents=True)
    cached.touch()
    workspace = opened(repository.root, clock=lambda: now[0])
    snapshot = workspace.snapshot("main")
    for path in (b"d/a", b"d/b", b"f", b"z"):
        assert entry_at(snapshot, path).kind is Kind.BROKEN
    assert entry_at(snapshot, b"t").size == 3, "the pointer says it"
    assert entry_at(snapshot, b"d/e").size == 0
    said = "\n".join(problem.message for problem in snapshot.problems)
    assert f"store ({repository.remote}): the object files/md5/{md5(b'one')[:2]}" in said
    assert snapshot.may_heal
    object_path(repository.remote, md5(b"one")).write_bytes(b"one")
    cached.write_bytes(b"two")
    now[0] += 61
    healed = workspace.snapshot("main")
    assert healed.problems == ()
    for path, data in ((b"d/a", b"one"), (b"d/b", b"two"), (b"f", b"one"), (b"z", b"one")):
        assert content(workspace, healed, path) == data


def test_an_lfs_pointer_that_says_empty_of_what_is_not(
    repository: HandmadeRepository, opened: Open
) -> None:
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 0\n" % (b"ab" * 32)
    repository.commit_raw({".gitattributes": b"f filter=lfs\n", "f": text})
    snapshot = opened(repository.root).snapshot("main")
    assert problems(snapshot) == {b"f": "bad-format"}
    assert entry_at(snapshot, b"f").size == len(text), "Git's own file"


def test_a_size_of_another_repository_is_asked_for_anew_once_it_was_met_to_be_wrong(
    repository: HandmadeRepository, opened: Open, sandbox: Sandbox
) -> None:
    """A cut object lies on the remote of one repository; another has the whole, under its pointers and its listings."""
    oid, size, count = repository.put_directory({"a": b"the content"})
    honest = {
        "d.dvc": pointer("d", oid, size, count),
        "f.dvc": pointer("f", md5(b"the content"), 11),
    }
    repository.commit_raw({**config(repository), **honest})
    stranger = HandmadeRepository(sandbox, sandbox.root / "stranger")
    listing, size, count = stranger.put_directory({"x": b"the content"})
    stranger.commit_raw({**config(stranger), "d.dvc": pointer("d", listing, size, count)})
    object_path(stranger.remote, md5(b"the content")).write_bytes(b"cut")
    assert entry_at(opened(stranger.root).snapshot("main"), b"d/x").size == 3
    workspace = opened(repository.root)
    first = workspace.snapshot("main")
    assert content(workspace, first, b"f") == b"the content"
    poisoned = entry_at(first, b"d/a")
    place = workspace.places(first, poisoned, b"d/a")[-1]
    with pytest.raises(ContentMismatch, match="11 bytes, expected 3"):
        place.get(0, 3)
    assert content(workspace, workspace.snapshot("main"), b"d/a") == b"the content"


def test_cache_files_must_be_plain_and_whole(
    repository: HandmadeRepository, opened: Open, sandbox: Sandbox
) -> None:
    data = b"the content"
    repository.commit(files={"f": data})
    workspace = opened(repository.root)
    snapshot = workspace.snapshot("main")
    entry = entry_at(snapshot, b"f")
    assert entry.digest is not None
    blob = Blob(entry.digest, entry.size)
    cached = object_path(repository.root / ".dvc" / "cache", md5(data))
    cached.parent.mkdir(parents=True)
    secret = sandbox.root / "secret"
    secret.write_bytes(b"x" * len(data))

    def first_file() -> bytes | None:
        place = workspace.places_of(snapshot.origins[entry.origin], blob)[0]
        assert place.local
        descriptor = place.open_file()
        if descriptor is None:
            return None
        with open(descriptor, "rb") as file:
            return file.read()

    assert first_file() is None
    cached.symlink_to(secret)
    assert first_file() is None
    cached.unlink()
    cached.write_bytes(b"short")
    assert first_file() is None
    assert content(workspace, snapshot, b"f") == data
    cached.unlink()
    cached.mkdir()
    assert first_file() is None
    cached.rmdir()
    os.mkfifo(cached)
    assert first_file() is None
    cached.unlink()
    cached.write_bytes(data)
    assert first_file() == data


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
