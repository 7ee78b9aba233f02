"""What cannot be served is a problem on its own path, and everything else is served."""

import json

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.hostile import GOOD, config, entry_at, good_pointer, problems
from tests.unit.workspace.reading import content
from vfs.config import Settings
from vfs.testing.handmade import HandmadeRepository, md5, object_path, pointer
from vfs.types import Kind

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
