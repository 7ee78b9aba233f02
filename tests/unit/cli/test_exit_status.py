"""Errors of every step of a verb: its code is in the verb's `--help` (the fixture `vfs` holds to that), and a hint helps.

Each error is brought about for real: a broken file, a repository that is gone, a host that refuses.
"""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Daemons, Done, git

Vfs = Callable[..., Done]

VERBS = {
    "mount": ["mount", "POINT"],
    "ls": ["ls"],
    "cat": ["cat", "a.txt"],
    "log": ["log"],
    "diff": ["diff", "HEAD", "HEAD"],
    "prefetch": ["prefetch"],
}


@pytest.fixture(params=VERBS)
def verb(request: pytest.FixtureRequest, world: Path) -> list[str]:
    (world / "mnt").mkdir()
    return [str(world / "mnt") if word == "POINT" else word for word in VERBS[request.param]]


def expect(done: Done, code: int, *parts: str) -> None:
    assert done.code == code, done.err
    assert done.out == ""
    assert "\nhint: " in done.err, done.err
    for part in parts:
        assert part in done.err, done.err


def test_a_broken_configuration(vfs: Vfs, repo: Path, verb: list[str]) -> None:
    (repo / ".vfs").mkdir()
    (repo / ".vfs" / "local.yaml").write_text("cache: [")
    done = vfs(*verb)
    assert done.code == 8, done.err


def test_no_repository(vfs: Vfs, verb: list[str]) -> None:
    expect(vfs(*verb), 3)


def test_a_url_that_is_gone(vfs: Vfs, world: Path, verb: list[str]) -> None:
    expect(vfs(*verb, "--repo", f"file://{world}/gone"), 11, "git ls-remote")


def test_a_url_that_refuses(vfs: Vfs, verb: list[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        expect(vfs(*verb, "--repo", f"http://127.0.0.1:{port}/r.git"), 12, "network")


def test_a_url_scheme_that_is_not_allowed(vfs: Vfs, verb: list[str]) -> None:
    expect(vfs(*verb, "--repo", "ftp://h/r.git"), 20)


@pytest.mark.parametrize("rev", ["nope", "-x", "HEAD:a.txt"])
def test_a_revision_that_is_none(vfs: Vfs, repo: Path, verb: list[str], rev: str) -> None:
    words = [*verb[:1], "--", rev, rev] if verb[0] == "diff" else [*verb, f"--rev={rev}"]
    expect(vfs(*words), 4, f"'{rev}'")


def test_no_internal_place_in_what_is_said_of_a_url(
    vfs: Vfs, repo: Path, world: Path, verb: list[str]
) -> None:
    url = f"file://{repo}"
    for rev, code in (("nope", 4), ("worktree", 3)):
        if verb[0] == "diff":
            done = vfs("diff", "--repo", url, "HEAD", rev)
        else:
            done = vfs(*verb, "--repo", url, "--rev", rev)
        if verb[0] == "log" and rev == "worktree":
            assert done.code == 0
        else:
            expect(done, code, url)
        assert str(world / "cache") not in done.err


def test_a_path_that_is_not_there(vfs: Vfs, repo: Path) -> None:
    for name in ("ls", "cat", "log", "prefetch"):
        expect(vfs(name, "nosuch"), 5)
        expect(vfs(name, "../x"), 2, "':/PATH'")


def test_a_path_is_looked_up_where_it_lies(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own mount or repository, from a directory that is in none, and from one that is in another."""

    async def status(args: dict[str, Any], progress: object) -> dict[str, Any]:
        return {"rev": "v1"}

    daemons.start(world / "mnt", repo, status=status)
    other = world / "other"
    other.mkdir()
    for step in ("outside", "in another repository"):
        monkeypatch.chdir(other)
        for path, text in (("../repo/a.txt", "one\ntwo\n"), ("../mnt/a.txt", "one\n")):
            for spelled in (path, str(world / path[3:])):
                assert vfs("cat", spelled) == Done(0, text, ""), step
        assert vfs("ls", world / "repo" / "d" / "b").out == "d/b\n"
        assert vfs("cat", "--rev", "v1", repo / "a.txt").out == "one\n"
        assert vfs("log", repo / "a.txt").code == 0
        git(other, "init", "-q")
    for nowhere in (world / "home", "/" + "x" * 300):
        expect(vfs("ls", nowhere), 2, "':/PATH'")
    monkeypatch.chdir(repo)
    assert vfs("cat", world / "mnt" / "a.txt").out == "one\n"
    assert vfs("cat", "a.txt").out == "one\ntwo\n"


def test_the_directory_of_revisions_is_in_none(
    vfs: Vfs, repo: Path, daemons: Daemons, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def status(args: dict[str, Any], progress: object) -> dict[str, Any]:
        return {"rev": "v1"}

    daemons.start(world / "mnt", repo, status=status)
    (world / "mnt" / ".snapshots").mkdir(parents=True)
    monkeypatch.chdir(world / "mnt" / ".snapshots")
    expect(vfs("ls"), 5, ".snapshots holds revisions", "--rev")
    assert vfs("cat", "--rev", "v1", ":/a.txt").out == "one\n"


def test_log_of_the_working_tree_is_that_of_head(vfs: Vfs, repo: Path) -> None:
    assert vfs("log", "--rev", "worktree").out == vfs("log").out != ""


@pytest.mark.parametrize("kind", ["missing", "file", "full"])
def test_a_mount_point_that_cannot_be_used(vfs: Vfs, repo: Path, world: Path, kind: str) -> None:
    point = world / "a place"
    if kind == "file":
        point.touch()
    elif kind == "full":
        point.mkdir()
        Path(f"{point}/bad\udcffname").touch()
    done = vfs("mount", point)
    expect(done, 6, str(point))
    assert ("hint: mkdir -p '" in done.err) is (kind == "missing")
    assert ("(bad\\xffname is in it)" in done.err) is (kind == "full")
