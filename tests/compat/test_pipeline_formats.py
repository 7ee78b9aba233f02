"""Pipelines as we read and write them beside the real dvc: one process of its Python answers for many generated files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.definition import StrictPipeline, definitions
from vfs.formats.pipeline import Pipeline
from vfs.formats.pointer_text import dump_yaml
from vfs.formats.stage_values import Definition
from vfs.formats.templating import OptionStyle
from vfs.testing.dvc_reader import FILES, DvcReader, dvc_reader
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.dvc


def stage(made: Definition) -> dict[str, Any]:
    """A definition in the shape of the reader's answer."""
    outs = [
        [
            out.written,
            out.kind.value,
            out.cached,
            out.persist,
            out.remote,
            out.push,
            {key: value for key, value in out.extra.items() if value or key == "header"},
        ]
        for out in made.outs
    ]
    command = made.command
    return {
        "name": made.name,
        "cmd": command if isinstance(command, str) else list(command),
        "wdir": os.fsdecode(made.wdir) or ".",
        "deps": [dep.written for dep in made.deps],
        "params": [[one.written, list(one.keys)] for one in made.params],
        "outs": outs,
        "frozen": made.frozen,
        "always": made.always_changed,
        "desc": made.desc,
        "meta": made.meta,
    }


def ours(files: Mapping[str, str], file: str = "dvc.yaml") -> dict[str, Any]:
    contents = {name.encode(): text.encode() for name, text in files.items()}
    pipeline = StrictPipeline(contents[file.encode()], file.encode(), contents)
    tops = pipeline.sections()
    return {"stages": [stage(one) for one in pipeline.definitions()], **tops._asdict()}


def same(reader: DvcReader, files: Mapping[str, str], file: str = "dvc.yaml") -> dict[str, Any]:
    """Both read the same."""
    told = reader.tell("pipeline", files=dict(files), file=file)
    assert "answer" in told, told
    found = ours(files, file)
    assert found == told["answer"]
    return found


ACCEPTED = {
    "plain": "stages: {a: {cmd: x, deps: [a, ./b, ../c, 's3://x/y'], outs: [o, {p: {cache: false, desc: d, meta: {q: 1}}}]}}",
    "kinds": "stages: {a: {cmd: [x, y], metrics: [m.json: {cache: false}], plots: [p.csv: {x: e, y: l, header: false, type: t}], outs: [o: {push: false, persist: true, remote: r, checkpoint: true}]}}",
    "flags": "stages: {a: {cmd: x, frozen: true, always_changed: true, desc: d, meta: [1, {a: b}]}}",
    "params": "stages: {a: {cmd: x, params: [lr, train.x, {f.yaml: [a, b]}, {g.yaml: null}, 'f.yaml:z', {f.yaml: [c]}]}}",
    "whole": "stages: {a: {cmd: x, params: [lr, {params.yaml: null}, {g.json: [a]}, {g.json: []}, other]}}",
    "wdir": "stages: {a: {cmd: x, wdir: sub/../w, deps: [../a]}}",
    "twice": "stages: {a: {cmd: x, outs: [o, {o: {cache: false}}, p, o], metrics: [o]}}",
    "local": "vars: [v: 1, f.yaml, 'g.json:one,two']\nstages: {a: {cmd: 'x ${v} ${f} ${one} ${two.deep} ${p}', vars: [{w: '2'}, g.json:three], deps: ['${w}']}}",
    "again": "vars: [params.yaml, f.yaml, f.yaml]\nstages: {a: {cmd: 'x ${f}', vars: [f.yaml, params.yaml]}}",
    "merge": "vars: [{a: {b: 1}}, {a: {c: {d: 2}}}, {a: {c: {e: 3}}}]\nstages: {a: {cmd: 'x ${a.b} ${a[c][d]} ${ a . c . e }'}}",
    "options": "vars: [{o: {a: 1, b: true, c: false, d: 'x y', e: [1, p q, true], f: {g: null, h: {}}, i: [], j: 1.5}}]\nstages: {a: {cmd: 'run ${o} end'}}",
    "foreach": "stages: {a: {foreach: [x, 1, true, null, 1.5, x], do: {cmd: 'c ${item}', outs: ['o-${item}']}}}",
    "foreach map": "stages: {a: {foreach: {k: {v: 1}, 2: {v: b}}, do: {cmd: 'c ${key} ${item.v}', wdir: '${key}'}}}",
    "foreach mixed": "stages: {a: {foreach: [{v: x}, y], do: {cmd: c}}}",
    "foreach variable": "stages: {a: {foreach: '${list}', do: {cmd: 'c ${item}'}}, b: {foreach: '${map}', do: {cmd: 'c ${key} ${item}'}}, c: {foreach: ['${yes}', true, 'x${yes}'], do: {cmd: 'c ${item}'}}}",
    "matrix": "stages: {a: {matrix: {p: [1, [2], {q: 3}], r: [true, '${yes}', s]}, cmd: 'c ${item.r} ${key}', outs: ['${key}']}}",
    "matrix odd": "stages: {a: {matrix: {p: abc, q: '${map}'}, cmd: 'c ${item.p} ${item.q}'}, b: {matrix: {p: []}, cmd: x}}",
    "escapes": "stages: {a: {cmd: 'echo \\${HOME} ${yes} \\${', deps: ['\\${x}'], meta: {k: 'a ${yes}', '${s}': 1}, desc: '${s}'}}",
    "numbers": "vars: [{a: 010, b: 1_000, c: 1e5, d: 0x1f, e: .5, f: 010.5, g: 'on', h: on}]\nstages: {a: {cmd: '${a} ${b} ${c} ${d} ${e} ${f} ${g} ${h}'}}",
    "tops": "params: ['${s}.yaml']\nmetrics: [m.json, '${s}']\nplots: [p.csv, {'${s}': {x: a, y: {f.csv: [b, c]}, title: '${s}'}}, {q: null}]\nartifacts: {m: {path: '${s}', labels: ['${s}'], type: t}}",
    "names": "stages: {a.b: {cmd: x}, c/d: {cmd: y}, 'e f': {cmd: z}}",
    "anchors": "x: &c {}\nstages: {a: &s {cmd: x, deps: [d]}, b: {<<: *s, cmd: y}}".replace("x: &c {}\n", ""),
    "do matrix": "stages: {a: {foreach: [1], do: {cmd: x, matrix: {p: [1]}}}}",
    "none": "",
    "no stages": "vars: [{a: 1}]",
    "datasets": "datasets: [{name: d, type: dvc}]\nstages: {a: {cmd: x}}",
    "python": "vars: [v.py]\nstages: {a: {cmd: '${A} ${Train.lr} ${Train.self_x}'}}",
    "toml": "vars: [t.toml]\nstages: {a: {cmd: '${a.b} ${c[0].d}'}}",
    "key shadow": "vars: [{item: 1, key: 2}]\nstages: {a: {foreach: [x], do: {cmd: '${item} ${key}'}}, b: {cmd: '${item} ${key}'}}",
    "negative": "stages: {a: {cmd: '${list[-1]} ${list.0} ${list[ 1 ]}'}}",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_both_read_the_same(reader: DvcReader, name: str) -> None:
    same(reader, {**FILES, "dvc.yaml": ACCEPTED[name]})
    below = {f"s/{file}": text for file, text in FILES.items()}
    same(reader, {**below, "s/dvc.yaml": ACCEPTED[name]}, "s/dvc.yaml")


REFUSED = {
    "unknown top": "stage: {}",
    "unknown key": "stages:\n  a:\n    cmd: x\n    dep: [b]",
    "unknown flag": "stages: {a: {cmd: x, outs: [{o: {cached: true}}]}}",
    "no command": "stages: {a: {deps: [x]}}",
    "null deps": "stages: {a: {cmd: x, deps: }}",
    "number": "stages: {a: {cmd: x, deps: [1]}}",
    "flag": "stages: {a: {cmd: x, frozen: 'yes'}}",
    "flag from a variable": "stages: {a: {cmd: x, frozen: '${yes}'}}",
    "null flags": "stages: {a: {cmd: x, outs: [{o: }]}}",
    "list of plots": "stages: {a: {cmd: x, plots: [{o: [{x: a}]}]}}",
    "at": "stages: {a@b: {cmd: x}}",
    "no name": "stages: {'': {cmd: x}}",
    "null stages": "stages:",
    "unknown variable": "stages: {a: {cmd: 'x ${nope}'}}",
    "malformed": "stages: {a: {cmd: 'x ${a..b}'}}",
    "empty expression": "stages: {a: {cmd: 'x ${}'}}",
    "vars from vars": "vars: [{a: '${b}'}]",
    "stage vars from vars": "stages: {a: {cmd: x, vars: [{a: '${yes}'}]}}",
    "redefined": "vars: [{p: 1}]",
    "redefined deep": "vars: [{map: {k: 2}}]",
    "redefined in stage": "stages: {a: {cmd: x, vars: [{p: 1}]}}",
    "reserved": "stages: {a: {foreach: [1], do: {cmd: x, vars: [{item: 1}]}}}",
    "composite": "stages: {a: {cmd: x, deps: ['a ${list}']}}",
    "composite whole": "stages: {a: {cmd: x, deps: ['${map}']}}",
    "list in command": "stages: {a: {cmd: 'x ${list}'}}",
    "nested list in command": "stages: {a: {cmd: 'x ${nested}', vars: [{nested: {a: [[1]]}}]}}",
    "no list": "stages: {a: {foreach: '${s}', do: {cmd: x}}}",
    "no do": "stages: {a: {foreach: [1]}}",
    "both": "stages: {a: {foreach: [1], matrix: {a: [1]}, do: {cmd: x}}}",
    "empty item": "stages: {a: {foreach: [x, ''], do: {cmd: x}}}",
    "empty matrix": "stages: {a: {matrix: {}, cmd: x}}",
    "missing file": "vars: [nope.yaml]",
    "missing key": "vars: ['f.yaml:nope']",
    "twice in part": "vars: ['f.yaml:f', 'f.yaml:f']",
    "whole after part": "vars: ['f.yaml:f', f.yaml]",
    "part after whole": "vars: ['params.yaml:p']",
    "params list": "stages: {a: {cmd: x, params: [{f: s}]}}",
    "param number": "stages: {a: {cmd: x, params: ['${p}']}}",
    "dep number": "stages: {a: {cmd: x, deps: ['${p}']}}",
    "wdir number": "stages: {a: {cmd: x, wdir: '${map.k}'}}",
    "out of dvc": "stages: {a: {cmd: x, outs: [x.dvc]}}",
    "empty dep": "stages: {a: {cmd: x, deps: ['']}}",
    "duplicate": "stages: {a: {cmd: x}, a: {cmd: y}}",
    "plots": "plots: [{a: {z: 1}}]",
    "artifact": "artifacts: {a: {desc: x}}",
    "bad variables": "vars: [bad.yaml]",
    "list of variables": "vars: [list.json]",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(reader: DvcReader, name: str) -> None:
    files = {**FILES, "dvc.yaml": REFUSED[name], "bad.yaml": "a: [", "list.json": "[1]"}
    assert "error" in reader.tell("pipeline", files=files, file="dvc.yaml")
    with pytest.raises(FormatError) as caught:
        ours(files)
    assert caught.value.file
    assert caught.value.line or caught.value.file == "list.json"


def written(value: Any) -> st.SearchStrategy[str]:
    """A text that is `value`, or has a variable in it."""
    return st.sampled_from([value, f"{value}-${{s}}", "${s}", f"${{nest.a[0]}}{value}"])


def flags(*, plot: bool) -> st.SearchStrategy[dict[str, Any]]:
    known: dict[str, st.SearchStrategy[Any]] = {
        "cache": st.booleans(),
        "persist": st.booleans(),
        "push": st.booleans(),
        "remote": st.just("store"),
        "desc": written("about"),
        "labels": st.lists(written("l"), max_size=2),
        "meta": st.dictionaries(st.sampled_from("ab"), written("m"), max_size=2),
    }
    if plot:
        known |= {"x": written("x"), "y": st.just("y"), "header": st.booleans()}
    return st.fixed_dictionaries({}, optional=known)


def outs(prefix: str) -> st.SearchStrategy[list[Any]]:
    paths = written(prefix)
    item = paths | st.dictionaries(paths, flags(plot=prefix == "p"), min_size=1, max_size=2)
    return st.lists(item, max_size=3)


KEYS = st.sampled_from(["lr", "a.b", "${s}", "c.0"])
PARAMS = st.lists(
    KEYS
    | st.dictionaries(
        st.sampled_from(["f.yaml", "params.yaml", "${s}.json"]),
        st.none() | st.lists(KEYS, max_size=2),
        max_size=2,
    ),
    max_size=4,
)
COMMAND = st.sampled_from(
    [
        "${",
        "${}",
        "${nope}",
        "x ${item}",
        "${ s }",
        "${list}",
        "${list[0]} ${list[-1]}",
        "x ${opts.b.c}",
        "x ${nest[a][0]}",
        "x ${nest.a.[0]}",
        "x ${nest.a[0] .b}",
        "x ${nest.a [0] }",
        "a ${s}}",
        "$${s}",
        "\\\\${s}",
        "run",
        "run ${s} ${yes}",
        "run ${map}",
        "run ${opts} \\${x}",
        "a\nb",
        "${s}",
    ]
)
BODY: dict[str, st.SearchStrategy[Any]] = {
    "cmd": COMMAND | st.lists(COMMAND, min_size=1, max_size=2)
}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "wdir": st.sampled_from(
        [
            "",
            "${yes}",
            "${list}",
            "x${map.k}",
            "",
            "${yes}",
            "${list}",
            "x${map.k}",
            ".",
            "w",
            "${s}",
            "w/../v",
        ]
    ),
    "deps": st.lists(written("d") | st.sampled_from(["s3://b/k", "../up"]), max_size=3),
    "params": PARAMS,
    "outs": outs("o"),
    "metrics": outs("m"),
    "plots": outs("p"),
    "frozen": st.booleans(),
    "always_changed": st.booleans(),
    "desc": written("desc"),
    "meta": st.recursive(
        written("m") | st.integers() | st.none(), lambda x: st.lists(x, max_size=2)
    ),
    "vars": st.just([{"local": 1}]) | st.just([]),
}
ITEM = st.sampled_from(
    [
        "${nope}",
        "${nest}",
        "a-${list}",
        "a-${map}",
        2.0,
        "",
        "true",
        "True",
        "a",
        1,
        True,
        False,
        None,
        1.5,
        "${yes}",
        "${s}",
        "x${map.k}",
        {"q": 1},
        ["l"],
    ]
)
PLAIN = st.fixed_dictionaries(BODY, optional=OPTIONAL)
INNER = st.fixed_dictionaries(
    {"cmd": st.sampled_from(["run ${s}", "run \\${item}"])}, optional=OPTIONAL
)
STAGE = (
    PLAIN
    | st.fixed_dictionaries(
        {
            "foreach": st.lists(ITEM, max_size=4)
            | st.dictionaries(st.sampled_from(["k", "l", 2]), ITEM, max_size=3)
            | st.sampled_from(["${list}", "${map}", "${mixed}"]),
            "do": INNER,
        }
    )
    | st.builds(
        lambda axes, body: {"matrix": axes, **body},
        st.dictionaries(
            st.sampled_from("pqr"),
            st.lists(ITEM, min_size=1, max_size=3) | st.sampled_from(["${list}", "${map}"]),
            min_size=1,
            max_size=3,
        ),
        INNER,
    )
)
VARIABLES = (
    "s: text\nyes: true\nlist: [a, true, 3]\nmap: {k: 1, l: true}\nnest: {a: [1]}\n"
    "mixed: [{a: 1}, b]\nopts: {a: x y, b: {c: [1, 'z z'], d: false}, e: true, f: null}\n"
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), STAGE, max_size=3))
def test_generated_pipelines(reader: DvcReader, stages: dict[str, Any]) -> None:
    files = {"params.yaml": VARIABLES, "dvc.yaml": dump_yaml({"stages": stages}).decode()}
    told = reader.tell("pipeline", files=files, file="dvc.yaml")
    if "answer" in told:
        for one in told["answer"]["stages"]:
            one["deps"] = list(dict.fromkeys(one["deps"]))  # what is written twice counts once
        assert ours(files) == told["answer"]
        contents = {name.encode(): text.encode() for name, text in files.items()}
        mounted = Pipeline(contents[b"dvc.yaml"], b"dvc.yaml", contents, "dvc.yaml")
        for one in definitions(contents[b"dvc.yaml"], b"dvc.yaml", contents):
            seen = mounted.declaration(one.name)
            assert seen is not None
            assert seen.wdir == one.wdir
            assert seen.outs is not None
            assert {*seen.outs} == {out.path for out in one.outs}
    else:
        with pytest.raises(FormatError):
            ours(files)


@pytest.mark.parametrize("style", ["nargs", "append"])
def test_options_follow_the_configuration(style: str, sandbox: Sandbox, dvc3: Path) -> None:
    with dvc_reader(sandbox, dvc3) as asked:
        root = sandbox.root / "reader"
        for key, value in (("list", style), ("bool", "boolean_optional")):
            sandbox.run([dvc3, "config", f"parsing.{key}", value], cwd=root)
        text = "stages: {a: {cmd: 'run ${opts}'}}"
        files = {"params.yaml": VARIABLES, "dvc.yaml": text}
        told = asked.ask("pipeline", files=files, file="dvc.yaml")
    found = definitions(
        text.encode(),
        b"dvc.yaml",
        {b"params.yaml": VARIABLES.encode()},
        style=OptionStyle(negated=True, repeated=style == "append"),
    )
    assert found[0].command == told["stages"][0]["cmd"]
