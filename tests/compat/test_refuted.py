"""What a user met that the issue says cannot be: each fails until its mechanism is changed."""

import shutil
from pathlib import Path

import pytest

from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


@pytest.fixture
def one(sandbox: Sandbox, dvc3: Path) -> Clone:
    root = sandbox.root / "one"
    root.mkdir()
    made = Clone(sandbox, root, dvc3)
    made.git("init", "-q")
    made.dvc("init", "-q")
    made.git("commit", "-q", "-m", "v0")
    for name in ("data/sub/a", "data/sub/b", "data/c"):
        made.write(name, name.encode())
    return made


def commit(clone: Clone, *targets: str) -> None:
    clone.vfs("add", *targets)
    clone.git("add", "--all")
    clone.git("commit", "-q", "-m", "data")


def store(clone: Clone) -> None:
    clone.vfs("remote", "add", "-d", "store", str(clone.root.parent / "remote"))


def forget(clone: Clone, *outs: str) -> None:
    """As a fresh clone has it."""
    for out in (".dvc/cache", *outs):
        path = clone.root / out
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def test_all_commits_go_to_a_remote_that_came_later(one: Clone) -> None:
    commit(one, "data")
    store(one)
    one.git("commit", "-q", "-a", "-m", "a remote")
    one.vfs("push", "-r", "store", "--all-commits")


@pytest.mark.parametrize("where", [(), ("--remote", "store")])
def test_what_is_pinned_stays_readable(one: Clone, where: tuple[str, ...]) -> None:
    store(one)
    commit(one, "data")
    one.git("tag", "v1")
    one.vfs("push")
    one.write("data/c", b"second")
    commit(one, "data")
    one.vfs("push")
    origin = one.root.parent / "origin.git"
    one.git("clone", "-q", "--bare", ".", str(origin))
    one.git("remote", "add", "origin", str(origin))
    one.git("fetch", "-q", "origin")
    one.vfs("prefetch", "--rev", "v1", "--pin", "keep", "data")
    one.vfs("gc", "--workspace", "--older-than", "0", *where)
    if where:
        assert len(list((one.root.parent / "remote").rglob("*.dir"))) == 2
    else:
        assert len(list((one.root / ".dvc/cache").rglob("*.dir"))) == 2
