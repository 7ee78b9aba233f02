"""Data at URLs, and that of version-aware remotes."""

import hashlib
from pathlib import Path

import pytest

from tests.unit.workspace.conftest import Open
from tests.unit.workspace.reading import content
from tests.unit.workspace.sources import (
    config,
    entry_at,
    files,
    from_url,
    listing_of,
)
from vfs.errors import ObjectMissing
from vfs.testing.handmade import HandmadeRepository, md5, object_path
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Kind


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
