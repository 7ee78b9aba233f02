"""Pipelines as we read and write them beside the real dvc: one process of its Python answers for many generated files."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.definition import StrictPipeline, definitions
from vfs.formats.locked import entry, locked_stages, with_entries
from vfs.formats.params import values
from vfs.formats.pipeline import Pipeline
from vfs.formats.pipeline_text import to_entry, with_frozen, with_stage, without_stage
from vfs.formats.pointer_text import dump_yaml
from vfs.formats.run_cache import (
    cacheable,
    entry_key,
    entry_path,
    entry_text,
    entry_value,
    read_entry,
)
from vfs.formats.single_record import with_record
from vfs.formats.single_stage import single_definition
from vfs.formats.stage_values import Definition, Locked, LockedItem
from vfs.formats.templating import OptionStyle
from vfs.testing.clones import Clone
from vfs.testing.dvc_reader import DvcReader, dvc_reader
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Digest

pytestmark = pytest.mark.dvc


@pytest.fixture(scope="module")
def reader(shared_sandbox: Sandbox, dvc3: Path) -> Iterator[DvcReader]:
    with dvc_reader(shared_sandbox, dvc3) as made:
        yield made


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
FILES = {
    "params.yaml": "p: 0\nlist: [a, true, 3]\nmap: {k: 1, l: true}\nyes: true\ns: text\nnest: {a: [1]}\n",
    "f.yaml": "f: 7\n",
    "g.json": '{"one": 1, "two": {"deep": "d"}, "three": 3}',
    "v.py": "A = 1\nclass Train:\n    lr: float = 0.1\n    def __init__(self):\n        self.self_x = 'q'\n",
    "t.toml": "c = [{d = 1}]\n[a]\nb = 'x'\n",
}


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


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), STAGE, max_size=3))
def test_generated_pipelines(reader: DvcReader, stages: dict[str, Any]) -> None:
    files = {"params.yaml": VARIABLES, "dvc.yaml": dump_yaml({"stages": stages}).decode()}
    told = reader.tell("pipeline", files=files, file="dvc.yaml")
    if "answer" in told:
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


# Not U+0085, which ruamel.yaml, so DVC, writes so that nobody reads it again.
CHARACTERS = st.characters(exclude_characters="\x85", exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS, min_size=1)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(CHARACTERS, max_size=8)
    | st.sampled_from(
        ["010", "1_0", "yes", "1e5", "2001-01-01", "", " a", "a: b", "# c", "x\ny\n", "~"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(CHARACTERS, max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
HASH = st.binary(min_size=16, max_size=16)
PATH = st.text(st.characters(codec="utf-8", exclude_characters="\x85", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)  # fmt: skip


@st.composite
def items(draw: st.DrawFn) -> LockedItem:
    is_tree = draw(st.booleans())
    algorithm = draw(st.sampled_from([Algorithm.MD5, Algorithm.MD5_DOS2UNIX]))
    return LockedItem(
        draw(PATH),
        Digest(algorithm, draw(HASH)),
        is_tree,
        draw(st.none() | st.integers(0, 2**40)),
        draw(st.integers(0, 9)) if is_tree else None,
        not is_tree and draw(st.booleans()),
    )


def by_path(found: list[LockedItem]) -> dict[str, LockedItem]:
    return {item.written: item for item in found}


LOCKED = st.builds(
    Locked,
    TEXT | st.lists(TEXT, min_size=1, max_size=2).map(tuple),
    st.lists(items(), max_size=3).map(by_path),
    st.dictionaries(
        st.sampled_from(["params.yaml", "a.yaml", "z.json"]),
        st.dictionaries(st.text(CHARACTERS, min_size=1, max_size=4), VALUE, max_size=3),
        max_size=3,
    ),
    st.lists(items(), max_size=3).map(by_path),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["a", "b@1", "c"]), LOCKED, min_size=1), st.data())
def test_generated_locks(
    reader: DvcReader, recorded: dict[str, Locked], data: st.DataObject
) -> None:
    """The bytes are DVC's, new and edited, and say what was recorded."""
    entries = {name: entry(one) for name, one in recorded.items()}
    text = with_entries(None, "dvc.lock", recorded)
    assert text is not None
    theirs = reader.tell("lock", files={}, file="dvc.lock", entries=entries)
    assert text.decode() == theirs["answer"]
    assert locked_stages(text, "dvc.lock") == recorded
    for one in recorded.values():
        assert [entry_key(one), entry_value(one)] == reader.ask("hashes", entry=entry(one))
        assert read_entry(entry_text(one), "runs") == one
    name = data.draw(st.sampled_from([*recorded, "new"]))
    change = data.draw(LOCKED)
    edited = with_entries(text, "dvc.lock", {name: change})
    assert edited is not None
    told = reader.ask(
        "lock", files={"dvc.lock": text.decode()}, file="dvc.lock", entries={name: entry(change)}
    )
    assert edited.decode() == told


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c*", "1"]) | st.integers(0, 2), VALUE, max_size=4),
    st.lists(st.lists(st.sampled_from(["a", "b", "c*", "*", "0", "1", "-1", "?"]), min_size=1, max_size=3).map(".".join), max_size=2),
)  # fmt: skip
def test_generated_parameters(reader: DvcReader, document: dict[Any, Any], keys: list[str]) -> None:
    text = dump_yaml(document).decode()
    told = reader.tell("params", files={"f.yaml": text}, file="f.yaml", keys=keys)
    if "answer" in told:
        assert repr(values(text.encode(), b"f.yaml", keys)) == told["answer"]
    elif "Empty string keys" not in told["error"]:
        with pytest.raises(FormatError):
            values(text.encode(), b"f.yaml", keys)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("p.py", "A = 1\nB: int = 2\nC: int\nD, E = 1, 2\nF = G = 3\nself.H = 4\nI = print(1)\nJ = {'a': (1, [2])}\nJ['b'] = 1\nclass K:\n    L = -1\n    def __init__(self, M=1):\n        self.N = 'n'\n        O = 1\n    def other(self):\n        self.P = 1\nclass Q(K):\n    pass\nR = 1 + 2\nS = 1 + 2j if 0 else 0\nT = {'a': 1, **J}\n"),
        ("p.py", ""),
        ("p.py", "def __init__(self):\n    self.a = 1\n"),
        ("p.toml", "a = 1\nb = [1, {c = 2}]\n[d.e]\nf = 'x'\n"),
        ("p.json", '{"a": {"b": [1, 2.0, null]}}'),
        ("p.json", "{}"),
        ("p.yaml", ""),
        ("p.yaml", "# nothing\n"),
        ("p", "a: 1"),
        ("p.YML", "a: [010, 1_0, 0b1, 0o7, 0x1F, 1e5, .5, 010.5, 1_0.5, 2001-01-01, 2001-01-01 10:00:00, 2001-01-01T10:00:00.5, yes, 1:20]"),
    ],
)  # fmt: skip
def test_files_of_parameters(reader: DvcReader, file: str, text: str) -> None:
    told = reader.tell("params", files={file: text}, file=file, keys=[])
    assert repr(values(text.encode(), file.encode())) == told["answer"]


@pytest.mark.parametrize(
    ("file", "text"), [("p.py", "a = = 1"), ("p.toml", "a = 1\n= 2"), ("p.json", "{\n"), ("p.yaml", "a: 1\nb: [")]
)  # fmt: skip
def test_broken_files_of_parameters(reader: DvcReader, file: str, text: str) -> None:
    assert "error" in reader.tell("params", files={file: text}, file=file, keys=[])
    with pytest.raises(FormatError) as caught:
        values(text.encode(), file.encode())
    assert (caught.value.file, caught.value.line is not None) == (file, True)


@pytest.fixture
def project(sandbox: Sandbox, dvc3: Path) -> Clone:
    root = sandbox.root / "project"
    root.mkdir()
    made = Clone(sandbox, root, dvc3)
    made.git("init", "-q", "-b", "main")
    made.dvc("init", "-q")
    return made


def test_the_bytes_of_repro(project: Clone) -> None:
    """A lock is written anew, and in place after a change, as dvc wrote it; so are the entries of its run cache."""
    for name, text in FILES.items():
        project.write(name, text.encode())
    project.write("in put", b"x")
    project.write("dir/a", b"a")
    project.write(
        "dvc.yaml",
        b"""
stages:
  zeta: {cmd: "mkdir -p o && cp 'in put' o/1 && cp dir/a o/2", deps: [in put, dir/a], outs: [o]}
  each:
    foreach: [a, b]
    do:
      cmd: ["cp o/1 ${item}.json", "chmod +x ${item}.json"]
      deps: [o]
      params: [p, nest.a, {g.json: null}, {v.py: [Train]}, {f.yaml: [f]}]
      metrics: ["${item}.json": {cache: false}]
  alone: {cmd: echo > sub, wdir: dir, params: [{../t.toml: [a.b, c]}], outs: [sub: {cache: false}], deps: [../o]}
  late: {cmd: "echo '${s}' > late # a: b", deps: [a.json], outs: [late]}
  always: {cmd: "true"}
""",
    )
    project.dvc("repro", "-q")
    first = (project.root / "dvc.lock").read_bytes()
    recorded = locked_stages(first, "dvc.lock")
    assert with_entries(None, "dvc.lock", recorded) == first
    project.write("params.yaml", FILES["params.yaml"].replace("p: 0", "p: 1.5").encode())
    project.write("in put", b"y")
    project.dvc("repro", "-q")
    second = (project.root / "dvc.lock").read_bytes()
    now = locked_stages(second, "dvc.lock")
    changed = {name: one for name, one in now.items() if one != recorded[name]}
    assert 0 < len(changed) < len(now)
    assert with_entries(first, "dvc.lock", changed) == second
    assert with_entries(second, "dvc.lock", {}, [*now]) is None
    entries = [path for path in (project.cache / "runs").rglob("*") if path.is_file()]
    assert len(entries) > len(now)
    for path in entries:
        one = read_entry(path.read_bytes(), "entry")
        key, value = entry_key(one), entry_value(one)
        assert key is not None
        assert value is not None
        assert entry_path(key, value) == str(path.relative_to(project.cache))
        assert entry_text(one) == path.read_bytes()
    contents = {name.encode(): text.encode() for name, text in FILES.items()}
    declares = (project.root / "dvc.yaml").read_bytes()
    made = {one.name: one for one in definitions(declares, b"dvc.yaml", contents)}
    kept = {name for name, one in now.items() if entry_key(one) in {p.parent.name for p in entries}}
    assert {name for name in now if cacheable(made[name])} == kept


ADDED = [
    ["-d", "b", "-d", "a", "-o", "z", "-o", "y", "-O", "nc", "-m", "m.json", "-M", "n.json", "--desc", "what: it"],
    ["-p", "lr,x.y", "-p", "f.yaml:b,a", "-p", "whole.yaml:", "--plots", "p.csv", "--plots-no-cache", "q.csv"],
    ["--outs-persist", "keep", "-w", "sub", "--always-changed"],
]  # fmt: skip


def test_the_bytes_of_stage_add_freeze_and_remove(project: Clone) -> None:
    (project.root / "sub").mkdir()
    project.write("params.yaml", b"lr: 0")
    commands = [
        "cp a b",
        "python train.py --lr ${lr}",
        "echo 'a: b' # \u00e4 " + " ".join(["long"] * 30),
    ]
    texts: list[bytes] = []
    for number, (options, command) in enumerate(zip(ADDED, commands, strict=True)):
        project.dvc("stage", "add", "-q", "-n", f"s{number}", *options, command)
        texts.append((project.root / "dvc.yaml").read_bytes())
    files = {b"params.yaml": b"lr: 0"}
    entries = {one.name: to_entry(one) for one in definitions(texts[-1], b"dvc.yaml", files)}
    entries["s1"]["cmd"] = commands[1]
    text: bytes | None = None
    for number, theirs in enumerate(texts):
        text = with_stage(text, "dvc.yaml", f"s{number}", entries[f"s{number}"])
        assert text == theirs
    assert text is not None
    commented = b"# first\n" + text.replace(b"  s1:\n", b"\n  # second\n  s1:   # third\n")
    commented += b"# last\nmetrics:\n- m.json   # fourth\n"
    (project.root / "dvc.yaml").write_bytes(commented)
    project.dvc("freeze", "-q", "s0")
    frozen = (project.root / "dvc.yaml").read_bytes()
    assert with_frozen(commented, "dvc.yaml", "s0", True) == frozen
    assert with_frozen(frozen, "dvc.yaml", "s0", True) == frozen
    project.dvc("unfreeze", "-q", "s0")
    thawed = (project.root / "dvc.yaml").read_bytes()
    assert with_frozen(frozen, "dvc.yaml", "s0", False) == thawed
    project.dvc("stage", "add", "-q", "-f", "-n", "s0", "-d", "q", "-O", "nc", "-o", "y", "true")
    forced = (project.root / "dvc.yaml").read_bytes()
    desc = {"desc": "what: it"}  # stays, as it is not given
    new = {**desc, "cmd": "true", "deps": ["q"], "outs": [{"nc": {"cache": False}}, "y"]}
    assert with_stage(thawed, "dvc.yaml", "s0", new, replace=True) == forced
    project.dvc("remove", "-q", "s2")
    removed = (project.root / "dvc.yaml").read_bytes()
    assert without_stage(forced, "dvc.yaml", "s2") == removed
    # What stands behind the last line of a list that is replaced goes with it, as with dvc.
    for comment in (b"# first", b"# third", b"# fourth"):
        assert comment in removed


def test_the_bytes_of_a_single_stage(sandbox: Sandbox, dvc2: Path) -> None:
    """DVC 3 refuses such files; 2 runs them."""
    root = sandbox.root / "old"
    root.mkdir()
    project = Clone(sandbox, root, dvc2)
    project.git("init", "-q", "-b", "main")
    project.dvc("init", "-q")
    project.write("in", b"in")
    project.write("d/a", b"a")
    old = b"""# comment
cmd: cp in out1 && cp -r d od && echo 1 > m
deps:
- md5: b1946ac92492d2347c6235b4d2611184
  path: in   # my dep
- path: d
md5: 1b59aa1f99b185cddbce8eccc10c86bb
outs:
- cache: true
  md5: b1946ac92492d2347c6235b4d2611184
  metric: false
  path: out1
  persist: false
- path: od
  cache: true
- path: m
  cache: false
  metric: true
wdir: .
"""
    project.write("x.dvc", old)
    project.dvc("repro", "-q", "x.dvc")
    theirs = (root / "x.dvc").read_bytes()
    found = single_definition(theirs, b"x.dvc")
    assert found is not None
    assert found[1] is not None
    assert with_record(old, "x.dvc", found[1]) == theirs
    assert with_record(theirs, "x.dvc", found[1]) == theirs


@pytest.mark.parametrize("before", ["", "\n", "# only a comment\n", "{}\n", "\ufeffschema: '2.0'\n", "schema: '2.0'\r\nstages:\r\n  a: # c\r\n    cmd: |\r\n      x\r\n      y\r\n  b:\r\n    cmd: z # d\r\n# end\r\n"])  # fmt: skip
def test_odd_files_become_what_dvc_makes_of_them(reader: DvcReader, before: str) -> None:
    one = Locked("new", {"d": LockedItem("d", Digest(Algorithm.MD5, bytes(16)))})
    told = reader.ask(
        "lock", files={"dvc.lock": before}, file="dvc.lock", entries={"a": entry(one)}
    )
    assert told is not None
    text = with_entries(before.encode(), "dvc.lock", {"a": one})
    assert text is not None
    assert text.decode() == told
    assert locked_stages(text, "dvc.lock")["a"] == one
    plain = {"cmd": "x", "deps": ["d"]}
    before = before.replace("schema: '2.0'", "vars: []")
    told = reader.ask("edit", files={"dvc.yaml": before}, old="dvc.yaml", name="n", entry=plain)
    assert with_stage(before.encode(), "dvc.yaml", "n", plain).decode() == told
