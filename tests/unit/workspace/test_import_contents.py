"""What DVC takes of a source: the contents, modes and hashes of what a pointer imports."""

import shutil
from dataclasses import replace

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content
from tests.unit.workspace.sources import DATA, config, entry_at, files, hashed, imported, listing_of
from vfs.config import Settings
from vfs.errors import DataUnavailable, UnknownPath
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.sandbox import Sandbox
from vfs.types import Kind

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
