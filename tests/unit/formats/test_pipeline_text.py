"""Edits of `dvc.yaml`. The bytes of the real dvc: tests/compat/test_pipeline_formats.py."""

import pytest

from vfs.errors import FormatError
from vfs.formats.definition import definitions
from vfs.formats.pipeline_text import to_entry, valid_name, with_frozen, with_stage, without_stage

TEXT = b"""# head
vars:
- x: 1   # the first
stages:
  # plain
  a:
    cmd: >-
      one ${x}
      two
    outs: [b, a]
  each:
    foreach: [1, 2]
    do:
      cmd: echo ${item}
"""


def test_comments_and_style_stay() -> None:
    added = with_stage(TEXT, "dvc.yaml", "new", {"cmd": "x", "outs": ["o"]})
    assert added.startswith(TEXT)
    assert added.endswith(b"  new:\n    cmd: x\n    outs:\n    - o\n")
    frozen = with_frozen(TEXT, "dvc.yaml", "a", True)
    assert b"outs: [b, a]\n    frozen: true\n" in frozen
    assert b"# plain" in frozen
    assert with_frozen(frozen, "dvc.yaml", "a", False) == frozen.replace(b"    frozen: true\n", b"")
    assert with_frozen(TEXT, "dvc.yaml", "a", False) == TEXT


@pytest.mark.parametrize("name", ["each", "each@1", "nope"])
def test_what_cannot_be_edited(name: str) -> None:
    problem = "no stage" if name == "nope" else "is generated"
    with pytest.raises(FormatError, match=problem):
        with_frozen(TEXT, "dvc.yaml", name, True)
    with pytest.raises(FormatError, match=problem):
        without_stage(TEXT, "dvc.yaml", name)


def test_a_stage_that_is_there() -> None:
    with pytest.raises(FormatError, match="already"):
        with_stage(TEXT, "dvc.yaml", "a", {"cmd": "x"})
    replaced = with_stage(TEXT, "dvc.yaml", "a", {"cmd": "x", "outs": ["b", "c"]}, replace=True)
    assert b"    cmd: >-\n      x\n    outs: [b, c]\n" in replaced


def test_the_last_stage() -> None:
    assert without_stage(b"stages:\n  a:\n    cmd: x\n", "dvc.yaml", "a") is None
    kept = without_stage(b"# c\nmetrics:\n- m\nstages:\n  a:\n    cmd: x\n", "dvc.yaml", "a")
    assert kept == b"# c\nmetrics:\n- m\n"


def test_a_pointer_is_frozen_too() -> None:
    old = b"md5: 0\nlocked: true\ndeps:\n- path: a\nouts:\n- path: b # c\n"
    thawed = with_frozen(old, "b.dvc", "", False)
    assert thawed == old.replace(b"locked: true\n", b"")
    assert with_frozen(thawed, "b.dvc", "", True) == thawed + b"frozen: true\n"


def test_entries_have_the_keys_in_order() -> None:
    text = b"""stages:
  a:
    meta: {m: 1}
    frozen: true
    plots: [{p: {title: t, y: v, cache: false, desc: d}}]
    outs: [b, {a: {push: false, remote: r, persist: true, meta: {}}}]
    params: [z, {b: }, {a: [y, x]}, b]
    deps: [d, c]
    wdir: ../w
    cmd: c
    desc: e
"""
    (made,) = definitions(text, b"s/dvc.yaml", {})
    entry = to_entry(made)
    assert list(entry) == [
        "desc",
        "cmd",
        "wdir",
        "deps",
        "params",
        "outs",
        "plots",
        "frozen",
        "meta",
    ]
    assert entry["wdir"] == "../w"
    assert entry["params"] == ["b", "z", {"a": ["x", "y"]}, {"b": None}]
    assert entry["outs"] == [{"a": {"persist": True, "remote": "r", "push": False}}, "b"]
    assert list(entry["plots"][0]["p"].items()) == [
        ("desc", "d"),
        ("cache", False),
        ("title", "t"),
        ("y", "v"),
    ]
    text = with_stage(None, "s/dvc.yaml", "a", entry)
    assert to_entry(definitions(text, b"s/dvc.yaml", {})[0]) == entry


def test_names() -> None:
    assert [name for name in ("a-b_c", "a b", "a.b", "a@b", "", "a/b") if valid_name(name)] == ["a-b_c", "a b"]  # fmt: skip


def test_items_of_a_list_that_stay_keep_their_comments() -> None:
    old = b"""stages:
  s:
    cmd: x
    deps:
    - a  # first
    # about b
    - b
    outs:  # outs
    - o:
        cache: false  # why
    - p  # p
  t: {cmd: y}
"""
    entry = {"cmd": "x", "deps": ["a", "aa", "b"], "outs": ["p", {"o": {"cache": False}}, "q"]}
    new = with_stage(old, "dvc.yaml", "s", entry, replace=True).decode()
    assert "- a  # first\n    - aa\n    # about b\n    - b\n" in new
    assert "outs:  # outs\n    - p  # p\n    - o:\n        cache: false  # why\n    - q\n" in new
    entry = {"cmd": "x", "deps": [["a"], ["a"]], "outs": ["p", "p"]}
    assert b"- p  # p\n    - p\n" in with_stage(old, "dvc.yaml", "s", entry, replace=True)


ABOVE = b"""stages:
  s:
    # what it does
    cmd: x
    # what it needs
    deps:
    - a
  # about b
    - b

    # what it makes
    outs:
    # the model
    - o
    # what it is
    desc: d
"""


@pytest.mark.parametrize(
    ("deps", "expected"),
    [
        (["a"], ABOVE.replace(b"  # about b\n    - b\n", b"")),
        (["b"], ABOVE.replace(b"    - a\n", b"")),
        (["a", "b", "c"], ABOVE.replace(b"    - b\n", b"    - b\n    - c\n")),
        ([], ABOVE[: ABOVE.index(b"    # what it needs")] + ABOVE[ABOVE.index(b"    # what it m") :]),
    ],
)  # fmt: skip
def test_comments_stay_above_what_they_are_about(deps: list[str], expected: bytes) -> None:
    """Whatever is added or goes above them; the comment of what goes goes with it."""
    entry = {"cmd": "x", **({"deps": deps} if deps else {}), "outs": ["o"], "desc": "d"}
    made = with_stage(ABOVE, "dvc.yaml", "s", entry, replace=True)
    assert [line for line in made.split(b"\n") if line] == [
        line for line in expected.split(b"\n") if line
    ]


COMMENTED = b"""# The pipeline

# Of all stages
vars:
- x: 1

# The stages
stages:
  # Gets the data,
  # all of it
  prepare:
    cmd: get
    outs:
    - data  # big
    # - more

  # Trains the model
  train:
    cmd: train
    deps:
    - data

  # (free)

# Evaluates
  evaluate:
    cmd: evaluate
    metrics:
    - m.json:
        cache: false
  # The end of the stages

# What is drawn
plots:
- p
# The end
"""


def test_comments_stay_where_a_stage_was_removed() -> None:
    removed = without_stage(COMMENTED, "dvc.yaml", "train")
    assert removed == COMMENTED.replace(
        b"  # Trains the model\n  train:\n    cmd: train\n    deps:\n    - data\n\n", b""
    )
    removed = without_stage(COMMENTED, "dvc.yaml", "prepare")
    begin, end = COMMENTED.index(b"  # Gets"), COMMENTED.index(b"  # Trains")
    assert removed == COMMENTED[:begin] + COMMENTED[end:]
    removed = without_stage(COMMENTED, "dvc.yaml", "evaluate")
    begin, end = COMMENTED.index(b"# Evaluates"), COMMENTED.index(b"  # The end of")
    assert removed == COMMENTED[:begin] + COMMENTED[end:]
    rest: bytes | None = COMMENTED
    for name in ("train", "evaluate", "prepare"):
        assert rest is not None
        rest = without_stage(rest, "dvc.yaml", name)
    assert rest == (
        b"# The pipeline\n\n# Of all stages\nvars:\n- x: 1\n\n  # (free)\n\n  # The end of the stages\n\n"
        b"# What is drawn\nplots:\n- p\n# The end\n"
    )


def test_comments_stay_where_a_stage_gets_more() -> None:
    entry = {"cmd": "train", "deps": ["data"], "outs": ["model"]}
    changed = with_stage(COMMENTED, "dvc.yaml", "train", entry, replace=True)
    more = b"    - data\n    outs:\n    - model\n\n  # (free)"
    assert changed == COMMENTED.replace(b"    - data\n\n  # (free)", more)
    frozen = with_frozen(COMMENTED, "dvc.yaml", "train", True)
    more = b"    - data\n    frozen: true\n\n  # (free)"
    assert frozen == COMMENTED.replace(b"    - data\n\n  # (free)", more)
    assert with_frozen(frozen, "dvc.yaml", "train", False) == COMMENTED
    entry = {"cmd": "evaluate", "outs": ["o"]}
    changed = with_stage(COMMENTED, "dvc.yaml", "evaluate", entry, replace=True)
    old = b"    metrics:\n    - m.json:\n        cache: false\n"
    assert changed == COMMENTED.replace(old, b"    outs:\n    - o\n")
    added = with_stage(COMMENTED, "dvc.yaml", "new", {"cmd": "new"})
    assert added == COMMENTED.replace(
        b"        cache: false\n", b"        cache: false\n  new:\n    cmd: new\n"
    )
    entry = {"cmd": "get", "deps": ["url"], "outs": ["data"]}
    changed = with_stage(COMMENTED, "dvc.yaml", "prepare", entry, replace=True)
    assert b"- data  # big\n" in changed
    assert changed.endswith(COMMENTED[COMMENTED.index(b"  # Trains") :])


def test_comments_of_a_file_that_is_indented_deeper() -> None:
    """Keys are moved to where DVC has them."""
    text = COMMENTED.replace(b"  # big\n    # - more\n", b"\n")  # those stay at their columns
    lines = text.splitlines()
    deeper = b"\r\n".join(b"  " + line if line[:1] == b" " else line for line in lines) + b"\r\n"
    for name in ("prepare", "train", "evaluate"):
        assert without_stage(deeper, "dvc.yaml", name) == without_stage(text, "dvc.yaml", name)


def test_comments_alone_stay() -> None:
    added = with_stage(b"# mine\n", "dvc.yaml", "new", {"cmd": "new"})
    assert added == b"# mine\nstages:\n  new:\n    cmd: new\n"


def test_an_anchor_outlives_its_stage() -> None:
    """What stands for it elsewhere has to mean the same."""
    old = b"stages:\n  # a\n  a: &a\n    cmd: x\n  # b\n  b: *a\n  # c\n  c:\n    <<: *a\n    outs: [o]\n"
    removed = without_stage(old, "dvc.yaml", "a")
    assert removed is not None
    assert [one.command for one in definitions(removed, b"dvc.yaml", {})] == ["x", "x"]
    changed = with_stage(old, "dvc.yaml", "c", {"cmd": "x", "outs": ["p"]}, replace=True)
    assert [one.outs[0].written for one in definitions(changed, b"dvc.yaml", {})[2:]] == ["p"]


def test_a_comment_becomes_no_line_of_a_command() -> None:
    """Texts are moved to where DVC has them, comments below them are not."""
    text = "stages:\n    a:\n        cmd: |\n            x\n\n        # about\n        deps: [d]\n    b:\n        cmd: y\n"
    with pytest.raises(FormatError, match="a comment would become a line of the text above it"):
        with_frozen(text.encode(), "dvc.yaml", "b", True)
    narrow = text.replace("    ", "  ").encode()
    assert with_frozen(narrow, "dvc.yaml", "b", True) == narrow + b"    frozen: true\n"
