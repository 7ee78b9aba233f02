"""`vfs metrics`, `params`, `plots` and `dag` on repositories made by hand: what is refused, what is named."""

import json
import os

import pytest

from vfs.testing.clones import Clone
from vfs.testing.sandbox import Sandbox

PIPELINE = b"""
metrics: [m.json]
params: [conf.toml]
plots: [p.csv]
stages:
  a: {cmd: x, outs: [one]}
  b: {cmd: x, deps: [one], outs: [two]}
"""


@pytest.fixture
def clone(sandbox: Sandbox) -> Clone:
    made = Clone(sandbox, sandbox.root / "r")
    made.root.mkdir()
    made.git("init", "-q", "-b", "main")
    (made.root / ".dvc").mkdir()
    for path, data in {
        "dvc.yaml": PIPELINE,
        "m.json": b'{"a": 1}',
        "conf.toml": b"k = 1\n",
        "p.csv": b"x,y\n1,2\n",
    }.items():
        made.write(path, data)
    made.git("add", "-A", ".")
    made.git("commit", "-q", "-m", "one")
    return made


def test_the_working_tree_is_compared_with_head(clone: Clone) -> None:
    clone.write("m.json", b'{"a": 3}')
    clone.write("conf.toml", b"k = 1\nn = 2\n")
    assert clone.vfs("metrics", "diff").split() == (
        ["Path", "Metric", "HEAD", "worktree", "Change", "m.json", "a", "1", "3", "2"]
    )
    assert clone.vfs("params", "diff").splitlines()[1].split() == ["conf.toml", "n", "-", "2"]
    assert clone.vfs("metrics", "diff", "HEAD", "HEAD").strip() == "nothing differs"
    assert json.loads(clone.vfs("metrics", "diff", "HEAD..", "--json")) == {}
    assert "more than two" in clone.vfs("metrics", "diff", "a", "b", "c", code=2)


def test_what_is_broken_is_named_and_the_rest_is_shown(clone: Clone) -> None:
    clone.write("m.json", b"{")
    clone.write("other/dvc.yaml", b"stages: {x: {}}\n")
    clone.write("sub/dvc.yaml", b"metrics: [n.yaml]\n")
    clone.write("sub/n.yaml", b"z: 1\n")
    text = clone.vfs("metrics", "show", code=1)
    assert "sub/n.yaml  z       1" in text
    assert "warning: worktree: m.json:1" in text
    assert "warning: worktree: other/dvc.yaml:1: stage 'x'" in text
    clone.write("x.dvc", b"cmd: a: b\n")
    assert "warning: worktree: x.dvc:1: is no valid YAML" in clone.vfs("metrics", "show", code=1)


def test_a_symlink_leads_nowhere_else(clone: Clone) -> None:
    (clone.root / "m.json").unlink()
    outside = clone.root.parent / "secret.json"
    outside.write_text('{"secret": 1}')
    (clone.root / "m.json").symlink_to(outside)
    assert "leads out of the working tree" in clone.vfs("metrics", "show", code=1)
    (clone.root / "inside.json").write_text('{"b": 2}')
    (clone.root / "m.json").unlink()
    (clone.root / "m.json").symlink_to("inside.json")
    assert "b       2" in clone.vfs("metrics", "show")


def test_a_pipe_is_not_waited_for(clone: Clone) -> None:
    (clone.root / "m.json").unlink()
    os.mkfifo(clone.root / "m.json")
    assert "m.json is no file" in clone.vfs("metrics", "show", code=1)


def test_a_page(clone: Clone) -> None:
    path = clone.vfs("plots", "show").strip()
    assert path == str(clone.root / "dvc_plots" / "index.html")
    assert "<svg" in (clone.root / "dvc_plots" / "index.html").read_text()
    assert clone.vfs("plots", "show", "--targets", "p.csv", "-y", "z", code=1)
    assert "cannot be written" in clone.vfs("plots", "show", "-o", "m.json/x", code=2)


def test_pictures_of_the_graph(clone: Clone) -> None:
    assert clone.vfs("dag").splitlines() == [
        "┌───┐",
        "│ a │",
        "└─┬─┘",
        "  ▼",
        "┌───┐",
        "│ b │",
        "└───┘",
    ]
    assert json.loads(clone.vfs("dag", "--json")) == {"nodes": ["a", "b"], "edges": [["a", "b"]]}
    assert "<svg" in clone.vfs("dag", "--html", "--outs")
    assert "there is no stage" in clone.vfs("dag", "c", code=5)
    many = b"stages: {s: {matrix: {a: [%b]}, cmd: x}}" % b",".join(b"%d" % n for n in range(1001))
    clone.write("many/dvc.yaml", many)
    assert "b <- a" in clone.vfs("dag").splitlines()
    assert "1003 boxes" in clone.vfs("dag", "--html", code=2)
    assert clone.vfs("dag", "--collapse-foreach-matrix").count("┌") == 3
    clone.write("dvc.yaml", PIPELINE.replace(b"outs: [one]", b"deps: [two], outs: [one]"))
    assert "depend on each other" in clone.vfs("dag", code=9)


def test_a_stage_in_a_dvcfile_has_metrics_parameters_and_plots(clone: Clone) -> None:
    for value in (b"1", b"2"):
        clone.write(
            "sub/Dvcfile",
            b"cmd: x\ndeps:\n- path: q.yaml\n  params: {k: " + value + b"}\nouts:\n"
            b"- {path: acc.json, cache: false, metric: true}\n"
            b"- {path: curve.csv, cache: false, plot: true}\n",
        )
        _values(clone, value)
    _check_values(clone)


def test_paths_that_are_written_absolute_are_shown(clone: Clone) -> None:
    top = f"{clone.root}/sub/"
    clone.write(
        "sub/dvc.yaml",
        f"stages:\n  s:\n    cmd: x\n    params: [{top}q.yaml: [k]]\n"
        f"    metrics: [{top}acc.json: {{cache: false}}]\n"
        f"    plots: [{top}curve.csv: {{cache: false}}]\n".encode(),
    )
    for value in (b"1", b"2"):
        _values(clone, value)
    _check_values(clone)


def _values(clone: Clone, value: bytes) -> None:
    """A commit of what a stage in `sub` declares."""
    clone.write("sub/q.yaml", b"k: " + value + b"\n")
    clone.write("sub/acc.json", b'{"acc": ' + value + b"}")
    clone.write("sub/curve.csv", b"u,v\n1," + value + b"\n")
    clone.git("add", "-A", ".")
    clone.git("commit", "-q", "-m", value.decode())


def _check_values(clone: Clone) -> None:
    for tail in (["HEAD~1", "HEAD"], ["HEAD~1"]):
        found = json.loads(clone.vfs("metrics", "diff", *tail, "--json"))
        assert found["sub/acc.json"]["acc"] == {"old": 1, "new": 2, "diff": 1}
        assert "sub/q.yaml" in json.loads(clone.vfs("params", "diff", *tail, "--json"))
    page = clone.root.parent / "page.html"
    clone.vfs("plots", "diff", "HEAD~1", "HEAD", "-o", str(page))
    assert "sub/curve.csv" in page.read_text()
