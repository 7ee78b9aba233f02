"""`import-url` beside the real dvc: the same pointers, and either goes on with the other's."""

import shutil

import pytest

from tests.compat.imports import Pair, both, files, same, texts
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def test_the_same_pointers_from_urls(
    sandbox: Sandbox, pair: Pair, request: pytest.FixtureRequest
) -> None:
    theirs, ours = pair
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "f").write_bytes(b"file")
    (outside / "f").chmod(0o755)
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"two")
    server = request.getfixturevalue("ministack")
    bucket = server.new_bucket()
    web = request.getfixturevalue("put_server")
    web.new_directory("plain").joinpath("h").write_bytes(b"http")
    url = web.url("http", "plain/h")
    client = server.client()

    def fill(version: bytes) -> None:
        for key in ("top/f", "top/d/1", "top/d/sub/2"):
            client.put_object(Bucket=bucket, Key=key, Body=key.encode() + version)

    fill(b"v1")
    for clone in pair:
        clone.dvc("remote", "add", "-q", "lake", f"s3://{bucket}/top")
        for name, value in server.options.items():
            clone.dvc("remote", "modify", "-q", "lake", name, value)
    for arguments in (
        ["../outside/f"],
        ["../outside/d", "here"],
        [str(outside / "f"), "absolute"],
        ["--no-download", "../outside/d", "later"],
        ["remote://lake/f", "object"],
        ["remote://lake/d", "objects"],
        ["--no-download", "remote://lake/d", "later objects"],
        [url],
    ):
        both(pair, "import-url", *arguments)
    same(pair)
    assert ours.dvc("status") == theirs.dvc("status")

    for name in texts(ours):
        if name.endswith(".dvc") and not name.startswith("later"):
            assert "Nothing changed" in ours.vfs("update", name)
    fill(b"version 2")
    (outside / "f").write_bytes(b"file, changed")
    (outside / "d" / "3").write_bytes(b"three")
    (web.root / "plain" / "h").write_bytes(b"http, changed")
    both(pair, "update", *sorted(name for name in texts(ours) if name.endswith(".dvc")))
    same(pair)
    for clone in pair:
        clone.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "store"))
    ours.git("add", "--all")
    ours.git("commit", "-q", "-m", "imports")
    ours.vfs("push")
    two = ours.clone("two")
    two.dvc("pull", "-q")
    assert files(two) == files(ours)


def test_urls_to_a_remote(sandbox: Sandbox, pair: Pair) -> None:
    """Pointers as dvc writes them; neither the cache nor the working tree gets anything. A packed remote takes it, too."""
    theirs, ours = pair
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "f").write_bytes(b"file")
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"file")
    for clone, name in ((theirs, "theirs"), (ours, "ours")):
        clone.dvc("remote", "add", "-q", "-d", "away", str(sandbox.root / f"of-{name}"))
    ours.vfs("remote", "add", "--packed", "team", str(sandbox.root / "packed"))
    both(pair, "import-url", "../outside/f", "--to-remote")
    both(pair, "import-url", "../outside/d", "d", "--to-remote")
    assert texts(ours) == texts(theirs)
    assert not ours.cache.exists()
    assert not (ours.root / "d").exists()
    assert theirs.dvc("status") == ours.dvc("status")
    ours.vfs("import-url", "../outside/d", "packed", "--to-remote", "-r", "team")
    assert not ours.cache.exists()
    shutil.rmtree(outside)
    ours.dvc("pull", "-q", "f.dvc", "d.dvc")
    shutil.rmtree(sandbox.root / "of-ours")
    shutil.rmtree(ours.cache)
    ours.vfs("pull", "packed")
    for name in ("d", "packed"):
        assert (ours.root / name / "sub" / "2").read_bytes() == b"file"
    ours.vfs("import-url", "../outside", "--to-remote", "--no-download", code=2)


def test_a_source_without_validators(
    sandbox: Sandbox, pair: Pair, request: pytest.FixtureRequest
) -> None:
    """Over SSH contents are told apart by their MD5, as local ones are."""
    server = request.getfixturevalue("ssh_server")
    (sandbox.root / "home/.ssh").mkdir(mode=0o700)
    shutil.copy(server.config, sandbox.root / "home/.ssh/config")
    outside = sandbox.root / "outside"
    (outside / "d" / "sub").mkdir(parents=True)
    (outside / "d" / "1").write_bytes(b"one")
    (outside / "d" / "sub" / "2").write_bytes(b"two")
    theirs, ours = pair
    theirs.dvc("import-url", "-q", "../outside/d")
    ours.vfs("import-url", server.url(outside / "d"))
    theirs_says = texts(theirs)["d.dvc"].split("\n")[1:]
    ours_says = texts(ours)["d.dvc"].replace(server.url(outside), "../outside").split("\n")[1:]
    assert ours_says == theirs_says
    assert files(ours)["d/sub/2"] == b"two"
    assert "Nothing changed" in ours.vfs("update", "d")
    (outside / "d" / "1").write_bytes(b"eno")
    assert "d.dvc" in ours.vfs("update", "d")
    assert files(ours)["d/1"] == b"eno"
