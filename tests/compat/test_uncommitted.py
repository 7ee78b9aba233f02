"""Outs whose pointer has no hash yet (written by hand, or by a tool): they are known, and can be recorded."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = pytest.mark.dvc

Make = Callable[[str], Clone]


@pytest.fixture
def make(sandbox: Sandbox, dvc3: Path) -> Make:
    """Repositories with a remote, a file that is recorded and one that is not."""

    def make(name: str) -> Clone:
        root = sandbox.root / name
        root.mkdir()
        clone = Clone(sandbox, root, dvc3)
        clone.git("init", "-q")
        clone.dvc("init", "-q")
        clone.dvc("remote", "add", "-q", "-d", "store", str(sandbox.root / "store"))
        clone.write("one", b"1")
        clone.vfs("add", "one")
        clone.write("later.dvc", b"outs:\n- path: later\n")
        clone.git("add", "--all")
        return clone

    return make


def test_they_are_named_for_what_they_are(make: Make) -> None:
    one = make("one")
    for verb in ("push", "fetch", "pull", "checkout"):
        for name in ("later", "later.dvc"):
            assert "later: its pointer has no hash: the data was never" in one.vfs(
                verb, name, code=11
            )
        one.vfs(verb)


def test_status(make: Make) -> None:
    """dvc says that a new one is modified."""
    one = make("one")
    for change, theirs in (("deleted", "deleted"), ("new", "modified")):
        (stage,) = json.loads(one.dvc("status", "--json"))["later.dvc"]
        assert stage == {"changed outs": {"later": theirs}}
        assert one.vfs("status", "later") == f"{change:<14} later\n"
        assert f"{change:<14} later\n" in one.vfs("status")
        one.write("later", b"2")


PIPELINE = b"""stages:
  ran:
    cmd: echo 1 > out1
    outs: [out1]
  never:
    cmd: echo 2 > out2; echo 3 > score
    outs: ["${name}"]
    metrics:
    - score:
        cache: false
"""


def test_outs_of_a_stage_that_never_ran(make: Make) -> None:
    one = make("one")
    one.write("dvc.yaml", PIPELINE)
    one.write("params.yaml", b"name: out2\n")
    one.dvc("repro", "-q", "ran")
    found = [line.split() for line in one.vfs("status").splitlines()[:3]]
    assert found[:2] == [["deleted", "later"], ["changed", "stage", "never"]]
    (never,) = json.loads(one.dvc("status", "--json", "never"))["never"]
    assert never["changed outs"]["out2"] == "deleted"
    one.dvc("repro", "-q", "never")
    assert "out2" not in one.vfs("status")


@pytest.mark.parametrize("verb", [soak("add later"), soak("commit later.dvc"), "commit"])
def test_they_are_recorded_as_by_dvc(make: Make, verb: str) -> None:
    pointers = []
    for name in ("ours", "theirs"):
        clone = make(name)
        clone.write("later", b"2")
        if name == "ours":
            clone.vfs(*verb.split())
        else:
            clone.dvc("commit", "-q", "--force")
        pointers.append((clone.root / "later.dvc").read_bytes())
        assert "up to date" in clone.dvc("status")
    assert pointers[0] == pointers[1]


def test_they_move_and_go(make: Make) -> None:
    one = make("one")
    one.write("later", b"2")
    one.vfs("move", "later", "moved")
    assert (one.root / "moved").read_bytes() == b"2"
    one.vfs("remove", "moved.dvc")
    assert not (one.root / "moved.dvc").exists()
    assert (one.root / "moved").exists()
