"""Pipelines beside the real dvc: the same stages are judged and run for the same reasons, and each takes up what the other recorded."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]
VFS = Path(sys.executable).parent / "vfs"
Pipeline = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def template(shared_sandbox: Sandbox, dvc3: Path) -> Path:
    """A repository with a tracked directory, sources and parameters."""
    root = shared_sandbox.root / "pipelines"
    root.mkdir()
    shared_sandbox.git(root, "init", "-q", ".")
    shared_sandbox.run([dvc3, "init", "-q"], cwd=root)
    (root / "data").mkdir()
    for name in ("a", "b"):
        (root / "data" / name).write_text(f"data {name}\n")
    for name in ("s0", "s1"):
        (root / name).write_text(f"source {name}\n")
    (root / "params.yaml").write_text("lr: 1\nlist: [1, 2]\ndeep: {x: 1.0, y: {z: a}}\n")
    (root / "other.json").write_text('{"k": 1}\n')
    shared_sandbox.run([dvc3, "add", "-q", "data"], cwd=root)
    shared_sandbox.git(root, "add", "-A")
    shared_sandbox.git(root, "commit", "-q", "-m", "init")
    return root


class Pair:
    """Two copies of one repository: vfs runs in `ours`, dvc in `theirs`."""

    def __init__(
        self,
        sandbox: Sandbox,
        program: Path,
        base: Path,
        template: Path,
        *,
        in_place: bool = False,
    ) -> None:
        self.sandbox = sandbox
        self.in_place = in_place
        self.program = program
        self.ours = base / "ours"
        self.theirs = base / "theirs"
        for root in self.roots:
            shutil.copytree(template, root, symlinks=True)

    @property
    def roots(self) -> tuple[Path, Path]:
        return self.ours, self.theirs

    def vfs(self, root: Path, *args: str, code: int = 0) -> list[dict[str, Any]]:
        words = [*args, "--in-place"] if self.in_place and args[0] == "repro" else args
        done = self.sandbox.run([VFS, *words, "--json"], cwd=root, check=False)
        assert done.returncode == code, (args, done.stdout.decode(), done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def dvc(
        self, root: Path, *args: str, check: bool = True
    ) -> "subprocess.CompletedProcess[bytes]":
        return self.sandbox.run([self.program, *args], cwd=root, check=check)

    def both(self, change: Callable[[Path], object]) -> None:
        for root in self.roots:
            change(root)

    def compare_status(self, root: Path) -> None:
        theirs = json.loads(self.dvc(root, "status", "--json").stdout)
        theirs.pop("data.dvc", None)
        for name, stage in yaml.safe_load((root / "dvc.yaml").read_text())["stages"].items():
            if stage.get("frozen") and theirs.get(name) == ["always changed"]:
                del theirs[name]  # it says so, and runs it no more than we do
        found = {
            one["stage"]: one["reasons"]
            for one in self.vfs(root, "status")
            if one["type"] == "stage"
        }
        assert {stage: _as_dvc(reasons) for stage, reasons in found.items()} == {
            stage: _plain(parts) for stage, parts in theirs.items()
        }

    def compare_plan(self, root: Path, *args: str) -> None:
        said = self.dvc(root, "repro", "--dry", *args, check=False)
        lines = said.stdout.decode().splitlines()
        theirs = [line.split("'")[1] for line in lines if line.startswith("Running")]
        ours = [
            one["stage"]
            for one in self.vfs(root, "repro", "--dry-run", *args)
            if one.get("outcome") == "would-run"
        ]
        if said.returncode:  # it stops where a dep is not there yet
            ours = ours[: len(theirs)]
        if args:  # of a small part of a graph dvc's order is that of a set
            ours, theirs = sorted(ours), sorted(theirs)
        assert ours == theirs, said

    def repro(self, *args: str) -> list[dict[str, Any]]:
        """Each in its own copy; the records must be the same bytes."""
        done = self.vfs(self.ours, "repro", *args)
        self.dvc(self.theirs, "repro", *args)
        self.compare_records()
        return done

    def compare_records(self) -> None:
        for name in ("dvc.lock", "dvc.yaml", ".gitignore", "data.dvc"):
            found = [
                (root / name).read_bytes() if (root / name).exists() else b"" for root in self.roots
            ]
            assert found[0].decode() == found[1].decode(), name
        names = [
            sorted(
                str(path.relative_to(root))
                for path in root.rglob("*")
                if path.is_file() and ".git" not in path.parts and ".dvc" not in path.parts
            )
            for root in self.roots
        ]
        assert names[0] == names[1]


def _as_dvc(reasons: list[dict[str, str]]) -> dict[str, Any]:
    """Reasons of ours in the form that `dvc status --json` has."""
    found: dict[str, Any] = {}
    for reason in reasons:
        kind, path, change = reason["kind"], reason.get("path", ""), reason.get("change", "")
        if kind in ("always", "command"):
            found["always changed" if kind == "always" else "changed command"] = True
        elif kind == "param" and "key" in reason:
            deps = found.setdefault("changed deps", {})
            deps.setdefault(path, {})[reason["key"]] = change
        elif kind == "param":
            found.setdefault("changed deps", {})[path] = change
        else:
            told = "modified" if change == "new" else change  # DVC has no hash to compare with
            found.setdefault(f"changed {kind}s", {})[path] = told
    return _without_keys(found)


def _without_keys(found: dict[str, Any]) -> dict[str, Any]:
    """Where a lock has nothing of a file of parameters, DVC names no key."""
    deps = found.get("changed deps", {})
    for path, keys in deps.items():
        if isinstance(keys, dict) and set(keys.values()) == {"new"}:
            deps[path] = "new"
    return found


def _plain(parts: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        found.update({part: True} if isinstance(part, str) else part)
    return _without_keys(found)


# Generated pipelines ------------------------------------------------------------------------------


def generated(rng: random.Random) -> Pipeline:
    """Some stages, each of sources and of outs of others; in any order."""
    stages: Pipeline = {}
    pool = ["s0", "s1", "data"]
    for number in range(rng.randint(2, 5)):
        deps = rng.sample(pool, rng.randint(0, min(3, len(pool))))
        out = f"o{number}"
        directory = rng.random() < 0.3
        source = " ".join(f"$(find {dep} -type f | sort)" for dep in deps)
        into = f"{out}/x" if directory else out
        cmd: Any = f"cat /dev/null {source} > {into}"
        if directory:
            cmd = [f"mkdir -p {out}/y && echo {number} > {out}/y/z", cmd]
        stage: dict[str, Any] = {"cmd": cmd}
        if deps:
            stage["deps"] = deps
        if rng.random() < 0.6:
            keys = rng.sample(["lr", "list", "deep.x", "deep.y"], rng.randint(1, 3))
            stage["params"] = [*keys, {"other.json": rng.choice([None, ["k"]])}]
        kind = rng.choice(["plain", "plain", "plain", "uncached", "persist"])
        flags = {"uncached": {out: {"cache": False}}, "persist": {out: {"persist": True}}}
        stage["outs"] = [flags.get(kind, out)]
        if rng.random() < 0.4:
            metric = f"m{number}.json"
            cmds = cmd if isinstance(cmd, list) else [cmd]
            stage["cmd"] = [*cmds, f"echo '{{\"n\": {number}}}' > {metric}"]
            stage["metrics"] = [rng.choice([{metric: {"cache": False}}, metric])]
        if rng.random() < 0.1:
            stage["always_changed"] = True
        stages[f"st{number}"] = stage
        pool.append(out)
    names = list(stages)
    rng.shuffle(names)
    return {name: stages[name] for name in names}


def write(stages: Pipeline) -> Callable[[Path], object]:
    text = yaml.safe_dump({"stages": stages}, sort_keys=False)
    return lambda root: (root / "dvc.yaml").write_text(text)


def edit(rng: random.Random, pair: Pair, stages: Pipeline) -> None:
    """One change that a person may make."""
    name = rng.choice(list(stages))
    stage = stages[name]
    (out,) = (next(iter(o)) if isinstance(o, dict) else o for o in stage["outs"])
    params = ["lr: 2\n", "lr: 1.0\nlist: [1, 2]\ndeep: {x: 1, y: {z: a}}\n", "list: [2]\nlr: 1\ndeep: {x: 1.0}\n"]  # fmt: skip

    text = rng.choice(params)

    def command(root: Path) -> None:
        write(stages)(root)

    def remove(root: Path) -> None:
        place = root / out
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def change_out(root: Path) -> None:
        place = root / out / "x" if (root / out).is_dir() else root / out
        place.parent.mkdir(exist_ok=True)
        with place.open("a") as file:
            file.write("edited\n")

    def forget(root: Path) -> None:
        lock = root / "dvc.lock"
        if lock.exists():
            document = yaml.safe_load(lock.read_text())
            document["stages"].pop(name, None)
            lock.write_text(yaml.safe_dump(document, sort_keys=False))

    kinds: list[tuple[str, Callable[[Path], object]]] = [
        ("source", lambda root: (root / "s0").write_text("another source\n")),
        ("tracked", lambda root: (root / "data" / "c").write_text("more\n")),
        ("touch", lambda root: os.utime(root / "s1", (1, 1))),
        ("params", lambda root: (root / "params.yaml").write_text(text)),
        ("json", lambda root: (root / "other.json").write_text('{"k": 1, "n": [1]}\n')),
        ("remove", remove),
        ("out", change_out),
        ("lock", forget),
    ]
    if rng.random() < 0.3:
        lines = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        stage["cmd"] = [*lines, ": more"]
        kinds = [("command", command)]
    elif rng.random() < 0.15:
        stage["frozen"] = not stage.get("frozen", False)
        kinds = [("frozen", command)]
    if not pair.in_place:  # what is not here is as it was recorded, in a private view
        kinds = [kind for kind in kinds if kind[0] != "remove"]
    _, change = rng.choice(kinds)
    pair.both(change)


@pytest.mark.parametrize(
    ("seed", "in_place"), [*((n, True) for n in range(5)), *((n, False) for n in range(5, 8))]
)
def test_random_pipelines_and_edits(
    seed: int, in_place: bool, shared_sandbox: Sandbox, template: Path, dvc3: Path
) -> None:
    rng = random.Random(seed)
    base = shared_sandbox.root / f"p{seed}"
    pair = Pair(shared_sandbox, dvc3, base, template, in_place=in_place)
    stages = generated(rng)
    pair.both(write(stages))
    for step in range(3):
        pair.compare_status(pair.ours)
        pair.compare_plan(pair.ours)
        answer = pair.dvc(pair.theirs, "repro", check=False)
        if answer.returncode:  # a parameter is gone
            pair.vfs(pair.ours, "repro", code=_failure(answer.stderr))
            break
        pair.vfs(pair.ours, "repro")
        pair.compare_records()
        for root in pair.roots:  # each takes up what the other recorded
            pair.compare_status(root)
        if step < 2:
            edit(rng, pair, stages)
    shutil.rmtree(base)


def _failure(text: bytes) -> int:
    return 9 if b"missing" in text else 16


# One by one ---------------------------------------------------------------------------------------


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
