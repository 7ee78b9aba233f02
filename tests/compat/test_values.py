"""`vfs params`, `metrics`, `plots` and `dag` beside the real dvc's, on a history that it made."""

import json
import re
import shutil
from typing import Any

import pytest

from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc

PIPELINE = """
vars: [vars.yaml]
stages:
  prepare:
    cmd: python3 prepare.py
    deps: [prepare.py, raw]
    outs:
    - data
    - made/${part}
  train:
    cmd: python3 train.py
    deps: [train.py, data]
    params: [lr, model.depth, conf/other.toml: [a.b]]
    outs: [model]
    metrics:
    - metrics/m.json: {cache: false}
    - metrics/cached.yaml
    plots:
    - loss.csv: {x: step, y: loss, title: Loss}
    - logs
    - noheader.csv: {header: false, cache: false}
  each:
    foreach: [one, two]
    do:
      cmd: cp model ${item}.txt
      deps: [model]
      outs: ["${item}.txt"]
  frozen:
    cmd: cp model frozen.txt
    deps: [model]
    outs: [frozen.txt]
metrics: [extra]
params: [conf/more.yaml]
plots:
- both: {x: step, y: {loss.csv: [loss, acc]}}
- joined:
    x: {loss.csv: step}
    y: {loss.csv: loss, logs/nested.json: v}
    x_label: time
- top.tsv
- image.png
- loss.csv: {y: acc, template: scatter}
"""
TRAIN = """
import json, os
lr = float(next(line for line in open("params.yaml") if line.startswith("lr")).split()[1])
os.makedirs("metrics", exist_ok=True), os.makedirs("logs", exist_ok=True)
score = {"acc": lr * 3, "n": 3, "s": "x", "l": [1, 2], "none": None, "yes": lr > 0.2, "deep": {"a": 1.123456789}}
json.dump(score, open("metrics/m.json", "w"))
open("metrics/cached.yaml", "w").write(f"f1: {lr / 3}\\nold{int(lr * 10)}: 1\\n")
open("loss.csv", "w").write("step,loss,acc\\n" + "".join(f"{i},{lr / i},{i}\\n" for i in range(1, 4)))
open("noheader.csv", "w").write("1,2\\n3,4\\n")
points = [{"t": i, "v": lr * i} for i in range(3)]
json.dump({"train": points, "test": [{"w": 1}] * 3}, open("logs/nested.json", "w"))
open("logs/a.yaml", "w").write("- {q: 1, r: 2}\\n- {q: 3, r: 4}\\n")
open("model", "w").write(str(lr))
"""
PREPARE = """
import os
os.makedirs("data", exist_ok=True), os.makedirs("made", exist_ok=True)
open("data/x", "w").write("x"), open("made/here", "w").write("y")
"""


@pytest.fixture(scope="module")
def clone(shared_sandbox: Sandbox, dvc3: Any) -> Clone:
    """Two commits, and a parameter that was changed since; the cache is on a remote, too."""
    root = shared_sandbox.root / "values"
    made = Clone(shared_sandbox, root, dvc3)
    root.mkdir()
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    (shared_sandbox.root / "values-remote").mkdir()
    made.dvc("remote", "add", "-q", "-d", "store", "../values-remote")
    files = {
        "dvc.yaml": PIPELINE, "train.py": TRAIN, "prepare.py": PREPARE, "vars.yaml": "part: here\n",
        "raw": "raw", "params.yaml": "lr: 0.1\nmodel:\n  depth: 3\n  k: [1, 2]\nd: text\n",
        "conf/other.toml": "[a]\nb = 1\nc = 2\n", "conf/more.yaml": "z: 1\n",
        "extra/e.json": '{"e": 1}', "extra/f.json": "0.5", "top.tsv": "i\tj\n1\t2\n", "image.png": "\u0089PNG",
        "sub/dvc.yaml": "stages:\n  s: {cmd: cp ../model out, deps: [../model], outs: [out]}\n",
    }  # fmt: skip
    for path, text in files.items():
        made.write(path, text.encode())
    made.dvc("add", "-q", "raw")
    made.dvc("repro", "-q", "-P")
    made.dvc("freeze", "-q", "frozen")
    made.git("add", "-A", ".")
    made.git("commit", "-q", "-m", "one")
    made.dvc("push", "-q")
    changed = files["params.yaml"].replace("0.1", "0.5").replace("depth: 3", "depth: 4")
    made.write("params.yaml", changed.encode())
    made.write("extra/f.json", b"0.75")
    made.dvc("repro", "-q", "-P")
    made.git("add", "-A", ".")
    made.git("commit", "-q", "-m", "two")
    made.dvc("push", "-q")
    made.write("params.yaml", (changed.replace("0.5", "0.7") + "new: [1, {a: 2}]\n").encode())
    made.write("conf/more.yaml", b"z: 2\n")
    return made


def both(clone: Clone, *words: str) -> tuple[str, str]:
    return clone.vfs(*words), clone.dvc(*words)


CASES = (
    "metrics diff --json", "metrics diff HEAD~1 --json", "metrics diff HEAD~1 HEAD --json --all",
    "metrics diff HEAD HEAD~1 --json", "metrics show --json",
    "metrics diff HEAD~1 HEAD --json --targets metrics/m.json",
    "params diff --json", "params diff HEAD~1 --json", "params diff HEAD~1 HEAD --json --all",
    "params diff HEAD~1 --json --targets conf/other.toml",
)  # fmt: skip


@pytest.mark.parametrize("words", CASES)
def test_json(clone: Clone, words: str) -> None:
    ours, theirs = both(clone, *words.split())
    assert json.loads(ours) == json.loads(theirs)


@pytest.mark.parametrize(
    "words",
    ["metrics diff HEAD~1 HEAD", "metrics diff HEAD~1 HEAD --all --precision 2", "params diff HEAD~1 HEAD --all",
     "metrics diff HEAD~1 HEAD --no-path", "params diff HEAD HEAD"],
)  # fmt: skip
def test_markdown(clone: Clone, words: str) -> None:
    ours, theirs = both(clone, *words.split(), "--md")
    ours_lines, theirs_lines = ours.splitlines(), theirs.splitlines()
    assert ours_lines[:2] == theirs_lines[:2]
    assert sorted(ours_lines) == sorted(theirs_lines)  # the order of files is a set's there


def test_paths_are_relative_to_here(clone: Clone) -> None:
    words = ["metrics", "diff", "HEAD~1", "HEAD", "--json"]
    inside = Clone(clone.sandbox, clone.root / "sub", clone.program)
    ours, theirs = both(inside, *words)
    assert json.loads(ours) == json.loads(theirs)
    assert "../metrics/m.json" in json.loads(ours)


def test_plots(clone: Clone) -> None:
    ours = json.loads(clone.vfs("plots", "diff", "HEAD~1", "HEAD", "--json"))
    theirs = json.loads(clone.dvc("plots", "diff", "HEAD~1", "HEAD", "--json", "--split"))
    assert set(ours["data"]) == set(theirs["data"])
    assert "errors" not in ours
    for name, plots in theirs["data"].items():
        mine = ours["data"][name]
        assert [plot["revisions"] for plot in mine] == [plot["revisions"] for plot in plots]
        for plot, other in zip(mine, plots, strict=True):
            if plot["type"] == "image":
                assert plot["url"].startswith("data:image/png;base64,")
                continue
            anchors = other["anchor_definitions"]
            for key, value in plot["anchor_definitions"].items():
                assert value == anchors[key], (name, key)


def test_a_page_of_two_revisions(clone: Clone) -> None:
    path = clone.vfs("plots", "diff", "HEAD~1", "HEAD", "-o", "../page.html").strip()
    page = (clone.root.parent / "page.html").read_text()
    assert path.endswith("page.html")
    assert "<script" not in page
    for words in ("Loss", "joined", "time", "HEAD~1"):
        assert words in page


def edges(text: str) -> set[tuple[str, str]]:
    return {(a, b) for a, b in re.findall(r'"?([^"\n]+?)"? -> "?([^"\n]+?)"?;', text)}


@pytest.mark.parametrize(
    "words",
    ["", "train", "data", "raw.dvc --full", "frozen", "--outs", "prepare --outs --full",
     "--collapse-foreach-matrix", "sub/dvc.yaml:s"],
)  # fmt: skip
def test_dag(clone: Clone, words: str) -> None:
    ours, theirs = both(clone, "dag", "--mermaid", *words.split())
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines()), theirs


def test_dag_of_an_out_among_outs(clone: Clone) -> None:
    """dvc takes the name of the out apart there, letter by letter, and fails."""
    names = re.findall(r'\["(.*)"\]', clone.vfs("dag", "--mermaid", "model", "--outs"))
    assert sorted(names) == ["data", "model", "raw"]


def test_dag_for_graphviz(clone: Clone) -> None:
    ours, theirs = both(clone, "dag", "--dot")
    assert edges(ours) == edges(theirs)


def test_dag_in_a_directory(clone: Clone) -> None:
    inside = Clone(clone.sandbox, clone.root / "sub", clone.program)
    ours, theirs = both(inside, "dag", "--md")
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())


def test_what_only_the_remote_has_is_read(clone: Clone) -> None:
    other = clone.clone("values-clone")
    assert not (other.root / ".dvc" / "cache").exists()
    ours = json.loads(other.vfs("metrics", "diff", "HEAD~1", "HEAD", "--json"))
    assert ours == json.loads(clone.dvc("metrics", "diff", "HEAD~1", "HEAD", "--json"))
    shown = json.loads(other.vfs("metrics", "show", "--json"))[""]["data"]
    assert (
        shown["metrics/cached.yaml"]["data"]["f1"] == 0.5 / 3
    )  # of the working tree, not checked out
    page = json.loads(other.vfs("plots", "show", "--json"))
    assert page["data"]["loss.csv"][0]["revisions"] == ["worktree"]


def test_what_nobody_has_is_named_and_the_rest_is_shown(clone: Clone, sandbox: Sandbox) -> None:
    other = Clone(sandbox, sandbox.root / "values-gone")
    sandbox.git(sandbox.root, "clone", "-q", clone.root, other.root)
    (sandbox.root / "empty").mkdir()
    other.write(".dvc/config.local", b"['remote \"store\"']\n    url = ../../empty\n")
    text = other.vfs("metrics", "diff", "HEAD~1", "HEAD", code=1)
    assert "metrics/m.json" in text
    assert "warning: HEAD: metrics/cached.yaml" in text
    shutil.rmtree(other.root / "extra")
    text = other.vfs("metrics", "show", "--json", code=1)
    data = json.loads(text.splitlines()[0])[""]["data"]
    assert data["extra"]["error"]["type"] == "unknown-path"
    assert data["metrics/m.json"]["data"]["n"] == 3


OLD = """cmd: python3 run.py
deps:
- path: run.py
outs:
- {path: m.json, cache: false, metric: true}
- {path: typed.yaml, cache: false, metric: true}
"""


def test_stages_of_dvc_0(sandbox: Sandbox, dvc2: Any) -> None:
    """Beside DVC 2: DVC 3 refuses a `.dvc` file with metrics."""
    made = Clone(sandbox, sandbox.root / "old", dvc2)
    made.root.mkdir()
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    files = {"train.dvc": OLD, "run.py": "", "m.json": '{"a": 1}', "typed.yaml": "b: 2\n"}  # fmt: skip
    for path, text in files.items():
        made.write(path, text.encode())
    made.git("add", "-A", ".")
    made.git("commit", "-q", "-m", "one")
    made.write("m.json", b'{"a": 3}')
    for words in ("metrics show --json", "metrics diff --json --all"):
        ours, theirs = both(made, *words.split())
        assert json.loads(ours) == json.loads(theirs), words
        assert "m.json" in ours
