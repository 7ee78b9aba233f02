"""What a user met that the issue says cannot be: each fails until its mechanism is changed."""

import shutil
from hashlib import md5
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


def test_pull_brings_each_of_two_equal_outs(one: Clone) -> None:
    store(one)
    one.write("x", b"same")
    one.write("y", b"same")
    shutil.copytree(one.root / "data", one.root / "copy")
    commit(one, "x", "y", "data", "copy")
    one.vfs("push")
    forget(one, "x", "y", "data", "copy")
    one.vfs("pull")
    assert [(one.root / name).exists() for name in ("x", "y", "data/c", "copy/c")] == [True] * 4


def test_add_of_what_was_never_checked_out_drops_nothing(one: Clone) -> None:
    store(one)
    commit(one, "data")
    one.vfs("push")
    before = (one.root / "data.dvc").read_text()
    forget(one, "data")
    with pytest.raises(AssertionError):
        one.vfs("add", "data/sub")  # DVC: output 'data' does not exist
    assert (one.root / "data.dvc").read_text() == before


def test_a_file_of_a_wrong_object_is_not_called_right(one: Clone) -> None:
    store(one)
    commit(one, "data")
    one.vfs("push")
    digest = md5(b"data/c").hexdigest()
    path = one.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    path.chmod(0o444)
    shutil.rmtree(one.root / "data")
    one.vfs("pull")
    one.vfs("fsck", "--content", "--repair")
    one.vfs("checkout")
    assert (one.root / "data/c").read_bytes() == b"data/c"
