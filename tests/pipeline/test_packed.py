"""A pipeline whose data is on a packed remote alone."""

import shutil

import pytest

from tests.pipeline.conftest import Work


@pytest.mark.fuse
def test_a_clone(work: Work) -> None:
    remote = work.sandbox.root / "remote"
    remote.mkdir()
    work.vfs("remote", "add", "--packed", "-d", "store", str(remote))
    work.pipeline(
        "  one: {cmd: cp a b, deps: [a], outs: [b]}\n"
        "  two: {cmd: 'mkdir c; cp b c/x', deps: [b], outs: [c]}\n"
        "  three: {cmd: 'cat c/x params.yaml >> d', deps: [c], params: [lr], outs: [d: {persist: true}]}\n"
    )
    work.vfs("repro")
    work.vfs("push")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "pipeline")
    clone = Work(work.sandbox, work.sandbox.root / "clone")
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(clone.root))
    assert set(clone.outcomes().values()) == {"unchanged"}
    clone.write("params.yaml", "lr: 2\n")
    assert clone.outcomes() == {"one": "unchanged", "two": "unchanged", "three": "ran"}
    assert clone.read("d") == "a\nlr: 1\na\nlr: 2\n"
    assert not (clone.root / "c").exists()
    clone.git("checkout", "-q", ".")
    (clone.root / "d").unlink()
    shutil.rmtree(clone.root / ".dvc/cache")
    shutil.rmtree(remote)
    remote.mkdir()
    assert clone.outcomes("two") == {"one": "ran", "two": "ran"}
