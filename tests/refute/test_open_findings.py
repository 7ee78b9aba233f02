"""What a review found and nobody mended yet: each fails until it is."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.testing.clones import Clone, check_store
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow, pytest.mark.xfail(strict=True)]


@pytest.fixture
def one(sandbox: Sandbox, dvc3: Path) -> Clone:
    """A repository with a directory and a file, committed, and a remote."""
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc3)
    made.git("init", "-q", "-b", "main")
    made.vfs("init")
    made.vfs("remote", "add", "-d", "store", str(sandbox.root / "remote"))
    for name in "1234":
        made.write(f"data/{name}", name.encode())
    made.write("file", b"file")
    made.vfs("add", "data", "file")
    made.git("add", "--all")
    made.git("commit", "-q", "-m", "v1")
    return made


def test_a_list_that_dvc_pushed_without_its_files(one: Clone) -> None:
    """`dvc push` of a part sends the list of all."""
    one.dvc("push", "-q", "data/1")
    one.vfs("push")
    assert check_store(one.root.parent / "remote") == 6


def test_a_list_of_ours_never_goes_without_its_files(one: Clone) -> None:
    """Even if it shares them with one that `dvc` sent alone."""
    one.dvc("push", "-q", "data/1")
    one.vfs("push")
    one.write("data/5", b"5")
    one.vfs("commit")
    one.vfs("push", "data")
    check_store(one.root.parent / "remote")


def test_what_was_pushed_and_is_not_in_git_yet_survives_a_collection(one: Clone) -> None:
    """Old objects that a push found there, collected by a colleague who does not know the commit."""
    bare, remote = one.root.parent / "bare.git", one.root.parent / "remote"
    one.git("init", "-q", "--bare", str(bare))
    one.git("remote", "add", "origin", str(bare))
    one.vfs("push")
    one.git("rm", "-q", "data.dvc", "file.dvc")
    one.git("commit", "-q", "-m", "gone")
    one.git("push", "-q", "origin", "main")
    bob = Clone(one.sandbox, one.root.parent / "bob")
    one.sandbox.git(one.root.parent, "clone", "-q", "-b", "main", str(bare), str(bob.root))
    youngest = max(path.stat().st_ctime for path in remote.rglob("*"))
    while time.time() < youngest + 5:  # of the file system's clock; nothing sets it back
        time.sleep(0.1)
    one.git("revert", "--no-edit", "HEAD")
    one.vfs("push")
    bob.vfs("gc", "--workspace", "--remote", "store", "--older-than", "5s")
    one.git("push", "-q", "origin", "main")
    bob.git("pull", "-q")
    bob.vfs("pull")


def test_a_cache_does_not_let_go_what_a_remote_has_wrong(one: Clone) -> None:
    """The same size is not the same content."""
    one.vfs("push")
    remote = one.root.parent / "remote"
    wrong = next(p for p in remote.rglob("*") if p.is_file() and p.read_bytes() == b"file")
    wrong.chmod(0o644)
    wrong.write_bytes(b"elif")
    one.write("file", b"second")
    one.vfs("add", "file")
    one.git("commit", "-q", "-a", "-m", "v2")
    one.vfs("gc", "--workspace", "--older-than", "0")
    one.git("checkout", "-q", "HEAD~1")
    one.vfs("checkout", "file")


def test_nothing_is_made_behind_a_symlink_of_a_hostile_repository(one: Clone) -> None:
    """`.dvc/tmp` may lead anywhere."""
    outside = one.root.parent / "outside"
    outside.mkdir()
    (outside / "lock").write_bytes(b"mine")
    shutil.rmtree(one.root / ".dvc/tmp", ignore_errors=True)
    (one.root / ".dvc/tmp").symlink_to(outside)
    with suppress(AssertionError):  # a refusal is right
        one.vfs("commit")
    assert (outside / "lock").read_bytes() == b"mine"
