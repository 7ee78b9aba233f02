"""`vfs checkout` after the pointer of an out went: what `dvc checkout` removes goes, what is anybody's stays."""

from pathlib import Path

import pytest

from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc


@pytest.fixture
def twins(sandbox: Sandbox, dvc3: Path) -> tuple[Clone, Clone]:
    """Two clones at `main`, with data that each tool added itself; `bare` has no pointer."""
    made = []
    for name in ("ours", "theirs"):
        root = sandbox.root / name
        root.mkdir()
        clone = Clone(sandbox, root, dvc3)
        clone.git("init", "-q", "-b", "main")
        clone.dvc("init", "-q")
        clone.git("commit", "-q", "-m", "init")
        clone.git("branch", "bare")
        clone.write("data/a", b"a")
        clone.write("data/sub/b", b"b")
        clone.write("other/c", b"c")
        clone.write("one", b"1")
        (clone.vfs if name == "ours" else clone.dvc)("add", "data", "other", "one")
        clone.git("add", "--all")
        clone.git("commit", "-q", "-m", "data")
        made.append(clone)
    return made[0], made[1]


def names(clone: Clone) -> set[str]:
    """All files of a working tree."""
    found = (path.relative_to(clone.root) for path in clone.root.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] not in (".git", ".dvc")}


def test_as_dvc_does(twins: tuple[Clone, Clone]) -> None:
    left = []
    for clone, checkout in zip(twins, (twins[0].vfs, twins[1].dvc), strict=True):
        before = names(clone)
        clone.write("other/c", b"changed")
        clone.git("checkout", "-q", "bare")
        checkout("checkout")
        left.append(names(clone))
        clone.git("checkout", "-q", "main")
        checkout("checkout", "data", "one")
        assert names(clone) == before
        clone.git("checkout", "-q", "bare")
        checkout("checkout")
        assert names(clone) == left[-1]
    assert left[0] == left[1] == {".dvcignore", "other/c"}


def test_a_file_of_the_users_keeps_all_of_it(twins: tuple[Clone, Clone]) -> None:
    """It is told once."""
    one = twins[0]
    one.write("data/mine", b"mine")
    one.git("checkout", "-q", "bare")
    assert "kept, though it is not recorded: data" in one.vfs("checkout")
    assert names(one) == {".dvcignore", "data/a", "data/sub/b", "data/mine"}
    assert "kept" not in one.vfs("checkout")


def test_what_the_cache_lost_stays(twins: tuple[Clone, Clone]) -> None:
    one = twins[0]
    for found in one.cache.rglob("*"):
        if found.is_file():
            found.unlink()
    one.git("checkout", "-q", "bare")
    one.vfs("checkout")
    assert names(one) == {".dvcignore", "data/a", "data/sub/b", "other/c", "one"}


def test_what_remove_left_stays(twins: tuple[Clone, Clone]) -> None:
    one = twins[0]
    one.vfs("remove", "data", "one")
    one.vfs("move", "other", "moved")
    one.vfs("checkout")
    assert {"data/a", "data/sub/b", "one", "moved/c"} <= names(one)
    one.git("add", "--all", "*.dvc")
    one.git("stash", "-q")
    one.git("checkout", "-q", "bare")
    one.vfs("checkout")
    assert names(one) == {".dvcignore", "data/a", "data/sub/b", "one"}


def test_what_git_has_or_may_have_stays(twins: tuple[Clone, Clone]) -> None:
    """Data that Git tracks on another branch; a pointer that a sparse checkout leaves out, or that cannot be read."""
    one = twins[0]
    one.git("checkout", "-q", "bare")
    one.git("add", "--force", "data")
    one.git("commit", "-q", "-m", "in Git")
    one.vfs("checkout")
    assert names(one) == {".dvcignore", "data/a", "data/sub/b"}
    one.git("checkout", "-q", "main")
    one.vfs("checkout")
    before = names(one)
    one.git("sparse-checkout", "set", "--no-cone", "/*", "!/data.dvc")
    one.write("one.dvc", b"outs: [")
    one.vfs("checkout", code=9)
    assert names(one) == before - {"data.dvc"}
    one.write("mine/d", b"d")
    one.vfs("add", "mine")
    one.write(".git/info/exclude", b"*.dvc")
    one.vfs("checkout", code=9)
    assert (one.root / "mine" / "d").exists()
