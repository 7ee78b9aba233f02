"""`vfs install`: real git runs the hooks and the merge driver; the real dvc agrees with what comes of it."""

import os
import sys
from pathlib import Path

import pytest

from vfs.formats.packs import MANIFESTS, removed_key
from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc


@pytest.fixture
def clone(sandbox: Sandbox, dvc3: Path) -> Clone:
    sandbox.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    made = Clone(sandbox, sandbox.root / "r", dvc3)
    made.root.mkdir()
    made.git("init", "-q")
    made.vfs("init")
    made.vfs("remote", "add", "-d", "store", "../store")
    made.vfs("install")
    made.write("data/a", b"a")
    made.write("data/s/b", b"b")
    made.vfs("add", "data")
    commit(made, "first")
    made.git("branch", "other")
    return made


def commit(clone: Clone, message: str) -> None:
    clone.git("add", "-A", ".")
    clone.git("commit", "-q", "-m", message)


def on_both(clone: Clone, ours: dict[str, bytes | None], theirs: dict[str, bytes | None]) -> None:
    """Change files on `main` and, in another way, on `other`; ends on `main`."""
    for branch, files in (("other", theirs), ("main", ours)):
        clone.git("checkout", "-q", branch)
        for path, data in files.items():
            if data is None:
                (clone.root / path).unlink()
            else:
                clone.write(path, data)
        clone.vfs("add", "data")
        commit(clone, branch)


def merge(clone: Clone) -> tuple[int, str]:
    done = clone.sandbox.run(["git", "merge", "-q", "other"], cwd=clone.root, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_two_branches_become_one(clone: Clone) -> None:
    on_both(
        clone,
        {"data/x": b"x", "data/s/b": None, "data/same": b"1"},
        {"data/s/y": b"y", "data/a": b"changed", "data/same": b"1"},
    )
    assert merge(clone) == (0, "Auto-merging data.dvc\n")
    assert "nfiles: 4" in (clone.root / "data.dvc").read_text()
    clone.vfs("checkout")
    assert clone.data == {
        "data/a": b"changed", "data/same": b"1", "data/s/y": b"y", "data/x": b"x"
    }  # fmt: skip
    assert "up to date" in clone.dvc("status")
    clone.dvc("push", "-q")


def test_the_size_is_kept_where_it_can_be_known(clone: Clone) -> None:
    on_both(clone, {"data/x": b"12345"}, {"data/y": b"123"})
    assert merge(clone)[0] == 0
    text = (clone.root / "data.dvc").read_text()
    clone.vfs("checkout")
    clone.vfs("add", "data")
    assert (clone.root / "data.dvc").read_text() == text
    assert "size: 10\n" in text


def test_a_conflict_names_files(clone: Clone) -> None:
    on_both(
        clone,
        {"data/a": b"ours", "data/n": b"1", "data/s/b": None, "data/d": b"file", "data/ok": b"k"},
        {"data/a": b"theirs", "data/n": b"2", "data/s/b": b"new", "data/d/e": b"directory"},
    )
    code, said = merge(clone)
    assert code == 1
    for line in (
        "data/a: modified by both",
        "data/n: added by both",
        "data/s/b: removed by us, modified by them",
        "data/d: a file on one side, a directory on the other",
    ):
        assert f"conflict in tracked data: {line}" in said
    assert "data/ok" not in said
    assert "<<<<<<< ours" in (clone.root / "data.dvc").read_text()


def test_what_else_the_pointer_says_is_merged_by_lines(clone: Clone) -> None:
    file = clone.root / "data.dvc"
    on_both(clone, {"data/x": b"x"}, {"data/y": b"y"})
    clone.git("checkout", "-q", "other")
    file.write_text(file.read_text() + "meta:\n  by: them\n")
    commit(clone, "meta")
    clone.git("checkout", "-q", "main")
    file.write_text("# of us\n" + file.read_text())
    commit(clone, "comment")
    assert merge(clone) == (0, "Auto-merging data.dvc\n")
    text = file.read_text()
    assert text.startswith("# of us\n")
    assert text.endswith("meta:\n  by: them\n")
    assert "nfiles: 4" in text


def test_a_list_that_only_the_remote_has_is_fetched(clone: Clone, sandbox: Sandbox) -> None:
    on_both(clone, {"data/x": b"x"}, {"data/y": b"y"})
    other = clone.clone("second")
    other.vfs("install")
    other.git("branch", "other", "origin/other")
    code, said = merge(other)
    assert (code, "no remote" in said) == (1, True), said
    other.git("merge", "--abort")
    clone.vfs("push", "--all-commits")
    assert merge(other) == (0, "Auto-merging data.dvc\n")
    assert "nfiles: 4" in (other.root / "data.dvc").read_text()


def test_a_list_that_a_collection_put_aside_is_found(clone: Clone, sandbox: Sandbox) -> None:
    on_both(clone, {"data/x": b"x"}, {"data/y": b"y"})
    other = clone.clone("second")
    other.vfs("install")
    other.git("branch", "other", "origin/other")
    packed = sandbox.root / "packed"
    for one in (clone, other):
        one.vfs("remote", "add", "--packed", "team", str(packed))
    clone.vfs("push", "--all-commits", "-r", "team")
    (packed / MANIFESTS).rename(packed / removed_key(MANIFESTS))
    assert merge(other) == (0, "Auto-merging data.dvc\n")


def test_hooks_run(clone: Clone) -> None:
    on_both(clone, {"data/x": b"x"}, {"data/y": b"y"})
    clone.git("checkout", "-q", "other")  # post-checkout
    assert sorted(clone.data) == ["data/a", "data/s/b", "data/y"]
    clone.git("checkout", "-q", "main", "--", "data.dvc")  # a file is no branch
    assert sorted(clone.data) == ["data/a", "data/s/b", "data/y"]
    clone.git("checkout", "-q", "-f", "main")
    assert sorted(clone.data) == ["data/a", "data/s/b", "data/x"]
    clone.write("data/z", b"z")
    (clone.root / "text").write_text("t")
    clone.git("add", "text")
    done = clone.sandbox.run(["git", "commit", "-m", "t"], cwd=clone.root)  # pre-commit
    assert b"1 new" in done.stdout + done.stderr
    clone.git("init", "-q", "--bare", "../hub.git")
    clone.git("push", "-q", "../hub.git", "other")  # pre-push: data of `other`
    third = clone.clone("third", "other")
    third.vfs("pull")
    assert third.data["data/y"] == b"y"
    clone.git("push", "-q", "../hub.git", ":other")  # nothing to push


def test_nothing_of_anybody_is_overwritten(clone: Clone) -> None:
    hooks = clone.root / ".git" / "hooks"
    own = "#!/bin/sh\nmine\n"
    (hooks / "pre-push").write_text(own)
    clone.git("config", "merge.dvc.driver", "dvc git-hook merge-driver")
    said = clone.vfs("install", code=1)
    assert (hooks / "pre-push").read_text() == own
    assert '    vfs git-hook pre-push "$@"\n' in said
    assert "git config merge.dvc.driver 'vfs git-hook merge-driver %O %A %B %P'" in said
    assert (clone.root / ".gitattributes").read_text() == "*.dvc merge=dvc\n"
    (hooks / "pre-push").write_text(own + 'vfs git-hook pre-push "$@"\n')
    clone.git("config", "--unset", "merge.dvc.driver")
    clone.vfs("install")
    clone.git("config", "core.hooksPath", ".githooks")
    assert '    vfs git-hook pre-commit "$@"\n' in clone.vfs("install", code=1)
    assert not (clone.root / ".githooks").exists()
