"""Deps that symlinks, absolute paths or paths from outside lead back into the repository: what is not all here counts as commands find it."""

import os
from pathlib import Path

import pytest

from tests.pipeline.clones import clone_of, published
from tests.pipeline.conftest import Work, begun
from vfs.testing.sandbox import Sandbox

STAGES = """\
  link: {{cmd: 'cat lnk/* > link', deps: [lnk], outs: [link]}}
  in: {{cmd: 'cat lnk/y > in', deps: [lnk/y], outs: [in]}}
  absolute: {{cmd: 'cat data/* > absolute', deps: [{top}/data], outs: [absolute]}}
  around: {{cmd: 'cat data/* > around', deps: [../{name}/data], outs: [around]}}
  beside: {{cmd: 'cat current/* > beside', deps: [current], outs: [beside]}}
  made: {{cmd: 'mkdir d; cp data/x d/x; cp data/y d/y', deps: [data], outs: [d]}}
  after: {{cmd: 'cat to_d/* > after', deps: [to_d], outs: [after]}}
"""


def stages(work: Work) -> str:
    return STAGES.format(top=work.root, name=work.root.name)


@pytest.fixture(scope="module")
def origin(module_sandbox: Sandbox) -> Work:
    """What tests clone; nobody changes it, nor its remote."""
    work = begun(module_sandbox)
    for path in ("data/x", "data/y", "project/big", "project/code"):
        work.write(path, f"{path}\n")
    work.vfs("add", "data", "project/big")
    for name, target in (("lnk", "data"), ("current", "project"), ("to_d", "d")):
        (work.root / name).symlink_to(target)
    published(work, stages(work))
    return work


def fresh(origin: Work, name: str) -> Work:
    """A clone with a part of the data, in which the absolute paths are its own."""
    clone = clone_of(origin, name)
    clone.vfs("pull", "data/x", "d/x")
    clone.pipeline(stages(clone))
    lock = clone.read("dvc.lock").replace(f"{origin.root}/", f"{clone.root}/")
    clone.write("dvc.lock", lock.replace(f"../{origin.root.name}/", f"../{name}/"))
    return clone


def test_what_is_not_here_counts_where_a_link_leads_to_it(origin: Work, dvc3: Path) -> None:
    assert origin.read("after") == "data/x\ndata/y\n"
    names = ("link", "in", "absolute", "around", "beside", "after")
    said = origin.sandbox.run([dvc3, "status", *names], cwd=origin.root).stdout.decode()
    assert "up to date" in said
    clone = fresh(origin, "counts")
    lock = clone.read("dvc.lock")
    assert "nothing to run" in clone.vfs("status")
    assert set(clone.outcomes().values()) == {"unchanged"}
    assert set(clone.outcomes("-f", "--no-run-cache").values()) == {"ran"}
    for name in names:
        assert clone.read(name) == origin.read(name)
    assert clone.read("dvc.lock") == lock
    assert sorted(os.listdir(clone.root / "data")) == ["x"]


def test_what_was_deleted_behind_a_link_is_not_seen(origin: Work) -> None:
    clone = fresh(origin, "deleted")
    (clone.root / "data/x").unlink()
    assert "dep lnk modified" in clone.vfs("status", "link")
    for name in ("link", "absolute", "around"):
        assert clone.outcomes(name) == {name: "ran"}
        assert clone.read(name) == "data/y\n"
    assert "nothing to run" in clone.vfs("status", "link", "absolute", "around")


def test_in_place_a_part_behind_a_link_is_refused(origin: Work) -> None:
    clone = fresh(origin, "in-place")
    lock = clone.read("dvc.lock")
    for name in ("link", "in", "absolute", "around", "after"):
        words = ("repro", "-f", "-s", "--in-place", name)
        assert "never checked out" in clone.vfs(*words, code=16)
    assert clone.read("dvc.lock") == lock
    assert clone.outcomes("-s", "--in-place", "--pull", "link") == {"link": "ran"}
    assert clone.read("link") == origin.read("link")


def test_parameters_behind_a_link_are_those_that_are_recorded(work: Work) -> None:
    work.write("found/p.json", '{"x": 3}\n')
    work.vfs("add", "found")
    (work.root / "to").symlink_to("found")
    published(work, "  one: {cmd: cat to/p.json > b, params: [to/p.json: [x]], outs: [b]}\n")
    clone = clone_of(work, "clone")
    assert clone.outcomes("-f") == {"one": "ran"}
    assert clone.read("b") == '{"x": 3}\n'
    assert "nothing to run" in clone.vfs("status")


def test_a_stage_that_runs_in_place_does_not_count_what_it_cannot_see(origin: Work) -> None:
    """A symlink leads to its out, so it runs in place; what it depends on is not here at all."""
    clone = clone_of(origin, "unseen")
    (clone.root / "real").mkdir()
    (clone.root / "to").symlink_to("real")
    clone.pipeline("  one: {cmd: ls project > to/f, deps: [current], outs: [to/f]}\n")
    lock = clone.read("dvc.lock")
    assert "needs project/big, which is not here" in clone.vfs("repro", code=16)
    assert clone.read("dvc.lock") == lock
    clone.vfs("pull", "project/big")
    assert clone.outcomes() == {"one": "ran"}
    assert clone.read("to/f") == "big\nbig.dvc\ncode\n"
