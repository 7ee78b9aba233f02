"""`vfs repro --rev`: a commit's pipeline is made again beside the working tree, and compared with what the commit records."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import Work

PIPELINE = """\
  prepare: {cmd: cat data/x a > p, deps: [data/x, a], outs: [p]}
  train:
    cmd: sed s/1/$(grep -o '[0-9]*' params.yaml)/ p > model && wc -c < model > m
    deps: [p]
    params: [lr]
    outs: [model]
    metrics: [m: {cache: false}]
  unsteady: {cmd: date +%N > u, deps: [p], outs: [u]}
"""


@pytest.fixture
def v1(work: Work) -> Work:
    """A repository whose `v1` records everything, and that has gone on since; data lies in a remote of relative URL."""
    work.write("data/x", "data 1\n")
    work.vfs("add", "data")
    work.vfs("remote", "add", "-d", "store", "../remote")
    work.pipeline(PIPELINE)
    work.vfs("repro")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "v1")
    work.git("tag", "v1")
    work.vfs("push")
    work.write("params.yaml", "lr: 2\n")
    work.write("a", "other\n")
    work.vfs("repro")
    work.git("commit", "-q", "-am", "v2")
    work.write("a", "the user's own\n")
    work.write("new", "staged\n")
    work.git("add", "new")
    return work


def whole(work: Work) -> dict[str, Any]:
    """All that is the user's: files, index, HEAD, branches, linked trees."""
    files = {
        str(path): path.read_bytes()
        for path in work.root.rglob("*")
        if path.is_file() and not {".git", "cache", "tmp"} & set(path.relative_to(work.root).parts)
    }
    said = work.git("status", "--porcelain"), work.git("rev-parse", "HEAD"), work.git("branch", "-a")  # fmt: skip
    return {**files, "git": said, "trees": work.git("worktree", "list")}


def stages(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["stage"]: one for one in documents if one["type"] == "stage"}


def test_what_is_steady_comes_out_the_same_here_and_in_a_clone(v1: Work) -> None:
    before = whole(v1)
    said = v1.vfs("repro", "--rev", "v1", "-f", "train")
    assert "Stage 'prepare': same as recorded." in said
    assert "2 of 2 stages: as v1 records them" in said
    found = stages(v1.documents("repro", "--rev", "v1", "-f", code=1))
    assert {name: one["reproduced"] for name, one in found.items()} == {"prepare": True, "train": True, "unsteady": False}  # fmt: skip
    assert found["unsteady"]["differs"] == ["u"]
    assert found["train"]["lock"]["params"] == {"params.yaml": {"lr": 1}}
    assert whole(v1) == before
    assert list((v1.root / ".dvc/tmp").glob("vfs-rev-*")) == []
    commit = v1.git("rev-parse", "v1").strip()
    assert [one["commit"] for one in v1.documents("log", "train")][:2] == [commit, commit]
    clone = Work(v1.sandbox, v1.sandbox.root / "clone")
    v1.sandbox.git(v1.sandbox.root, "clone", "-q", str(v1.root), str(clone.root))
    assert "1 of 1 stages: as v1 records them" in clone.vfs("repro", "--rev", "v1", "-f", "-s", "train")  # fmt: skip
    assert sorted(os.listdir(clone.root)) == sorted([".dvc", ".dvcignore", ".git", ".gitignore", "a", "data.dvc", "dvc.lock", "dvc.yaml", "m", "params.yaml"])  # fmt: skip


def test_what_is_not_run_and_what_cannot_be(v1: Work) -> None:
    assert "nothing was run: v1 records all of it" in v1.vfs("repro", "--rev", "v1")
    assert set(v1.outcomes("--rev", "v1", "--dry-run", "-f", "-s", "train").values()) == {"would-run"}  # fmt: skip
    v1.git("checkout", "-q", "--", "a")
    v1.write("dvc.yaml", v1.read("dvc.yaml") + "  never: {cmd: cat a > n, deps: [a], outs: [n]}\n")
    v1.git("commit", "-q", "-am", "not recorded")
    found = stages(v1.documents("repro", "--rev", "HEAD", "never", code=1))
    assert (found["never"]["outcome"], found["never"]["reproduced"]) == ("ran", None)

    v1.write("dvc.yaml", v1.read("dvc.yaml").replace("date +%N > u", "date +%N > u; echo > v; false"))  # fmt: skip
    v1.git("commit", "-q", "-am", "broken")
    assert "its command ended with 1" in v1.vfs("repro", "--rev", "HEAD", "unsteady", code=23)
    v1.vfs("repro", "--rev", "nothing", code=4)
    v1.vfs("repro", "--rev", "v1", "--in-place", code=2)
    said = v1.vfs("repro", "--rev", "v1", "--keep")
    (kept,) = (v1.root / ".dvc/tmp").glob("vfs-rev-*")
    assert f"git worktree remove --force .dvc/tmp/{kept.name}" in said
    v1.vfs("repro", "--rev", "v1")
    assert kept.is_dir()
    v1.git("worktree", "remove", "--force", str(kept))


def test_what_a_killed_one_left_goes_with_the_next(
    v1: Work, waiting: Callable[[Path], None]
) -> None:
    v1.write("dvc.yaml", v1.read("dvc.yaml").replace("date +%N > u", f"touch {v1.signs}/on; sleep 60"))  # fmt: skip
    v1.git("commit", "-q", "-am", "slow")
    before = v1.git("worktree", "list")
    for how in (signal.SIGKILL, signal.SIGTERM):
        process: subprocess.Popen[bytes] = v1.start("repro", "--rev", "HEAD", "-s", "unsteady")
        waiting(v1.signs / "on")
        (v1.signs / "on").unlink()
        process.send_signal(how)
        process.communicate()
        left = list((v1.root / ".dvc/tmp").glob("vfs-rev-*"))
        assert bool(left) == (how is signal.SIGKILL)
        v1.vfs("repro", "--rev", "v1")
        assert v1.git("worktree", "list") == before
        assert list((v1.root / ".dvc/tmp").glob("vfs-rev-*")) == []


def test_what_comes_out_otherwise_is_no_entry_of_the_run_cache(work: Work) -> None:
    work.write(".gitignore", "secret\n")
    work.write("secret", "only here\n")
    work.pipeline("  one: {cmd: cat a > b; cat secret >> b || true, deps: [a], outs: [b]}\n")
    work.vfs("repro")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "v1")
    entries = work.root / ".dvc/cache/runs"
    before = {path: path.stat().st_mtime_ns for path in entries.rglob("*") if path.is_file()}
    assert stages(work.documents("repro", "--rev", "HEAD", "-f", code=1))["one"]["differs"] == ["b"]
    assert before == {p: p.stat().st_mtime_ns for p in entries.rglob("*") if p.is_file()}
    (work.root / "dvc.lock").unlink()
    assert work.outcomes() == {"one": "restored"}
    assert work.read("b") == "a\nonly here\n"

    for path in before:
        path.unlink()
    work.documents("repro", "--rev", "HEAD", "-f", code=1)
    assert [path for path in entries.rglob("*") if path.is_file()] == []
    work.write("dvc.yaml", work.read("dvc.yaml").replace("; cat secret >> b || true", ""))
    work.git("commit", "-q", "-am", "not recorded")
    work.documents("repro", "--rev", "HEAD", "-f", code=1)
    assert [path for path in entries.rglob("*") if path.is_file()] == []
    work.vfs("repro", "--no-run-cache")
    work.git("commit", "-q", "-am", "recorded")
    shutil.rmtree(entries)
    work.vfs("repro", "--rev", "HEAD", "-f")
    assert len([path for path in entries.rglob("*") if path.is_file()]) == 1


LEADING = """\
  plain: {{cmd: 'true', deps: [near, {outside}], outs: [o/plain]}}
  dep: {{cmd: 'touch {ran}', deps: [near, {top}/a], outs: [o/dep]}}
  link: {{cmd: 'true', deps: [link], outs: [o/link]}}
  inner: {{cmd: 'true', deps: [directory], outs: [o/inner]}}
  params: {{cmd: 'true', params: ['{top}/params.yaml': [lr]], outs: [o/params]}}
  wdir: {{cmd: 'true', wdir: back, outs: [o]}}
  around: {{cmd: 'true', deps: [around], outs: [o/around]}}
"""


def test_what_leads_into_the_tree_of_the_user_is_refused_before_anything_runs(work: Work) -> None:
    top, outside = str(work.root), work.sandbox.root / "outside"
    outside.write_text("outside\n")
    (work.root / "directory").mkdir()
    work.write("v.yaml", "n: 1\n")
    links = {"link": f"{top}/a", "near": "a", "directory/inner": f"{top}/a", "back": top, "way": str(outside), "around": f"{top}/way"}  # fmt: skip
    for link, target in links.items():
        (work.root / link).symlink_to(target)
    work.write(
        "sub/dvc.yaml", "stages:\n  one: {cmd: 'echo ${n}', vars: [../back/v.yaml], outs: [o]}\n"
    )
    work.pipeline(LEADING.format(top=top, outside=outside, ran=work.signs / "ran"))
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "v1")

    told = {"dep": f"'{top}/a' leads to 'a'", "link": "'link' leads to 'a'", "inner": "'directory/inner' leads to 'a'", "params": f"'{top}/params.yaml' leads to 'params.yaml'", "wdir": "'back' leads to '.'", "around": "'around' leads to 'way'"}  # fmt: skip
    for line, name in enumerate(told, 3):
        said = work.vfs("repro", "--rev", "HEAD", "--dry-run", "-s", name, code=9)
        assert f"dvc.yaml:{line}: stage '{name}': {told[name]} in your own working tree" in said
    assert "stage 'dep'" in work.vfs("repro", "--rev", "HEAD", "-f", "plain", "dep", code=9)
    said = work.vfs("repro", "--rev", "HEAD", "--dry-run", "sub/dvc.yaml", code=9)
    assert "sub/dvc.yaml:2: stage 'one': 'back/v.yaml' leads to 'v.yaml'" in said
    assert not (work.signs / "ran").exists()
    assert work.outcomes("--rev", "HEAD", "--dry-run", "plain") == {"plain": "would-run"}


def test_variables_of_a_revision_are_brought_by_what_is_told(work: Work) -> None:
    work.write("v.yaml", "n: 1\n")
    work.vfs("add", "v.yaml")
    work.vfs("remote", "add", "-d", "store", "../remote")
    work.write("dvc.yaml", "vars: [v.yaml]\nstages:\n  one: {cmd: 'echo ${n} > o', outs: [o]}\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "v1")
    work.git("tag", "v1")
    work.vfs("push")
    work.write("v.yaml", "n: 2\n")
    work.vfs("add", "v.yaml")
    work.git("commit", "-q", "-am", "v2")
    clone = Work(work.sandbox, work.sandbox.root / "clone")
    work.sandbox.git(work.sandbox.root, "clone", "-q", str(work.root), str(clone.root))
    assert "`vfs fetch --rev v1` brings it" in clone.vfs("repro", "--rev", "v1", code=9)
    clone.vfs("fetch", "--rev", "v1")
    assert clone.outcomes("--rev", "v1", "--dry-run") == {"one": "would-run"}
