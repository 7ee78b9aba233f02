"""`dvc.yaml`, read strictly. What DVC itself says of such files: tests/compat/test_pipeline_formats.py."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.definition import Sections, StrictPipeline, definitions, sections
from vfs.formats.stage_values import DeclaredOut, DeclaredParams, Definition, OutKind
from vfs.formats.variables import OnDemand


def read(
    text: str, files: Mapping[bytes, bytes] | None = None, path: bytes = b"s/dvc.yaml"
) -> list[Definition]:
    return definitions(text.encode(), path, files or {})


def refused(text: str, files: Mapping[bytes, bytes] | None = None) -> str:
    with pytest.raises(FormatError) as caught:
        read(text, files)
    return caught.value.message


def test_everything_a_stage_can_say() -> None:
    (made,) = read(
        """# a comment

stages:
  train:
    desc: learns
    cmd: [one, two]
    wdir: ../w
    deps: [a, ../../b, /abs, "s3://c/d"]
    params: [lr, {other.json: [x.y]}, lr2, {whole.toml: }]
    outs: [o, {p: {cache: false, persist: true, remote: Far, push: false, desc: d, meta: {k: 1}}}]
    plots: [{c.csv: {x: a, header: false}}]
    metrics: [m.json]
    frozen: true
    always_changed: true
    meta: {any: thing}
"""
    )
    assert (made.file, made.line, made.name, made.group) == (b"s/dvc.yaml", 4, "train", None)
    assert (made.command, made.wdir, made.desc) == (("one", "two"), b"w", "learns")
    assert [(d.written, d.path) for d in made.deps] == [
        ("a", b"w/a"),
        ("../../b", None),
        ("/abs", None),
        ("s3://c/d", None),
    ]
    assert made.params == (
        DeclaredParams("params.yaml", b"w/params.yaml", ("lr", "lr2")),
        DeclaredParams("other.json", b"w/other.json", ("x.y",)),
        DeclaredParams("whole.toml", b"w/whole.toml"),
    )
    assert made.outs == (
        DeclaredOut("o", b"w/o"),
        DeclaredOut("p", b"w/p", OutKind.OUT, False, True, "far", False, {"desc": "d", "meta": {"k": 1}}),
        DeclaredOut("m.json", b"w/m.json", OutKind.METRIC),
        DeclaredOut("c.csv", b"w/c.csv", OutKind.PLOT, extra={"x": "a", "header": False}),
    )  # fmt: skip
    assert (made.frozen, made.always_changed, made.meta) == (True, True, {"any": "thing"})


PLACES = {
    "stage:": ("", "unknown key 'stage'"),
    "stages:\n  a:\n    cmd: x\n    dep: [y]": (":4", "stage 'a': dep: unknown key"),
    "stages:\n  a:\n    cmd: x\n    outs:\n    - o:\n        cache: 1": (
        ":6",
        "stage 'a': outs[0].o.cache: expected true or false",
    ),
    "stages:\n  a:\n    deps: [y]": (":2", "stage 'a': has no cmd"),
    "stages:\n  a:\n    cmd: x\n    deps:\n    - y\n    - ${nope}": (
        ":4",
        "stage 'a': deps: cannot resolve ${nope}",
    ),
    "stages:\n  a:\n    foreach: [x, y]\n    do:\n      cmd: ${item.z}": (
        ":5",
        "stage 'a@x': do.cmd: cannot resolve",
    ),
    "stages:\n  a:\n    cmd: x\n  b:\n    cmd: y ${}": (":5", "stage 'b': cmd: malformed ${}"),
    "stages:\n  a:\n    cmd: x\n    wdir: ../..": (":4", "stage 'a': wdir: '../..' leads out"),
    "vars:\n- x: 1\n- x: 2": (":1", "vars: redefines the variable 'x'"),
    "vars: [nope.yaml]": (":1", "the variable file 's/nope.yaml' is missing"),
    "vars:\n- a: ${b}": (":1", "vars: variables cannot be made from"),
    "metrics:\n- m\n- ${m}": (":3", "metrics[1]: cannot resolve"),
    "stages:\n  a@b:\n    cmd: x": (":2", "'a@b' is no name for a stage"),
    "stages:\n  a:\n    cmd: x\n    params:\n    - f: 3": (":5", "params[0].f: expected a list"),
    "stages:\n  a:\n    foreach: 3\n    do: {cmd: x}": (":3", "stage 'a': foreach: expected"),
}


@pytest.mark.parametrize("text", PLACES)
def test_a_refusal_names_file_line_and_stage(text: str) -> None:
    read_all = StrictPipeline.sections if text.startswith("metrics") else StrictPipeline.definitions
    with pytest.raises(FormatError) as caught:
        read_all(StrictPipeline(text.encode(), b"s/dvc.yaml", {}))
    line, problem = PLACES[text]
    assert caught.value.message.startswith(f"s/dvc.yaml{line}")
    assert problem in caught.value.message


def test_what_is_wrong_in_a_variable_file_is_said_of_that_file() -> None:
    files = {b"s/params.yaml": b"a: 1\nb: [\n"}
    assert refused("stages: {a: {cmd: x}}", files).startswith("s/params.yaml:")
    assert refused("vars: [v.json]", {b"s/v.json": b"[1]"}).startswith("s/v.json: ")


def test_only_the_asked_stages_are_resolved() -> None:
    text = (
        b"stages: {a: {cmd: '${nope}'}, b: {cmd: x}, c: {foreach: [1, 2], do: {cmd: 'y ${item}'}}}"
    )

    def names(*asked: str) -> list[str]:
        return [one.name for one in definitions(text, b"dvc.yaml", {}, names=asked)]

    assert names("b") == ["b"]
    assert names("c@2", "b") == ["b", "c@2"]
    assert names("c") == ["c@1", "c@2"]
    assert names("nope", "c@3") == []


def test_variable_files_are_read_when_they_are_needed() -> None:
    asked: list[bytes] = []
    contents = {b"params.yaml": b"w: sub", b"sub/v.json": b'{"x": 1}'}

    def give(path: bytes) -> bytes | None:
        asked.append(path)
        return contents.get(path)

    text = b"stages: {a: {wdir: '${w}', vars: [v.json], cmd: 'c ${x}'}, b: {cmd: d}}"
    files = OnDemand(give)
    assert [d.command for d in definitions(text, b"dvc.yaml", files)] == ["c 1", "d"]
    assert asked == [b"params.yaml", b"sub/v.json"]
    assert sorted(files) == sorted(contents)


def test_the_lists_at_the_top() -> None:
    text = b"vars: [{s: t, l: [1]}]\nparams: ['${s}']\nmetrics: [m]\nplots: [p, {'${s}': {y: '${l}'}}]\nartifacts: {'a-${s}': {path: '${s}'}}"
    expected = Sections(["t"], ["m"], ["p", {"t": {"y": [1]}}], {"a-t": {"path": "t"}})
    assert sections(text, b"dvc.yaml", {}) == expected


def test_aliases_cannot_make_a_text_explode() -> None:
    text = (
        "stages: {a: {matrix: {"
        + ", ".join(f"k{i}: [1, 2, 3, 4]" for i in range(12))
        + "}, cmd: x}}"
    )
    assert "makes more than" in refused(text)


WORDS = st.sampled_from(
    [
        "stages",
        "cmd",
        "deps",
        "outs",
        "wdir",
        "vars",
        "foreach",
        "do",
        "matrix",
        "params",
        "plots",
        "metrics",
        "meta",
        "frozen",
        "a",
        "b",
        "cache",
    ]
) | st.sampled_from(["${a}", "${a.b}", "\\${a}", "${item}", "${", ""])
ANYTHING = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(WORDS, ANYTHING), st.dictionaries(WORDS, ANYTHING), st.booleans())
def test_nothing_but_refusals(top: object, stage: object, nested: bool) -> None:
    document = {"stages": {"s": stage}, "vars": [{"a": {"b": 1}}]} if nested else top
    for call in (definitions, sections):
        reading: Callable[[bytes, bytes, Mapping[bytes, bytes]], object] = call
        with suppress(FormatError):
            reading(yaml.safe_dump(document).encode(), b"dvc.yaml", {b"params.yaml": b"item: 1"})


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with suppress(FormatError):
        definitions(data, b"dvc.yaml", {})
