"""Stages of DVC 0.x as entries of `dvc.yaml` and `dvc.lock`."""

from pathlib import Path

import pytest

from vfs.formats.lock import parse_lock
from vfs.formats.pointer import parse_pointer
from vfs.formats.single_stage import single_stage, stage_name, with_stages

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
