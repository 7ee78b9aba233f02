"""Stages that run in a private view: only declared outs reach the working tree, and only from a command that ended well."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import Work
from vfs.sandbox.view import supported


@pytest.fixture(autouse=True)
def needs_views(tmp_path: Path) -> None:
    refusal = supported(str(tmp_path))
    if refusal is not None:
        pytest.skip(refusal.message)


def test_what_is_not_declared_stays_out(work: Work) -> None:
    work.write("kept", "kept\n")
    work.pipeline(
        "  one:\n    cmd:\n    - mkdir -p d/e && cp a d/e/x && ln -s x d/e/l\n"
        "    - echo stray > stray; echo more >> kept; rm params.yaml; echo {} > m.json\n"
        "    deps: [a]\n    outs: [d]\n    metrics:\n    - m.json: {cache: false}\n"
        "  two: {cmd: cp d/e/x y, deps: [d], outs: [y]}\n"
    )
    said = work.vfs("repro", "--private")
    assert "kept (modified), params.yaml (deleted), stray (created)" in said
    assert work.read("kept") == "kept\n"
    assert work.read("params.yaml") == "lr: 1\n"
    assert work.read("y") == "a\n"
    assert os.readlink(work.root / "d" / "e" / "l") == "x"
    assert not (work.root / "stray").exists()
    (stray,) = (work.root / ".dvc" / "tmp").glob("vfs-run-one-*/view/upper/stray")
    assert stray.read_text() == "stray\n"
    assert "2 stages: nothing to run" in work.vfs("status")


def test_a_failure_leaves_the_working_tree_as_it_was(work: Work) -> None:
    work.pipeline("  one: {cmd: 'mkdir d; cp a d/x', deps: [a], outs: [d]}\n")
    work.vfs("repro", "--private")
    work.pipeline("  one: {cmd: 'mkdir d; echo half > d/x; exit 5', deps: [a], outs: [d]}\n")
    assert "ended with 5" in work.vfs("repro", "--private", code=23)
    assert work.read("d/x") == "a\n"
    (half,) = (work.root / ".dvc" / "tmp").glob("vfs-run-one-*/view/upper/d/x")
    assert half.read_text() == "half\n"
    work.pipeline("  one: {cmd: 'mkdir d; cp a d/y', deps: [a], outs: [d]}\n")
    assert work.outcomes("--private") == {"one": "ran"}
    assert sorted(os.listdir(work.root / "d")) == ["y"]
    assert not list((work.root / ".dvc" / "tmp").glob("vfs-run-one-*/view"))


def test_persist_outs_are_seen_and_changed(work: Work) -> None:
    work.pipeline("  one:\n    cmd: mkdir -p p; cat a >> p/log; rm -f p/old; touch p/new\n    deps: [a]\n    outs:\n    - p: {persist: true}\n")  # fmt: skip
    work.write("p/old", "old\n")
    work.write("p/same", "same\n")
    work.vfs("repro", "--private")
    work.write("a", "b\n")
    work.vfs("repro", "--private")
    assert work.read("p/log") == "a\nb\n"
    assert sorted(os.listdir(work.root / "p")) == ["log", "new", "same"]


def test_side_by_side(work: Work) -> None:
    work.pipeline("".join(f"  s{n}: {{cmd: cp a o{n}, deps: [a], outs: [o{n}]}}\n" for n in range(4)))  # fmt: skip
    assert set(work.outcomes("--private", "-j", "4").values()) == {"ran"}
    assert all(work.read(f"o{n}") == "a\n" for n in range(4))


def test_ctrl_c(work: Work, waiting: Callable[[Path], None]) -> None:
    begun = work.sandbox.root / "begun"
    work.pipeline(f"  one:\n    cmd: touch {begun}; while :; do sleep 0.01; done\n    deps: [a]\n    outs: [b]\n")  # fmt: skip
    process = work.start("repro", "--private")
    waiting(begun)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[0].decode()
    assert process.returncode == 130, said
    assert str(work.root) not in Path("/proc/self/mountinfo").read_text()
