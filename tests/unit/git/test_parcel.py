"""Parcels: what of a working tree travels, what stays, and what the other side makes of it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.unit.git.conftest import GitRepo
from vfs.cluster.trees import tree_of
from vfs.errors import ObjectMissing, StoreError, Unsupported
from vfs.git import parcel as parcels
from vfs.git import unparcel
from vfs.git.command import run_git
from vfs.git.locks import exclusive
from vfs.git.parcel import Parcel
from vfs.testing.mounts import wait_until

MakeRepo = Callable[[str], GitRepo]


@pytest.fixture
def repo(make_repo: MakeRepo) -> GitRepo:
    """Pushed to a bare one, with a commit that is not."""
    made = make_repo("here")
    made.write("code", b"one\n")
    made.write(".gitignore", b"*.secret\n/data\n/dep\n")
    made.commit("pushed")
    bare = made.path.parent / "bare.git"
    run_git(["clone", "-q", "--bare", str(made.path), str(bare)])
    made.git("remote", "add", "origin", "../bare.git")
    made.git("fetch", "-q", "origin")
    made.write("gone", b"x")
    made.write("unpushed", b"two\n")
    made.commit("not pushed")
    return made


def packed(top: bytes, also: Sequence[bytes], but: Collection[bytes]) -> Parcel:
    """Packed with a scratch directory, in which nobody looks afterwards."""
    with tempfile.TemporaryDirectory() as place:
        return parcels.packed(top, also, but, os.fsencode(place), lambda: None)


def unpack(parcel: Parcel, mirror: Path, tree: Path) -> None:
    """Unpacked, and nobody ends it."""
    unparcel.unpack(parcel, mirror, tree, lambda: None)


def states(top: Path) -> dict[str, bytes]:
    """Files outside of `.git`, by path."""
    files = (path for path in top.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(top)): path.read_bytes() for path in files}


def test_what_git_would_see(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("code", b"changed\n")
    repo.write("staged", b"s\n")
    repo.git("add", "staged")
    (repo.path / "gone").unlink()
    repo.write("new/file", b"new\n")
    os.chmod(repo.path / "new/file", 0o755)
    for path in ("my.secret", "data/large", ".dvc/config.local", ".dvc/tmp/x", "out/x"):
        repo.write(path, b"stays\n")
    for path in (".vfs/local.yaml", "sub/.vfs/local.yaml", "sub/.dvc/config.local"):
        repo.write(path, b"secret\n")
        repo.git("add", "-f", path)
    repo.write("sub/.vfs/local.yaml", b"another\n")
    repo.write(".dvc/config", b"[core]\n")
    repo.write(".vfs/config.yaml", b"x: 1\n")
    repo.write("dep", b"ignored\n")
    before = (states(repo.path / ".git"), repo.git("status", "--porcelain"))
    parcel = packed(os.fsencode(repo.path), [b"dep", b"data", b".vfs"], {b"out", b"data"})
    assert (states(repo.path / ".git"), repo.git("status", "--porcelain")) == before
    assert parcel.url == str(repo.path.parent / "bare.git")
    assert len(parcel.bases) == 1
    tree = tmp_path / "tree"
    unpack(parcel, tmp_path / "home/git", tree)
    assert states(tree) == {
        "code": b"changed\n", "staged": b"s\n", "new/file": b"new\n", "unpushed": b"two\n", "dep": b"ignored\n",
        ".gitignore": b"*.secret\n/data\n/dep\n", ".dvc/config": b"[core]\n",
        ".vfs/config.yaml": b"x: 1\n",
    }  # fmt: skip
    assert os.access(tree / "new/file", os.X_OK)
    assert run_git(["-C", str(tree), "log", "--format=%s"]) == b"not pushed\npushed\n"
    assert b" M code\n D gone\n" in run_git(["-C", str(tree), "status", "--porcelain"])


def test_what_was_pushed_is_fetched_once(repo: GitRepo, tmp_path: Path) -> None:
    repo.git("push", "-q", "origin", "HEAD")
    repo.git("fetch", "-q", "origin")
    top, mirror = os.fsencode(repo.path), tmp_path / "home/git"
    unpack(packed(top, [], ()), mirror, tmp_path / "one")
    assert states(tmp_path / "one") == states(repo.path)
    os.rename(repo.path.parent / "bare.git", tmp_path / "away")
    unpack(packed(top, [], ()), mirror, tmp_path / "two")
    assert states(tmp_path / "two") == states(repo.path)
    with pytest.raises(ObjectMissing, match=r"bare\.git"):
        unpack(packed(top, [], ()), tmp_path / "other/git", tmp_path / "three")


def test_a_branch_that_is_where_another_one_was_a_directory(repo: GitRepo, tmp_path: Path) -> None:
    top, mirror = os.fsencode(repo.path), tmp_path / "home/git"
    repo.git("push", "-q", "origin", "HEAD:part")
    unpack(packed(top, [], ()), mirror, tmp_path / "one")
    repo.git("push", "-q", "origin", ":part")
    repo.commit("more")
    repo.git("push", "-q", "origin", "HEAD:part/more")
    (mirror / "refs/heads/main.lock").touch()  # of a git that was killed
    repo.git("commit", "-q", "--allow-empty", "-m", "of a pull request")
    repo.git("push", "-q", "origin", "HEAD:refs/pull/1/head")
    repo.git("fetch", "-q", "origin", "+refs/pull/*/head:refs/remotes/origin/pr/*")
    two = packed(top, [], ())
    assert two.bases == (two.commit,)
    unpack(two, mirror, tmp_path / "two")
    assert states(tmp_path / "two") == states(repo.path)


def test_what_waits_for_a_remote_is_ended(repo: GitRepo, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        repo.git("remote", "set-url", "origin", f"git://127.0.0.1:{silent.getsockname()[1]}/x.git")
        parcel = packed(os.fsencode(repo.path), [], ())
        silent.setblocking(False)
        came: list[socket.socket] = []

        def check() -> None:
            with suppress(BlockingIOError):
                came.append(silent.accept()[0])
            if came:
                raise SystemExit(143)

        mirror = tmp_path / "home/git"
        with pytest.raises(SystemExit):
            unparcel.unpack(parcel, mirror, tmp_path / "one", check)
        with came[0], exclusive(mirror.with_suffix(".lock")):  # git has ended, and with it its lock
            assert came[0].recv(1 << 16)
            with pytest.raises(SystemExit):
                unparcel.unpack(parcel, mirror, tmp_path / "one", check)


def test_without_a_remote_and_without_a_commit(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo("alone")
    repo.write("file", b"x")
    first = packed(os.fsencode(repo.path), [], ())
    assert (first.commit, first.bases, first.url) == ("", (), "")
    unpack(first, tmp_path / "home/git", tmp_path / "one")
    assert states(tmp_path / "one") == {"file": b"x"}
    repo.commit("first")
    unpack(packed(os.fsencode(repo.path), [], ()), tmp_path / "home/git", tmp_path / "two")
    assert run_git(["-C", str(tmp_path / "two"), "log", "--format=%s"]) == b"first\n"


def test_secrets_in_the_url_stay(repo: GitRepo) -> None:
    repo.git("remote", "set-url", "origin", "https://me:secret@example.org/x.git")
    assert packed(os.fsencode(repo.path), [], ()).url == "https://example.org/x.git"


def test_too_much(repo: GitRepo) -> None:
    repo.write("large", b"")
    os.truncate(repo.path / "large", 65 << 20)
    with pytest.raises(Unsupported, match="more than 64 MiB, large the most of it"):
        packed(os.fsencode(repo.path), [], ())
    assert packed(os.fsencode(repo.path), [], {b"large"}).tree


def test_too_much_history(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "MOST", 1 << 20)
    repo.write("large", os.urandom(2 << 20))
    repo.commit("large")
    with pytest.raises(Unsupported, match="lacks more than 1 MiB") as found:
        packed(os.fsencode(repo.path), [], ())
    assert found.value.hint == "git push, to a remote that workers can fetch from"
    repo.git("update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(Unsupported) as found:
        packed(os.fsencode(repo.path), [], ())
    assert "git fetch origin, to learn what it has" in str(found.value.hint)


def test_a_directory_that_became_a_symlink(repo: GitRepo, tmp_path: Path) -> None:
    repo.write("d/x", b"x\n")
    repo.commit("d")
    os.rename(repo.path / "d", tmp_path / "else")
    (repo.path / "d").symlink_to(tmp_path / "else")
    unpack(packed(os.fsencode(repo.path), [], ()), tmp_path / "home/git", tmp_path / "one")
    assert (tmp_path / "one/d").readlink() == tmp_path / "else"


def test_git_s_reasons_are_told(repo: GitRepo) -> None:
    (repo.path / ".git/index").write_bytes(b"no index")
    with pytest.raises(StoreError, match="index"):
        packed(os.fsencode(repo.path), [], ())


def test_a_commit_is_in_the_mirror_with_all_it_has(repo: GitRepo, tmp_path: Path) -> None:
    """Git unpacks a small fetch one object after the other, commits first; one that was killed then would never be fetched again."""
    repo.git("push", "-q", "origin", "HEAD")
    repo.git("fetch", "-q", "origin")
    unpack(
        packed(os.fsencode(repo.path), [], ()), mirror := tmp_path / "home/git", tmp_path / "one"
    )
    assert sorted(path.name for path in (mirror / "objects").iterdir()) == ["info", "pack"]


def test_a_tree_goes_although_it_is_written_to(repo: GitRepo, tmp_path: Path) -> None:
    """By what a command left in the background: whoever takes the place next removes the rest."""
    parcel = packed(os.fsencode(repo.path), [], ())
    used = tree_of(parcel, tmp_path, lambda: None)
    tree, lock = used.__enter__()
    script = f"while :; do mkdir -p {tree}/x; true > {tree}/x/$((i += 1)); done"
    writer = subprocess.Popen(["sh", "-c", script], pass_fds=lock, stderr=subprocess.DEVNULL)
    try:
        wait_until((tree / "x/10").exists, "the first files")
        used.__exit__(None, None, None)
        with tree_of(parcel, tmp_path, lambda: None) as (other, _):
            assert other != tree
    finally:
        writer.kill()
        writer.wait()
    with tree_of(parcel, tmp_path, lambda: None) as (again, _):
        assert not (again / "x").exists()
