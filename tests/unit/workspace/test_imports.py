"""Data that belongs elsewhere: other repositories, URLs, version-aware remotes."""

import contextlib
import hashlib
import json
import shutil
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content, dvc_config
from vfs.config import Settings
from vfs.errors import DataUnavailable, ObjectMissing, UnknownPath
from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Entry, Kind
from vfs.workspace import Snapshot, Workspace

DATA = {"a/1": b"one", "a/sub/2": b"two", "b": b"three"}


@pytest.fixture
def source(sandbox: Sandbox) -> HandmadeRepository:
    repository = HandmadeRepository(sandbox, sandbox.root / "source")
    repository.commit(
        plain={"plain/x": b"in git", "x:plain/run": b"#!"},
        files={"model.bin": b"weights"},
        directories={"data": DATA},
        tag="s1",
    )
    return repository


@pytest.fixture
def importer(sandbox: Sandbox) -> HandmadeRepository:
    return HandmadeRepository(sandbox, sandbox.root / "importer")


def imported(
    out: str, url: str, rev: str, path: str, *, hash_line: str = "hash: md5", extra: str = ""
) -> bytes:
    """An import's pointer, as `dvc import` writes it (with `--no-download` by default)."""
    lock = f"    rev_lock: {rev}\n" if rev else ""
    return (
        f"frozen: true\ndeps:\n- path: {path}\n  repo:\n    url: {url}\n{lock}{extra}"
        f"outs:\n- {hash_line}\n  path: {out}\n"
    ).encode()


def config(repository: HandmadeRepository) -> dict[str, bytes]:
    return dvc_config(repository.remote)


def files(workspace: Workspace, snapshot: Snapshot, prefix: bytes) -> dict[bytes, bytes]:
    return {
        path[len(prefix) :].lstrip(b"/"): content(workspace, snapshot, path)
        for path, entry in snapshot.walk(prefix)
        if entry.kind is not Kind.DIRECTORY
    }


def entry_at(snapshot: Snapshot, path: bytes) -> Entry:
    found = snapshot.resolve(path)
    assert isinstance(found, Entry), path
    return found


@pytest.mark.parametrize("url", ["../source", "{root}", "file://{root}"])
def test_everything_a_source_can_have(
    url: str, source: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    url = url.format(root=source.root)
    wanted = {"whole": "data", "part": "data/a", "one": "data/a/sub/2", "model": "model.bin"}
    wanted |= {"plain": "plain", "note": "plain/x"}
    pointers = {
        f"deep/{out}.dvc": imported(out, url, source.head, path) for out, path in wanted.items()
    }
    importer.commit_raw({**config(importer), **pointers})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert files(workspace, snapshot, b"deep/whole") == {k.encode(): v for k, v in DATA.items()}
    assert files(workspace, snapshot, b"deep/part") == {b"1": b"one", b"sub/2": b"two"}
    assert content(workspace, snapshot, b"deep/one") == b"two"
    assert content(workspace, snapshot, b"deep/model") == b"weights"
    assert files(workspace, snapshot, b"deep/plain") == {b"x": b"in git", b"run": b"#!"}
    assert content(workspace, snapshot, b"deep/note") == b"in git"


def test_an_import_is_pinned(
    source: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    first = source.head
    source.commit(files={"model.bin": b"second"})
    pointers = {
        "old.dvc": imported("old", "../source", first, "model.bin"),
        "new.dvc": imported("new", "../source", "", "model.bin"),
    }
    importer.commit_raw({**config(importer), **pointers})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert content(workspace, snapshot, b"old") == b"weights"
    assert content(workspace, snapshot, b"new") == b"second"


def test_chained_imports(
    source: HandmadeRepository, importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    middle = HandmadeRepository(sandbox, sandbox.root / "middle")
    middle.commit_raw(
        {**config(middle), "got/data.dvc": imported("data", "../source", source.head, "data")}
    )
    importer.commit_raw(
        {**config(importer), "d.dvc": imported("d", "../middle", middle.head, "got/data/a")}
    )
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert files(workspace, snapshot, b"d") == {b"1": b"one", b"sub/2": b"two"}


def test_imports_in_a_circle_end(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    other = HandmadeRepository(sandbox, sandbox.root / "other")
    other.commit_raw({**config(other), "x.dvc": imported("x", "../importer", "", "x")})
    importer.commit_raw(
        {**config(importer), "x.dvc": imported("x", "../other", "", "x"), "fine": b"fine"}
    )
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert [problem.path for problem in snapshot.problems] == [b"x"]
    assert entry_at(snapshot, b"x").kind is Kind.BROKEN
    assert content(workspace, snapshot, b"fine") == b"fine"


def test_circles_met_by_several_threads_end(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    """Two outs lead into one circle from its two ends, at the same time."""
    ends = [HandmadeRepository(sandbox, sandbox.root / name) for name in ("left", "right")]
    ends[0].commit_raw({**config(ends[0]), "x.dvc": imported("x", "../right", "", "x")})
    ends[1].commit_raw({**config(ends[1]), "x.dvc": imported("x", "../left", "", "x")})
    pointers = {
        f"{i}.dvc": imported(f"{i}", f"../{('left', 'right')[i % 2]}", "", "x") for i in range(16)
    }
    importer.commit_raw({**config(importer), **pointers})
    snapshot = opened(importer.root).snapshot("main")
    assert len(snapshot.problems) == 16


@pytest.mark.parametrize(
    ("url", "rev", "path"),
    [
        ("../nowhere", "", "data"),
        ("../source", "0" * 40, "data"),
        ("../source", "", "no/such/path"),
        ("ext::sh -c 'touch hacked'", "", "data"),
        ("--upload-pack=touch hacked", "", "data"),
        ("https://127.0.0.1:1/x.git", "", "data"),
    ],
)
def test_a_source_that_cannot_be_had(
    url: str,
    rev: str,
    path: str,
    source: HandmadeRepository,
    importer: HandmadeRepository,
    opened: Open,
) -> None:
    importer.commit_raw(
        {**config(importer), "x.dvc": imported("x", f"'{url}'".replace("''", "'"), rev, path)}
        if "'" not in url
        else {**config(importer), "x.dvc": imported("x", f'"{url}"', rev, path)}
    )
    snapshot = opened(importer.root).snapshot("main")
    (problem,) = snapshot.problems
    assert problem.path == b"x"
    assert problem.message
    assert entry_at(snapshot, b"x").kind is Kind.BROKEN
    assert not list(Path.cwd().glob("hacked"))


def test_own_cache_first_then_the_source(
    source: HandmadeRepository, importer: HandmadeRepository, opened: Open, settings: Settings
) -> None:
    """What `dvc pull` put into the cache needs no source; what it lost comes from there."""
    listing, _, _ = source.put_directory(DATA)
    model = md5(b"weights")
    importer.commit_raw(
        {
            **config(importer),
            "d.dvc": imported(
                "d", "../source", source.head, "data", hash_line=f"md5: {listing}\n  hash: md5"
            ),
            "m.dvc": imported(
                "m",
                "../source",
                source.head,
                "model.bin",
                hash_line=f"md5: {model}\n  hash: md5\n  size: 7",
            ),
        }
    )
    cache = importer.root / ".dvc" / "cache"
    shutil.copytree(source.remote, cache)
    shutil.move(source.root, source.root.with_name("hidden"))
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert files(workspace, snapshot, b"d") == {k.encode(): v for k, v in DATA.items()}
    assert content(workspace, snapshot, b"m") == b"weights"

    shutil.move(source.root.with_name("hidden"), source.root)
    shutil.rmtree(cache)
    assert files(workspace, snapshot, b"d") == {k.encode(): v for k, v in DATA.items()}
    assert content(workspace, snapshot, b"m") == b"weights"
    workspace.close()
    fresh = opened(importer.root)
    assert files(fresh, fresh.snapshot("main"), b"d") == {k.encode(): v for k, v in DATA.items()}


def test_a_source_that_has_something_else(
    source: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    wrong = "0" * 32
    importer.commit_raw(
        {
            **config(importer),
            "m.dvc": imported(
                "m", "../source", source.head, "model.bin", hash_line=f"md5: {wrong}\n  hash: md5"
            ),
            "n.dvc": imported(
                "n",
                "../source",
                source.head,
                "data",
                hash_line=f"md5: {wrong}\n  hash: md5\n  size: 1",
            ),
        }
    )
    snapshot = opened(importer.root).snapshot("main")
    assert {p.path for p in snapshot.problems} == {b"m", b"n"}


def test_a_source_out_of_reach(
    source: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    """Names and sizes come from the pointer; bytes as soon as the source is back."""
    model = md5(b"weights")
    importer.commit_raw(
        {
            **config(importer),
            "m.dvc": imported(
                "m",
                "../source",
                source.head,
                "model.bin",
                hash_line=f"md5: {model}\n  hash: md5\n  size: 7",
            ),
        }
    )
    shutil.move(source.root, source.root.with_name("hidden"))
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert [(p.path, p.code) for p in snapshot.problems] == [(b"m", "import-source")]
    assert entry_at(snapshot, b"m").size == 7
    shutil.move(source.root.with_name("hidden"), source.root)
    assert content(workspace, snapshot, b"m") == b"weights"
    assert workspace.snapshot("main").problems == ()


def test_a_source_that_never_answers_is_asked_once(
    importer: HandmadeRepository, opened: Open
) -> None:
    """Its server accepts and says nothing; a build is as patient with it as with other remotes."""
    asked: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    asked.append(server.accept()[0])

        listening = threading.Thread(target=accept)
        listening.start()
        url = f"git://127.0.0.1:{server.getsockname()[1]}/repo.git"
        blobs = {f"{n}.dvc": imported(f"{n}", url, "7" * 40, f"data/{n}") for n in "abc"}
        importer.commit_raw({**config(importer), **blobs})
        began = time.monotonic()
        snapshot = opened(importer.root).snapshot("main", patience=1.0)
        took = time.monotonic() - began
        server.shutdown(socket.SHUT_RDWR)
        listening.join(10)
    for connection in asked:
        connection.close()
    assert [problem.silent for problem in snapshot.problems] == [True] * 3
    assert len(asked) == 1
    assert took < 10, "one second, and not half a minute for each"


def test_another_remote_for_an_import(
    source: HandmadeRepository, importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    moved = sandbox.root / "moved"
    shutil.move(source.remote, moved)
    source.remote.mkdir()
    extra = (
        f"    config:\n      remote:\n        there:\n          url: {moved}\n    remote: there\n"
    )
    adhoc = f"    remote:\n      url: {moved}\n"
    importer.commit_raw(
        {
            **config(importer),
            "a.dvc": imported("a", "../source", source.head, "model.bin", extra=extra),
            "b.dvc": imported("b", "../source", source.head, "data/b", extra=adhoc),
        }
    )
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert content(workspace, snapshot, b"a") == b"weights"
    assert content(workspace, snapshot, b"b") == b"three"


def test_a_stranger_may_not_import_local_repositories(
    source: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    importer.commit_raw(
        {
            **config(importer),
            "a.dvc": imported("a", str(source.root), source.head, "model.bin"),
            "b.dvc": imported("b", f"file://{source.root}", source.head, "model.bin"),
            "own": b"fine",
        }
    )
    workspace = opened(f"file://{importer.root}")
    snapshot = workspace.snapshot("main")
    assert {p.path: p.code for p in snapshot.problems} == {b"a": "unsupported", b"b": "unsupported"}
    assert content(workspace, snapshot, b"own") == b"fine"


# What DVC takes of a source --------------------------------------------------------------------


def hashed(oid: str) -> str:
    return f"md5: {oid}\n  hash: md5"


def listing_of(contents: dict[str, bytes]) -> str:
    """The hash line of a directory with these files."""
    entries = [{"md5": md5(data), "relpath": path} for path, data in sorted(contents.items())]
    return hashed(md5(json.dumps(entries, sort_keys=True).encode()) + ".dir")


TEXTS = {"run": b"#!", "lock/dvc.lock": b"x", "data/one": b"1", "single": b"s", "up": b"../top"}
TEXTS |= {"link": b"run", "to-data": b"data/one", "to-directory": b"data", "cut": b"nowhere"}
FOLLOWED = TEXTS | {"link": b"#!", "to-data": b"1", "up": b"above"}
FOLLOWED.pop("to-directory")


@pytest.fixture
def mixed(sandbox: Sandbox) -> HandmadeRepository:
    """A source with a directory that holds everything DVC treats in its own way."""
    repository = HandmadeRepository(sandbox, sandbox.root / "mixed")
    repository.commit(
        plain={
            "top": b"above",
            "x:p/run": b"#!",
            "p/lock/dvc.lock": b"x",
            "p/only/dvc.yaml": b"stages: {}\n",
            "p/.dvcignore": b"*.tmp\nhidden/\n",
            "p/x.tmp": b"not DVC's",
            "p/hidden/y": b"not DVC's",
            "l:p/link": b"run",
            "l:p/to-data": b"data/one",
            "l:p/to-directory": b"data",
            "l:p/cut": b"nowhere",
            "l:p/up": b"../top",
        },
        files={"p/single": b"s"},
        directories={"p/data": {"one": b"1"}},
    )
    return repository


@pytest.mark.parametrize("url", ["../mixed", "file://{root}"])
@pytest.mark.parametrize("shown", [TEXTS, FOLLOWED], ids=["texts", "followed"])
def test_a_directory_is_what_dvc_would_import(
    shown: dict[str, bytes],
    url: str,
    mixed: HandmadeRepository,
    importer: HandmadeRepository,
    opened: Open,
) -> None:
    url = url.format(root=mixed.root)
    pointer = imported("p", url, mixed.head, "p", hash_line=listing_of(shown))
    importer.commit_raw({**config(importer), "p.dvc": pointer})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    wanted = {path.encode(): data for path, data in shown.items()}
    assert files(workspace, snapshot, b"p") == wanted
    kinds = {entry.kind for _, entry in snapshot.walk(b"p")}
    assert kinds == {Kind.DIRECTORY, Kind.FILE}
    workspace.close()
    shutil.move(mixed.root, mixed.root.with_name("hidden"))
    again = opened(importer.root).snapshot("main")  # what was proven once is known for ever
    assert again.identity == snapshot.identity
    assert again.problems == ()


def test_a_directory_without_a_hash_is_what_dvc_would_pull(
    mixed: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    importer.commit_raw({**config(importer), "p.dvc": imported("p", "../mixed", mixed.head, "p")})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert files(workspace, snapshot, b"p") == {k.encode(): data for k, data in TEXTS.items()}
    assert {entry.kind for _, entry in snapshot.walk(b"p")} == {Kind.DIRECTORY, Kind.FILE}
    with pytest.raises(UnknownPath):
        snapshot.resolve(b"p/only")


def test_single_files_have_the_mode_of_the_pointer(
    mixed: HandmadeRepository, importer: HandmadeRepository, opened: Open
) -> None:
    """`isexec` of the importing pointer decides; a link is its text or what it leads to, by the hash."""
    single = {
        "plain": imported("plain", "../mixed", mixed.head, "p/run"),
        "exec": imported("exec", "../mixed", mixed.head, "p/run", hash_line="isexec: true"),
        "hash": imported("hash", "../mixed", mixed.head, "p/run", hash_line=hashed(md5(b"#!"))),
        "text": imported("text", "../mixed", mixed.head, "p/link"),
        "same": imported("same", "../mixed", mixed.head, "p/link", hash_line=hashed(md5(b"run"))),
        "leads": imported("leads", "../mixed", mixed.head, "p/up", hash_line=hashed(md5(b"above"))),
        "data": imported("data", "../mixed", mixed.head, "p/to-data", hash_line=hashed(md5(b"1"))),
    }
    importer.commit_raw({**config(importer), **{f"{k}.dvc": v for k, v in single.items()}})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    found = {name: content(workspace, snapshot, name.encode()) for name in single}
    assert found == {
        "plain": b"#!", "exec": b"#!", "hash": b"#!",
        "text": b"run", "same": b"run", "leads": b"above", "data": b"1",
    }  # fmt: skip
    kinds = {name: entry_at(snapshot, name.encode()).kind for name in single}
    assert kinds == dict.fromkeys(single, Kind.FILE) | {"exec": Kind.EXECUTABLE}


def test_a_directory_that_is_not_what_the_pointer_says(
    source: HandmadeRepository,
    mixed: HandmadeRepository,
    importer: HandmadeRepository,
    opened: Open,
) -> None:
    """Neither the data of a tracked directory nor Git's own files are served under another's hash."""
    wrong = listing_of({"1": b"one"})
    pointers = {
        "d.dvc": imported("d", "../source", source.head, "data", hash_line=wrong),
        "part.dvc": imported("part", "../source", source.head, "data/a", hash_line=wrong),
        "g.dvc": imported("g", "../source", source.head, "plain", hash_line=wrong),
        "p.dvc": imported("p", "../mixed", mixed.head, "p", hash_line=wrong),
        "f.dvc": imported("f", "../source", source.head, "plain/x", hash_line=hashed(md5(b"-"))),
    }
    importer.commit_raw({**config(importer), **pointers})
    snapshot = opened(importer.root).snapshot("main")
    assert {p.path: p.code for p in snapshot.problems} == dict.fromkeys(
        (b"d", b"f", b"g", b"p", b"part"), "data-unavailable"
    )
    for name in (b"d", b"f", b"g", b"p", b"part"):
        assert entry_at(snapshot, name).kind is Kind.BROKEN
    with pytest.raises(DataUnavailable, match="d/1 of main cannot be served: d: data of "):
        snapshot.resolve(b"d/1")


def test_the_tree_of_an_import_does_not_depend_on_the_cache(
    mixed: HandmadeRepository, importer: HandmadeRepository, opened: Open, settings: Settings
) -> None:
    pointer = imported("p", "../mixed", mixed.head, "p", hash_line=listing_of(TEXTS))
    importer.commit_raw({**config(importer), "p.dvc": pointer})
    cold = opened(importer.root).snapshot("main")
    importer.put_directory(TEXTS)
    shutil.copytree(importer.remote, importer.root / ".dvc" / "cache")
    fresh = replace(settings, cache_dir=settings.cache_dir.with_name("other"))
    warm = opened(importer.root, settings=fresh).snapshot("main")
    assert list(warm.walk()) == [
        (path, entry._replace(origin=warm_entry.origin, mtime=warm_entry.mtime))
        for (path, entry), (_, warm_entry) in zip(cold.walk(), warm.walk(), strict=True)
    ]


def test_directories_of_dvc_2_in_a_source(
    source: HandmadeRepository, importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    """The pointer's kind of hash is not the source's; the listing's hash still proves it."""
    old = HandmadeRepository(sandbox, sandbox.root / "old")
    listing, size, count = old.put_directory(DATA)
    for path in (old.remote / "files" / "md5").iterdir():
        shutil.move(path, old.remote / path.name)
    text = f"outs:\n- md5: {listing}\n  size: {size}\n  nfiles: {count}\n  path: data\n"
    old.commit_raw({**config(old), "data.dvc": text.encode()})
    pointer = imported("d", "../old", old.head, "data", hash_line=listing_of(DATA))
    importer.commit_raw({**config(importer), "d.dvc": pointer})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert files(workspace, snapshot, b"d") == {k.encode(): v for k, v in DATA.items()}


# import-url ------------------------------------------------------------------------------------


def from_url(out: str, path: str, oid: str, size: int, *, nfiles: str = "") -> bytes:
    """A pointer as `dvc import-url` of a local path writes it."""
    fields = f"md5: {oid}\n  size: {size}\n{nfiles}  hash: md5"
    return (
        f"frozen: true\ndeps:\n- {fields}\n  path: {path}\nouts:\n- {fields}\n  path: {out}\n"
    ).encode()


def test_import_url_falls_back_to_its_source(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    outside = sandbox.root / "outside"
    (outside / "d" / "a").mkdir(parents=True)
    for path, data in {"a/1": b"one", "b": b"two"}.items():
        (outside / "d" / path).write_bytes(data)
    (outside / "f").write_bytes(b"single")
    listing, size, _ = importer.put_directory({"a/1": b"one", "b": b"two"})
    single = importer.put(b"single")
    importer.commit_raw(
        {
            **config(importer),
            "sub/d.dvc": from_url("d", "../../outside/d", listing, size, nfiles="  nfiles: 2\n"),
            "sub/f.dvc": from_url("f", str(outside / "f"), single, 6),
        }
    )
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    importer.lose_remote()
    assert files(workspace, snapshot, b"sub/d") == {b"a/1": b"one", b"b": b"two"}
    assert content(workspace, snapshot, b"sub/f") == b"single"
    (outside / "f").write_bytes(b"chang!")
    place = workspace.places(snapshot, entry_at(snapshot, b"sub/f"), b"sub/f")[-1]
    assert place.open_file() is None
    with pytest.raises(ObjectMissing, match="has changed since"):
        place.get(0, 6)
    (outside / "f").unlink()
    with pytest.raises(ObjectMissing):
        place.get(0, 6)


def undownloaded(out: str, path: str, oid: str, size: int) -> bytes:
    """A pointer as `dvc import-url --no-download` of a local path writes it."""
    return (
        f"frozen: true\ndeps:\n- md5: {oid}\n  size: {size}\n  hash: md5\n  path: {path}\n"
        f"outs:\n- hash: md5\n  path: {out}\n"
    ).encode()


def test_import_url_without_a_download(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    """The source has what was recorded; once it was seen, a directory's names stay known."""
    outside = sandbox.root / "outside"
    (outside / "d" / "a").mkdir(parents=True)
    (outside / "d" / "a" / "1").write_bytes(b"one")
    (outside / "d" / "b").write_bytes(b"two")
    (outside / "d" / "link").symlink_to("b")
    contents = {"a/1": b"one", "b": b"two", "link": b"two"}
    directory = listing_of(contents).splitlines()[0].removeprefix("md5: ")
    importer.commit_raw(
        {
            **config(importer),
            "d.dvc": undownloaded("d", "../outside/d", directory, 9),
            "f.dvc": undownloaded("f", "../outside/d/b", md5(b"two"), 3),
            "x.dvc": undownloaded("x", "../outside/d", md5(b"-") + ".dir", 9),
        }
    )
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert [(p.path, p.code) for p in snapshot.problems] == [(b"x", "data-unavailable")]
    assert files(workspace, snapshot, b"d") == {k.encode(): v for k, v in contents.items()}
    assert content(workspace, snapshot, b"f") == b"two"
    workspace.close()

    (outside / "d" / "b").write_bytes(b"owt")
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    for name in (b"d/b", b"f"):
        place = workspace.places(snapshot, entry_at(snapshot, name), name)[-1]
        with pytest.raises(ObjectMissing, match="has changed since"):
            place.get(0, 3)


def test_a_stranger_imports_nothing_local_without_a_download(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    secret = sandbox.root / "secret"
    secret.mkdir()
    (secret / "s").write_bytes(b"secret")
    listing = listing_of({"s": b"secret"}).splitlines()[0].removeprefix("md5: ")
    importer.commit_raw(
        {
            **config(importer),
            "d.dvc": undownloaded("d", str(secret), listing, 6),
            "f.dvc": undownloaded("f", str(secret / "s"), md5(b"secret"), 6),
        }
    )
    workspace = opened(f"file://{importer.root}")
    snapshot = workspace.snapshot("main")
    assert entry_at(snapshot, b"d").kind is Kind.BROKEN
    places = workspace.places(snapshot, entry_at(snapshot, b"f"), b"f")
    assert [place.label for place in places] == ["store"]


def test_a_stranger_reads_no_local_sources(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    secret = sandbox.root / "secret"
    secret.write_bytes(b"secret")
    importer.commit_raw(
        {**config(importer), "f.dvc": from_url("f", str(secret), md5(b"secret"), 6)}
    )
    workspace = opened(f"file://{importer.root}")
    snapshot = workspace.snapshot("main")
    entry = entry_at(snapshot, b"f")
    places = workspace.places(snapshot, entry, b"f")
    assert [place.label for place in places] == ["store"]
    with pytest.raises(ObjectMissing):
        places[0].get(0, 6)


# Cloud versioning ------------------------------------------------------------------------------


def versioned_config(remote: Path) -> dict[str, bytes]:
    text = f"[core]\nremote = vv\n['remote \"vv\"']\nurl = {remote}\nversion_aware = true\n"
    return {".dvc/config": text.encode()}


def test_versioned_outs_lie_under_their_own_names(
    importer: HandmadeRepository, opened: Open
) -> None:
    remote = importer.remote
    (remote / "sub" / "d" / "k").mkdir(parents=True)
    (remote / "sub" / "d" / "k" / "x").write_bytes(b"four")
    (remote / "sub" / "f").write_bytes(b"single")
    etag = hashlib.md5(b"single").hexdigest()
    text = (
        f"outs:\n- hash: md5\n  path: d\n  files:\n  - relpath: k/x\n    md5: {md5(b'four')}\n"
        f"    size: 4\n    cloud:\n      vv:\n        etag: ''\n"
        f"- hash: md5\n  path: f\n  md5: {etag}\n  size: 6\n  cloud:\n    vv:\n      etag: ''\n"
    )
    importer.commit_raw({**versioned_config(remote), "sub/both.dvc": text.encode()})
    workspace = opened(importer.root)
    snapshot = workspace.snapshot("main")
    assert snapshot.problems == ()
    assert content(workspace, snapshot, b"sub/d/k/x") == b"four"
    assert content(workspace, snapshot, b"sub/f") == b"single"
    entry = entry_at(snapshot, b"sub/d/k/x")
    assert entry.digest is not None
    assert entry.digest.algorithm is Algorithm.MD5
    cached = object_path(importer.root / ".dvc" / "cache", md5(b"four"))
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"four")
    descriptor = workspace.places(snapshot, entry, b"sub/d/k/x")[0].open_file()
    assert descriptor is not None
    open(descriptor).close()


def test_a_stranger_reads_no_local_files_by_version(
    importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    """A hostile clone whose remote is a directory of the user's, addressed by path."""
    home = sandbox.root / "victim"
    home.mkdir()
    (home / "secret").write_bytes(b"secret")
    text = b"outs:\n- path: secret\n  size: 6\n  cloud: {vv: {version_id: '1'}}\n"
    importer.commit_raw({**versioned_config(home), "x.dvc": text, "ok": b"ok"})
    workspace = opened(f"file://{importer.root}")
    snapshot = workspace.snapshot("main")
    assert [(p.path, p.code) for p in snapshot.problems] == [(b"secret", "unsupported")]
    assert entry_at(snapshot, b"secret").kind is Kind.BROKEN
