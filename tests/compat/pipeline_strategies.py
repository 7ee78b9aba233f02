"""Pipelines, and edits that a person may make of them, for Hypothesis."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hypothesis import strategies as st

Pipeline = dict[str, dict[str, Any]]
PARAMS = (
    "lr: 2\n",
    "lr: 1.0\nlist: [1, 2]\ndeep: {x: 1, y: {z: a}}\n",
    "list: [2]\nlr: 1\ndeep: {x: 1.0}\n",
)
FLAGS: tuple[dict[str, bool], ...] = ({}, {"cache": False}, {"persist": True})
ITEMS = ("p", "q")
WDIR = "w"


def write(stages: Pipeline, root: Path) -> None:
    """Put a pipeline into a working tree."""
    (root / WDIR).mkdir(exist_ok=True)
    (root / WDIR / "kept").touch()
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))


def bodies(stages: Pipeline) -> dict[str, dict[str, Any]]:
    """What each stage declares, by the names that locks have."""
    return {
        name + item: stage.get("do", stage)
        for name, stage in stages.items()
        for item in (("@" + one for one in ITEMS) if "foreach" in stage else ("",))
    }


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Some stages, each of sources and of outs of others; in any order. Some are made of a list, some work in a directory of their own."""
    stages: Pipeline = {}
    pool = ["s0", "s1", "data", "data/a"]
    for number in range(draw(st.integers(2, 4))):
        items = ITEMS if draw(st.integers(0, 3)) == 3 else ("",)
        out = f"o{number}-${{item}}" if len(items) > 1 else f"o{number}"
        up = "../" if draw(st.booleans()) else ""
        stage = draw(_stage(number, out, tuple(up + one for one in pool), up))
        if up:
            stage["wdir"] = WDIR
        stages[f"st{number}"] = {"foreach": list(ITEMS), "do": stage} if len(items) > 1 else stage
        pool += [out.replace("${item}", item) for item in items]
    return {name: stages[name] for name in draw(st.permutations(list(stages)))}


@st.composite
def _stage(
    draw: st.DrawFn, number: int, name: str, pool: tuple[str, ...], up: str
) -> dict[str, Any]:
    deps = draw(st.lists(st.sampled_from(pool), unique=True, max_size=3))
    out = up + name
    source = " ".join(f"$(find {dep} -type f | sort)" for dep in deps)
    if draw(st.booleans()):
        cmds = [f"mkdir -p {out}/y && echo {number} > {out}/y/z", f"cat /dev/null {source} > {out}/x"]  # fmt: skip
    else:
        cmds = [f"cat /dev/null {source} > {out}"]
    stage: dict[str, Any] = {"deps": deps} if deps else {}
    keys = draw(st.lists(st.sampled_from(["lr", "list", "deep.x", "deep.y"]), unique=True, max_size=3))  # fmt: skip
    if keys:
        named = [{up + "params.yaml": keys}] if up else keys
        stage["params"] = [*named, {up + "other.json": draw(st.sampled_from([None, ["k"]]))}]
    flags = draw(st.sampled_from(FLAGS))
    stage["outs"] = [{out: dict(flags)} if flags else out]
    if draw(st.booleans()):
        metric = out.replace("o", "m", 1) + ".json"
        cmds.append(f"echo '{{\"n\": {number}}}' > {metric}")
        stage["metrics"] = [draw(st.sampled_from([{metric: {"cache": False}}, metric]))]
    if draw(st.integers(0, 9)) == 9:
        stage["always_changed"] = True
    return {"cmd": cmds if len(cmds) > 1 else cmds[0], **stage}


class Edit(NamedTuple):
    """One of `EDITS`, of a stage; `text` is what parameters become."""

    kind: str
    stage: str
    text: str

    def make(self, stages: Pipeline) -> Callable[[Path], object]:
        """Change the pipeline as far as that is meant; what changes a working tree."""
        stage = stages[self.stage]
        stage = stage.get("do", stage)
        (out,) = (next(iter(o)) if isinstance(o, dict) else o for o in stage["outs"])
        out = out.removeprefix("../").replace("${item}", ITEMS[0])
        if self.kind in ("command", "frozen", "always_changed", "desc"):
            _edit(stage, self.kind)
            return lambda root: write(stages, root)
        if self.kind in ("remove", "out"):
            change = _remove if self.kind == "remove" else _append
            return lambda root: change(root / out)
        if self.kind == "lock":
            return lambda root: _forget(root / "dvc.lock", self.stage)
        if self.kind == "touch":
            return lambda root: os.utime(root / "s1", (1, 1))
        path, text = {
            "source": ("s0", "another source\n"),
            "tracked": ("data/c", "more\n"),
            "params": ("params.yaml", self.text),
            "json": ("other.json", '{"k": 1, "n": [1]}\n'),
        }[self.kind]
        return lambda root: _write(root / path, text)


EDITS = (
    "source", "tracked", "touch", "params", "json", "out", "lock",
    "command", "frozen", "always_changed", "desc", "remove",
)  # fmt: skip


@st.composite
def edits(draw: st.DrawFn, stages: Pipeline, *, in_place: bool, part: bool = False) -> Edit:
    """One change that a person may make; in a private view what is not here is as it was recorded, so nothing is removed there. Where only a `part` is here no out is changed."""
    kinds = [kind for kind in (EDITS if in_place else EDITS[:-1]) if not (part and kind == "out")]
    return Edit(
        draw(st.sampled_from(kinds)), draw(st.sampled_from(sorted(stages))), draw(st.sampled_from(PARAMS))
    )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def _edit(stage: dict[str, Any], kind: str) -> None:
    if kind == "command":
        lines = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        stage["cmd"] = [*lines, ": more"]
    elif kind == "desc":
        stage["desc"] = "what it does"
    else:
        stage[kind] = not stage.get(kind, False)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _append(place: Path) -> None:
    file = place / "x" if place.is_dir() else place
    with file.open("a") as stream:
        stream.write("edited\n")


def _forget(lock: Path, stage: str) -> None:
    if lock.exists():
        document = yaml.safe_load(lock.read_text())
        for name in (stage, f"{stage}@{ITEMS[0]}"):
            document["stages"].pop(name, None)
        lock.write_text(yaml.safe_dump(document, sort_keys=False))
