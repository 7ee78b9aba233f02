"""Data of other repositories: it is had, pinned, chained, and what cannot be had says so."""

import contextlib
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content
from tests.unit.workspace.sources import (
    DATA,
    config,
    entry_at,
    files,
    imported,
)
from vfs.config import Settings
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.sandbox import Sandbox
from vfs.types import Kind


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


def test_the_source_of_a_source_out_of_reach(
    source: HandmadeRepository, importer: HandmadeRepository, sandbox: Sandbox, opened: Open
) -> None:
    """Who imports a file from where it is an import too is told why it cannot be had."""
    known = f"md5: {md5(b'weights')}\n  hash: md5\n  size: 7"
    middle = HandmadeRepository(sandbox, sandbox.root / "middle")
    pointer = imported("m", "../source", source.head, "model.bin", hash_line=known)
    middle.commit_raw({**config(middle), "m.dvc": pointer})
    pointer = imported("own", "../middle", middle.head, "m", hash_line=known)
    importer.commit_raw({**config(importer), "own.dvc": pointer})
    shutil.move(source.root, source.root.with_name("hidden"))
    workspace = opened(importer.root)
    (problem,) = workspace.snapshot("main").problems
    assert (problem.path, problem.code) == (b"own", "import-source")
    assert str(source.root) in problem.message
    shutil.move(source.root.with_name("hidden"), source.root)
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
