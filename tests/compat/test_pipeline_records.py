"""Locks, parameters, the run cache and edits of `dvc.yaml`, beside those of the real DVC."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.definition import definitions
from vfs.formats.locked import entry, locked_stages, with_entries
from vfs.formats.params import values
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
from vfs.formats.stage_values import Locked, LockedItem
from vfs.testing.clones import Clone
from vfs.testing.dvc_reader import FILES, DvcReader
from vfs.testing.sandbox import Sandbox
from vfs.types import Algorithm, Digest

pytestmark = pytest.mark.dvc


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


@settings(deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(deadline=None, suppress_health_check=list(HealthCheck))
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

    def agrees(ours: bytes | None) -> bytes:
        """All but the places of comments in lines of their own is as dvc has it; those stand where they were."""
        theirs = (project.root / "dvc.yaml").read_bytes()
        assert ours is not None
        assert bare(ours) == bare(theirs)
        assert ours.startswith(b"# first\nstages:\n")
        assert b"\n\n  # second\n  s1:   # third\n" in ours
        assert ours.endswith(b"\n# last\nmetrics:\n- m.json   # fourth\n")
        return ours

    project.dvc("freeze", "-q", "s0")
    text = agrees(with_frozen(commented, "dvc.yaml", "s0", True))
    assert with_frozen(text, "dvc.yaml", "s0", True) == text
    project.dvc("unfreeze", "-q", "s0")
    text = agrees(with_frozen(text, "dvc.yaml", "s0", False))
    project.dvc("stage", "add", "-q", "-f", "-n", "s0", "-d", "q", "-O", "nc", "-o", "y", "true")
    desc = {"desc": "what: it"}  # stays, as it is not given
    new = {**desc, "cmd": "true", "deps": ["q"], "outs": [{"nc": {"cache": False}}, "y"]}
    text = agrees(with_stage(text, "dvc.yaml", "s0", new, replace=True))
    project.dvc("remove", "-q", "s2")
    agrees(without_stage(text, "dvc.yaml", "s2"))


def bare(text: bytes) -> list[bytes]:
    """Lines that say something."""
    return [line for line in text.splitlines() if line.strip() and line.strip()[:1] != b"#"]


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
    text = with_stage(before.encode(), "dvc.yaml", "n", plain)
    assert told is not None
    assert bare(text) == bare(told.encode())
    for comment in (b"# only a comment\n", b"# end\n"):  # which dvc puts into a stage, or drops
        assert (comment in text) == (comment.decode().strip() in before)
