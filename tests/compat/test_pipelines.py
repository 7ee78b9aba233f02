"""Pipelines beside the real dvc: the same stages are judged and run for the same reasons, and each takes up what the other recorded."""

import shutil
from pathlib import Path

import pytest

from tests.compat.pipeline_pair import VFS, Pair
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


@pytest.fixture
def pair(request: pytest.FixtureRequest, shared_sandbox: Sandbox, dvc3: Path, template: Path) -> Pair:  # fmt: skip
    return Pair(shared_sandbox, dvc3, shared_sandbox.root / request.node.name, template)


def test_declaring_stages_writes_the_same_bytes(pair: Pair) -> None:
    many: list[list[str]] = [
        ["-n", "one", "-d", "s0", "-d", "data", "-p", "lr,deep.x", "-p", "other.json:", "-o", "b", "-O", "c", "cp s0 b"],
        ["-n", "two", "-d", "b", "-m", "m1.json", "-M", "m2.json", "--plots", "p1.csv", "--plots-no-cache", "p2.csv", "--desc", "two things", "python", "x.py", "a b", ""],
        ["-n", "three", "--outs-persist", "k", "--outs-persist-no-cache", "l", "--always-changed", "-p", "other.json:k", "echo \"$HOME\""],
        ["-n", "one", "-f", "-d", "s1", "-o", "b", "cp s1 b"],
        ["-n", "four", "-w", "data", "-o", "../w", "touch ../w"],
    ]  # fmt: skip
    for words in many:
        answer = pair.dvc(pair.theirs, "stage", "add", *words, check=False)
        done = pair.sandbox.run([VFS, "stage", "add", *words], cwd=pair.ours, check=False)
        assert (done.returncode == 0) == (answer.returncode == 0), (
            words,
            done.stderr,
            answer.stderr,
        )
        pair.compare_records()
    for verb in (["freeze"], ["unfreeze"]):
        pair.dvc(pair.theirs, *verb, "one")
        pair.sandbox.run([VFS, *verb, "one"], cwd=pair.ours)
        pair.compare_records()


FOUR = """\
stages:
  a: {cmd: cat s0 > oa, deps: [s0], outs: [oa]}
  b: {cmd: cat oa s1 > ob, deps: [oa, s1], outs: [ob]}
  c: {cmd: cat oa > oc, deps: [oa], params: [lr], outs: [oc]}
  d: {cmd: cat ob oc > od, deps: [ob, oc], outs: [od]}
  each:
    foreach: [x, y]
    do: {cmd: "echo ${item} > ${item}.txt", params: [lr], outs: ["${item}.txt"]}
  grid:
    matrix: {p: [1, 2], q: [u]}
    cmd: echo ${item.p} ${item.q} > ${key}.m
    outs: ["${key}.m"]
"""


def test_targets_and_options_choose_the_same_stages(pair: Pair) -> None:
    pair.both(lambda root: (root / "dvc.yaml").write_text(FOUR))
    pair.repro()
    pair.both(lambda root: (root / "s0").write_text("new\n"))
    pair.both(lambda root: (root / "params.yaml").write_text("lr: 5\n"))
    for args in (["b"], ["-s", "b"], ["--downstream", "c"], ["each"], ["each@x"], ["od"], ["-f", "grid"], ["dvc.yaml:c"], ["-P"]):  # fmt: skip
        pair.compare_plan(pair.ours, *args)
    for args in (["-s", "c"], ["--downstream", "b"], ["b"], ["-f", "each"], []):
        pair.repro(*args)
    pair.compare_status(pair.ours)


def test_each_takes_outs_from_the_run_cache_of_the_other(pair: Pair) -> None:
    pair.both(lambda root: (root / "dvc.yaml").write_text(FOUR))
    pair.repro()
    for mover, taker in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        for root in pair.roots:
            shutil.rmtree(root / ".dvc" / "cache" / "runs")
        text = f"for {mover.name}\n"
        (mover / "s1").write_text(text)
        if mover is pair.ours:
            pair.vfs(mover, "repro")
        else:
            pair.dvc(mover, "repro")
        shutil.copytree(mover / ".dvc" / "cache", taker / ".dvc" / "cache", dirs_exist_ok=True)
        (taker / "s1").write_text(text)
        if taker is pair.ours:
            outcomes = {one["stage"]: one["outcome"] for one in pair.vfs(taker, "repro") if one["type"] == "stage"}  # fmt: skip
            assert outcomes["b"] == outcomes["d"] == "restored"
        else:
            said = pair.dvc(taker, "repro").stdout
            assert b"Stage 'b' is cached" in said
            assert b"Running" not in said
        pair.compare_records()
    names = [
        sorted(path.name for path in (root / ".dvc" / "cache" / "runs").glob("*/*/*"))
        for root in pair.roots
    ]
    assert set(names[0]) & set(names[1])


OLD = """\
stages:
  a: {cmd: mkdir -p o && cat src/x > o/x && cp s0 o/s, deps: [src, s0], outs: [o]}
  b: {cmd: cat o/x > p, deps: [o], params: [lr], outs: [p]}
  c: {cmd: cp s0 q; cp s0 m, deps: [s0], outs: [q], metrics: [m: {cache: false}]}
"""


def test_a_lock_of_dvc_2_keeps_what_did_not_change(pair: Pair, dvc2: Path) -> None:
    """Line ends that DVC 2 does not tell apart; items in the old form beside new ones, as dvc 3 leaves them."""

    def begin(root: Path) -> None:
        (root / "src").mkdir()
        (root / "src" / "x").write_bytes(b"one\r\ntwo\r\n")
        (root / "dvc.yaml").write_text(OLD)
        (root / "data.dvc").unlink()

    pair.both(begin)
    pair.sandbox.run([dvc2, "repro", "-q"], cwd=pair.ours)
    for name in ("dvc.lock", ".gitignore"):
        shutil.copy(pair.ours / name, pair.theirs / name)
    shutil.copytree(
        pair.ours / ".dvc" / "cache", pair.theirs / ".dvc" / "cache", dirs_exist_ok=True
    )
    for name in ("o", "p", "q", "m"):
        pair.sandbox.run(["cp", "-r", pair.ours / name, pair.theirs / name])
    pair.compare_status(pair.ours)
    assert {one["outcome"] for one in pair.repro()} == {"unchanged"}
    pair.both(lambda root: (root / "s0").write_text("other\n"))
    pair.compare_status(pair.ours)
    pair.repro()
    lines = (pair.ours / "dvc.lock").read_text()
    assert 0 < lines.count("hash: md5") < lines.count(" md5: ")
    for root in pair.roots:
        pair.compare_status(root)
