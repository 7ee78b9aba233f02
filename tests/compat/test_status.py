"""`vfs status` beside `dvc status` and `dvc data status`, for every kind of change."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vfs.config import load_settings
from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox
from vfs.workspace import open_workspace
from vfs.workspace.here import survey_here

pytestmark = pytest.mark.dvc


@pytest.fixture
def clone(sandbox: Sandbox, dvc3: Path) -> Clone:
    made = Clone(sandbox, sandbox.root / "r", dvc3)
    made.root.mkdir()
    made.git("init", "-q")
    made.dvc("init", "-q")
    (sandbox.root / "remote").mkdir()
    made.dvc("remote", "add", "-q", "-d", "store", "../remote")
    for name in ("same", "edited", "touched", "less", "more", "gone", "list", "object", "both"):
        for file in ("a", "b", "s/c"):
            made.write(f"{name}/{file}", f"{name} {file}".encode())
    for name in ("one", "one-edited", "one-gone", "one-object", "one-directory"):
        made.write(name, name.encode())
    made.dvc("add", "-q", *sorted(p.name for p in made.root.iterdir() if p.name[0] != "."))
    made.git("add", "-A", ".")
    made.git("commit", "-q", "-m", "x")
    return made


def objects(clone: Clone, path: str) -> Path:
    """The object of a file, by what it holds."""
    import hashlib

    name = hashlib.md5((clone.root / path).read_bytes()).hexdigest()
    return clone.root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]


def listing(clone: Clone, path: str) -> Path:
    line = (clone.root / f"{path}.dvc").read_text().split("md5: ", 1)[1].split()[0]
    return clone.root / ".dvc" / "cache" / "files" / "md5" / line[:2] / line[2:]


def change(clone: Clone) -> None:
    root = clone.root
    clone.write("edited/a", b"other")
    os.utime(root / "touched" / "a", (1, 1))
    (root / "less" / "s" / "c").unlink()
    clone.write("more/s/new", b"new")
    shutil.rmtree(root / "gone")
    listing(clone, "list").unlink()
    objects(clone, "object/b").unlink()
    objects(clone, "both/b").unlink()
    clone.write("both/a", b"other")
    clone.write("one-edited", b"other")
    (root / "one-gone").unlink()
    objects(clone, "one-object").unlink()
    (root / "one-directory").unlink()
    clone.write("one-directory/x", b"x")
    clone.write("untracked/x", b"x")


def ours(clone: Clone, *arguments: str) -> Iterator[dict[str, Any]]:
    for line in clone.vfs("status", "--json", *arguments).splitlines():
        yield json.loads(line)


def test_every_kind_of_change(clone: Clone) -> None:
    assert clone.vfs("status") == "14 tracked paths: all as the pointers say\n"
    clone.vfs("status", "-q")
    change(clone)
    theirs = {
        path: what
        for changes in json.loads(clone.dvc("status", "--json")).values()
        for outs in changes
        for path, what in outs["changed outs"].items()
    }
    assert len(theirs) == 11
    found = {}
    for document in ours(clone):
        if document["type"] == "out":
            what = "not in cache" if document["not_in_cache"] else document["change"]
            found[document["path"]] = what
    assert found == theirs
    clone.vfs("status", "-q", code=1)

    data = json.loads(clone.dvc("data", "status", "--granular", "--json"))["uncommitted"]
    names = {"modified": "modified", "deleted": "deleted", "added": "new"}
    files = {(f["path"], f["change"]) for f in ours(clone, "--granular") if f["type"] == "file"}
    expected = {
        (path, ours) for name, ours in names.items() for path in data[name] if path[-1] != "/"
    }
    # dvc tells nothing of the files of a directory of which objects are missing
    hidden = {f for f in files if f[0].startswith(("both/", "object/", "one-directory"))}
    assert {f for f in files if f[1] != "not-in-cache"} - hidden == {
        e for e in expected if not e[0].startswith(("both/", "object/", "one-directory"))
    }
    assert ("both/a", "modified") in hidden
    assert ("both/b", "not-in-cache") in hidden
    assert ("object/b", "not-in-cache") in hidden


def test_what_never_was_here_is_no_difference(clone: Clone) -> None:
    """A fresh clone, then a part of it; what was here and is gone is deleted all the same."""
    clone.dvc("push", "-q")
    other = Clone(clone.sandbox, clone.sandbox.root / "other", clone.program)
    clone.git("clone", "-q", ".", str(other.root))
    rest = "(vfs pull brings the rest, vfs mount shows it)\n"
    assert other.vfs("status") == f"14 tracked paths: nothing of them is here {rest}"
    other.vfs("status", "-q")
    assert {d["change"] for d in ours(other) if d["type"] == "out"} == {"not-here"}
    assert other.vfs("diff") == ""
    other.vfs("pull", "one", "same/s")
    here = "12 not here, 1 here in part"
    assert other.vfs("status") == (
        f"14 tracked paths: {here}, what is here is as the pointers say {rest}"
    )
    said = other.vfs("status", "--granular")
    assert "here in part   same\n    2 not here\n    - same/a\n    - same/b\n" in said
    (other.root / "same" / "s" / "c").unlink()
    (other.root / "one").unlink()
    said = other.vfs("status")
    assert "modified       same\n    1 deleted, 2 not here\n" in said
    assert "deleted        one\n" in said
    shutil.rmtree(other.root / "same")
    assert "deleted        same\n" in other.vfs("status")
    other.vfs("status", "-q", code=1)


def test_targets_and_words(clone: Clone) -> None:
    change(clone)
    assert clone.vfs("status", "edited", "one") == "modified       edited\n    1 modified\n"
    assert clone.vfs("status", "edited.dvc", "--granular") == (
        "modified       edited\n    1 modified\n    M edited/a\n"
    )
    assert clone.vfs("status", "edited/b") == "1 tracked path: all as the pointers say\n"
    assert "1 new" in clone.vfs("status", "more/s")
    assert "vfs fetch" in clone.vfs("status", "list")
    assert "1 modified, 1 file not in cache" in clone.vfs("status", "both")
    assert "nothing that is tracked" in clone.vfs("status", "nope", code=5)
    below = clone.root / "edited" / "s"
    done = clone.sandbox.run([_vfs(), "status", ".."], cwd=below)
    assert done.stdout == b"modified       ..\n    1 modified\n"


def _vfs() -> Path:
    return Path(__file__).parents[2] / ".venv" / "bin" / "vfs"


def test_what_the_remote_lacks(clone: Clone) -> None:
    said = clone.vfs("status", "--remote", "same", "one")
    assert "not on store" in said
    assert "4 objects missing there" in said
    clone.dvc("push", "-q", "same")
    said = clone.vfs("status", "--remote", "same", "one")
    assert "same" not in said.splitlines()[1:]
    assert "1 object missing there" in said
    clone.vfs("status", "-q", "--remote", "same")
    clone.vfs("status", "-q", "--remote", "one", code=1)
    clone.dvc("push", "-q")
    assert "remote store has everything" in clone.vfs("status", "--remote")


def test_it_sees_the_tree_that_a_snapshot_sees(clone: Clone) -> None:
    """Tracked and new pointers, a `.dvcignore`, a DVC repository below: `survey_here` is `survey("worktree")`."""
    change(clone)
    clone.dvc("add", "-q", "untracked")
    (clone.root / ".dvcignore").write_text("hidden*\n")
    (clone.root / "hidden.dvc").write_text((clone.root / "one.dvc").read_text())
    (clone.root / "ignored.dvc").write_text((clone.root / "one.dvc").read_text())
    with (clone.root / ".gitignore").open("a") as file:
        file.write("/ignored.dvc\n")
    (clone.root / "broken.dvc").write_text("outs: 1\n")
    below = clone.root / "below"
    below.mkdir()
    clone.sandbox.run([_vfs(), "init", "--subdir", "."], cwd=below)
    shutil.copy(clone.root / "one.dvc", below / "one.dvc")
    (clone.root / "one-gone.dvc").unlink()
    workspace = open_workspace(clone.root, load_settings(clone.root))
    try:
        slow = workspace.survey("worktree")
    finally:
        workspace.close()
    quick = survey_here(clone.root)
    assert quick.claims == slow.claims
    assert quick.problems == slow.problems
    pointers = [claim.pointer for claim in quick.claims.served]
    assert b"untracked.dvc" in pointers
    for pointer in pointers:
        assert quick.roots.root_of(pointer) == slow.roots.root_of(pointer)
        assert quick.roots.store_of(pointer) == slow.roots.store_of(pointer)
    assert not {b"hidden.dvc", b"ignored.dvc", b"one-gone.dvc"} & set(pointers)


def test_diff_against_the_working_tree(clone: Clone) -> None:
    """The real `dvc diff` names the same files, but for what is missing and for directories."""
    clone.vfs("status")  # what was never seen here would count as never here
    change(clone)
    for path in ("both/b", "object/b", "one-object", "one-directory"):
        clone.sandbox.run(["rm", "-r", path], cwd=clone.root)
    clone.dvc("commit", "-q", "-f", "edited.dvc")
    clone.write("edited/a", b"once more")
    clone.write("more/a", b"other")
    clone.dvc("commit", "-q", "-f", "more.dvc")
    clone.write("more/a", b"more a")  # as it was in HEAD
    found: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    documents = [json.loads(line) for line in clone.vfs("diff", "--json").splitlines()]
    for document in documents:
        if document["type"] == "change" and not document["path"].endswith(".dvc"):
            found[document["change"]].append(document["path"])
    theirs = json.loads(clone.dvc("diff", "--json"))
    for ours, name in (("added", "added"), ("removed", "deleted"), ("changed", "modified")):
        expected = [item["path"] for item in theirs[name] if item["path"][-1] != "/"]
        gone = ["gone/a", "gone/b", "gone/s/c"] if ours == "removed" else []
        assert sorted(found[ours]) == sorted({*expected, *gone}), ours
    assert found["changed"] == ["both/a", "edited/a", "one-edited"]
    assert found["added"] == ["more/s/new"]
    back = [
        json.loads(line) for line in clone.vfs("diff", "worktree", "HEAD", "--json").splitlines()
    ]
    assert {d["path"] for d in back if d["type"] == "change"} == {
        d["path"] for d in documents if d["type"] == "change"
    }
    assert "more/s/new" in {d["path"] for d in back if d.get("change") == "removed"}
