"""Stages of DVC 0.x as entries of `dvc.yaml` and `dvc.lock`."""

from pathlib import Path

import pytest

from vfs.errors import FormatError
from vfs.formats.lock import parse_lock
from vfs.formats.pointer import parse_pointer
from vfs.formats.single_stage import single_definition, single_stage, stage_name, with_stages
from vfs.formats.stage_values import DeclaredOut, DeclaredParams, OutKind
from vfs.types import Algorithm, Digest

CORPUS = Path(__file__).resolve().parents[2] / "data" / "corpus"
STAGES = sorted(path for path in CORPUS.glob("dvc-0.x-*/?*.dvc") if b"cmd: " in path.read_bytes())


@pytest.mark.parametrize("path", STAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_real_ones_keep_their_outs(path: Path) -> None:
    """What the lock says, read with the pipeline, is what the file said."""
    old = parse_pointer(path.read_bytes(), path.name.encode())
    stage = single_stage(path.read_bytes(), path.name, lambda *_: None)
    name = stage_name(path.name, ())
    pipeline = with_stages(None, "dvc.yaml", {name: stage.declared}, lock=False)
    locked = with_stages(None, "dvc.lock", {name: stage.locked}, lock=True)
    lock = parse_lock(locked, b"dvc.lock", pipeline)
    assert [(out.path, out.digest) for out in lock.stages[0].outs] == [
        (out.path, out.digest) for out in old.outs
    ]
    assert lock.problems == ()


def test_everything_that_may_be_in_one() -> None:
    data = b"""cmd: train ${HOME}
wdir: ..
locked: true
deps:
- path: raw
  md5: '1'
- path: params.yaml
  params: {lr: 0.1}
- path: other.yaml
  params: {a.b: 2}
outs:
- {path: model, md5: '2', cache: true, persist: true}
- {path: score, md5: '3', cache: false, metric: true}
- {path: curve, md5: '4', plot: true}
"""
    known = {("..", "raw", "1"): "11", ("..", "model", "2"): "22"}
    stage = single_stage(data, "x.dvc", lambda *item: known.get(item))
    assert stage.declared == {
        "cmd": "train \\${HOME}",
        "wdir": "..",
        "deps": ["raw"],
        "params": ["lr", {"other.yaml": ["a.b"]}],
        "outs": [{"model": {"persist": True}}],
        "metrics": [{"score": {"cache": False}}],
        "plots": ["curve"],
        "frozen": True,
    }
    assert stage.locked == {
        "cmd": "train ${HOME}",
        "deps": [{"path": "raw", "hash": "md5", "md5": "11"}],
        "params": {"params.yaml": {"lr": 0.1}, "other.yaml": {"a.b": 2}},
        "outs": [
            {"path": "model", "hash": "md5", "md5": "22"},
            {"path": "score", "md5": "3"},
            {"path": "curve", "md5": "4"},
        ],
    }


def test_one_that_never_ran_has_no_lock() -> None:
    stage = single_stage(b"cmd: x\nouts:\n- path: a\n", "x.dvc", lambda *_: None)
    assert stage.locked is None


def test_names() -> None:
    assert stage_name("sub/model.h5.dvc", ()) == "model-h5"
    assert stage_name("train.dvc", ["train", "train-2"]) == "train-3"
    assert stage_name("Dvcfile", ()) == "Dvcfile"


def test_it_is_a_stage_like_any_other() -> None:
    data = b"""cmd: train ${HOME}
wdir: ..
locked: true
md5: 0123
deps:
- path: raw
  md5: 00000000000000000000000000000001
- path: params.yaml
  params: {lr: 0.1}
outs:
- {path: model, md5: 12345678901234567890123456789012.dir, cache: true, persist: true}
- {path: score, md5: 00000000000000000000000000000003, cache: false, metric: {type: json}}
"""
    found = single_definition(data, b"a/b/x.dvc")
    assert found is not None
    definition, locked = found
    assert (definition.name, definition.command, definition.wdir) == ("", "train ${HOME}", b"a")
    assert [dep.path for dep in definition.deps] == [b"a/raw"]
    assert definition.params == (DeclaredParams("params.yaml", b"a/params.yaml", ("lr",)),)
    assert definition.outs == (
        DeclaredOut("model", b"a/model", persist=True),
        DeclaredOut("score", b"a/score", OutKind.METRIC, cached=False),
    )
    assert definition.frozen
    assert locked is not None
    assert locked.params == {"params.yaml": {"lr": 0.1}}
    assert locked.outs["model"].is_tree
    assert locked.deps["raw"].digest == Digest(Algorithm.MD5_DOS2UNIX, bytes([*[0] * 15, 1]))


@pytest.mark.parametrize("path", STAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_real_ones_are_stages(path: Path) -> None:
    found = single_definition(path.read_bytes(), path.name.encode())
    assert found is not None
    assert found[0].command
    assert found[1] is not None
    assert set(found[1].outs) == {out.written for out in found[0].outs}


def test_what_is_no_stage() -> None:
    assert single_definition(b"outs:\n- path: a\n", b"a.dvc") is None
    for text in (
        b"cmd: 1",
        b"cmd: x\nwrong: 1",
        b"cmd: x\nouts: [{md5: '1'}]",
        b"cmd: x\nwdir: ../..",
    ):
        with pytest.raises(FormatError):
            single_definition(text, b"a.dvc")
    never_ran = single_definition(b"cmd: x\nouts: [{path: o}]", b"a.dvc")
    assert never_ran is not None
    assert never_ran[1] is None


def test_parameters_of_a_stage_that_never_ran() -> None:
    """`dvc run --single-stage --no-exec -p lr` of DVC 2 writes a list of keys, which has no values yet."""
    data = b"""cmd: x
deps:
- path: params.yaml
  params: [lr, nest.alpha]
- path: other.json
  params: [k]
outs:
- path: o
  md5: 00000000000000000000000000000001
"""
    found = single_definition(data, b"x.dvc")
    assert found is not None
    assert [one.keys for one in found[0].params] == [("lr", "nest.alpha"), ("k",)]
    assert found[1] is None
    stage = single_stage(data, "x.dvc", lambda *_: None)
    assert stage.declared["params"] == ["lr", "nest.alpha", {"other.json": ["k"]}]
    assert stage.locked is None
    for wrong in (b"[1]", b"['']", b"lr", b"{1: 2}"):
        with pytest.raises(FormatError, match=r"deps\[0\].params"):
            single_definition(data.replace(b"[lr, nest.alpha]", wrong), b"x.dvc")
