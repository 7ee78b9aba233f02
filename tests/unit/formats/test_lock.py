"""dvc.lock together with dvc.yaml, as the real DVC reads the two."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vfs.core.paths import check_path
from vfs.errors import FormatError
from vfs.formats.lock import Lock, parse_lock, variable_files
from vfs.formats.values import Era, Out
from vfs.types import Algorithm, Digest

MD5 = "b1946ac92492d2347c6235b4d2611184"
REAL = Path(__file__).parents[2] / "data" / "formats" / "pipeline"


def parse(
    lock: str,
    pipeline: str | None,
    files: Mapping[bytes, bytes] | None = None,
    path: bytes = b"s/dvc.lock",
) -> Lock:
    return parse_lock(lock.encode(), path, None if pipeline is None else pipeline.encode(), files)


def locked(**stages: list[str]) -> str:
    """A lock whose stages have these out paths."""
    outs = {
        name.replace("__", "@"): {
            "cmd": "c",
            "outs": [{"path": p, "hash": "md5", "md5": MD5} for p in paths],
        }
        for name, paths in stages.items()
    }
    return yaml.safe_dump({"schema": "2.0", "stages": outs})


def test_lock_of_the_real_dvc_with_wdir_foreach_and_matrix() -> None:
    """Expected values are what DVC 3.67.1's own index says of this repository."""
    lock = parse_lock(
        (REAL / "dvc.lock").read_bytes(), b"sub/dvc.lock", (REAL / "dvc.yaml").read_bytes()
    )
    assert lock.problems == ()
    assert lock.era is Era.DVC3
    assert [stage.name for stage in lock.stages if not stage.declared] == []
    found = {
        out.path: (out.digest.hex if out.digest else "", out.cached, out.push, out.persist)
        for out in lock.outs
    }
    same = "401b30e3b8b5d629635a5c613cdb7919"
    assert found == {
        b"other/up.txt": (same, True, False, True),
        b"sub/work/m.json": (same, False, True, False),
        b"sub/work/nc.txt": (same, False, True, False),
        b"sub/work/od": ("f4463fce9fb43a29114393ccd514b379", True, True, False),
        b"sub/work/out.txt": (same, True, True, False),
        b"sub/work/each-a": ("60b725f10c9c85c70d97880dfe8191b3", True, True, False),
        b"sub/work/each-1": ("b026324c6904b2a9cb4b88d6d61c81d1", True, True, False),
        b"sub/work/each-true": ("74d9a83219cabaab06a69fd318873f33", True, True, False),
        b"sub/work/each-1.5": ("1d4d4e6130c517bacccc8b8dd87baf4b", True, True, False),
        b"sub/work/each-10": ("31d30eea8d0968d6458e0ad0027c9f80", True, True, False),
        b"sub/work/each-None": ("08e9de24ab150d083240557cec091d53", True, True, False),
        b"sub/work/k1-1": ("b28faa7d455a869a345cba02044c92ab", True, True, False),
        b"sub/work/k2-2": ("ede2f2a837de22b892734cc1fa24a776", True, True, False),
        b"sub/work/mat-1-x-1": ("11090ab3a6bd114b49954400c459d394", True, True, False),
        b"sub/work/mat-2-x-2": ("a65d6fcd36305c7bd6e6edd7a1af8a0f", True, True, False),
        b"sub/work/mat-1-a1-1": ("68338fc46f94580e6a762e34a9ea2b41", True, True, False),
        b"sub/work/mat-2-a1-2": ("2033a45c6337bc069b76f44813c07821", True, True, False),
    }


def test_corpus_get_started(corpus: Callable[[str], bytes]) -> None:
    directory = "example-get-started/"
    lock = parse_lock(
        corpus(directory + "dvc.lock"), b"dvc.lock", corpus(directory + "dvc.yaml"),
        {b"params.yaml": corpus(directory + "params.yaml")},
    )  # fmt: skip
    assert (lock.era, lock.problems) == (Era.DVC3, ())
    assert [(out.path, out.is_tree) for out in lock.outs] == [
        (b"data/prepared", True), (b"data/features", True), (b"model.pkl", False), (b"eval", True),
    ]  # fmt: skip
    assert lock.stages[0].command == "python src/prepare.py data/data.xml"
    assert lock.outs[0] == Out(
        b"data/prepared", Digest(Algorithm.MD5, bytes.fromhex("153aad06d376b6595932470e459ef42a")),
        is_tree=True, size=8437363, nfiles=2,
    )  # fmt: skip


def test_corpus_lenskit_drops_what_the_pipeline_no_longer_has(
    corpus: Callable[[str], bytes],
) -> None:
    directory = "lk-demo-experiment/"
    pipeline = corpus(directory + "dvc.yaml")
    assert variable_files(pipeline, b"dvc.yaml") == (b"params.yaml",)
    lock = parse_lock(
        corpus(directory + "dvc.lock"),
        b"dvc.lock",
        pipeline,
        {b"params.yaml": corpus(directory + "params.yaml")},
    )
    declared = {stage.name: stage for stage in lock.stages if stage.declared}
    stale = {stage.name for stage in lock.stages if not stage.declared}
    assert "eval-report-ml100k" in stale
    assert [out.path for out in declared["split-data@ml-100k"].outs] == [b"data-split/ml-100k"]
    assert [out.path for out in declared["generate-recs@ml-1m-als-explicit"].outs] == [
        b"runs/ml-1m/als-explicit"
    ]
    assert all(not out.cached for out in declared["eval-report@ml-100k"].outs)
    assert lock.problems == ()


def test_corpus_data_pipeline(corpus: Callable[[str], bytes]) -> None:
    directory = "lk-demo-experiment/data/"
    lock = parse_lock(
        corpus(directory + "dvc.lock"), b"data/dvc.lock", corpus(directory + "dvc.yaml")
    )
    names = ("100k", "latest-small", "1m", "10m", "20m", "25m", "32m")
    assert {out.path for out in lock.outs} == {f"data/ml-{name}".encode() for name in names}
    assert lock.problems == ()


def test_lock_without_a_pipeline_is_ignored_as_dvc_does(corpus: Callable[[str], bytes]) -> None:
    lock = parse_lock(corpus("lk-demo-experiment/runs/dvc.lock"), b"runs/dvc.lock", None)
    assert lock.stages
    assert not any(stage.declared for stage in lock.stages)
    assert lock.outs == ()
    assert lock.stages[0].outs[0].path.startswith(b"runs/runs/")
    assert lock.era is Era.DVC3


def test_dvc2_and_dvc1_locks() -> None:
    stage = f"cmd: [a, b]\n    outs:\n    - {{path: ../dd, md5: {MD5}.dir, size: 2, nfiles: 1}}\n"
    pipeline = "stages: {one: {wdir: w, cmd: c, outs: [../dd]}}"
    two = parse(f"schema: '2.0'\nstages:\n  one:\n    {stage}", pipeline, path=b"sub/dvc.lock")
    one = parse(f"one:\n    {stage}", pipeline, path=b"sub/dvc.lock")
    assert (two.era, one.era) == (Era.DVC2, Era.DVC1)
    assert two.outs == one.outs
    assert two.outs[0].path == b"sub/dd"
    assert two.outs[0].digest == Digest(Algorithm.MD5_DOS2UNIX, bytes.fromhex(MD5))
    assert two.stages[0].command == "a\nb"
    assert two.stages[0].wdir == b"sub/w"
    assert parse("schema: {cmd: c}", "stages: {schema: {cmd: c}}").stages[0].name == "schema"


def test_cloud_versioned_out() -> None:
    text = f"""
schema: '2.0'
stages:
  one:
    cmd: c
    outs:
    - path: d
      hash: md5
      files:
      - relpath: x
        md5: {MD5}
        size: 2
        cloud: {{vv: {{etag: e, version_id: '1'}}}}
"""
    (out,) = parse(text, "stages: {one: {cmd: c, outs: [d]}}").outs
    assert out.is_tree
    assert out.files is not None
    assert out.files[0].place == ("vv", "e", "1")


PARAMETRISED = """
vars:
- own: {dir: work}
- more.json:picked
- t.toml
stages:
  a: {wdir: '${own.dir}/${list[1]}', cmd: c, outs: ['${picked}', '${t.x}', 'lit-\\${x}']}
  b: {cmd: c, vars: [{local: {n: 5}}, local.yaml], outs: ['${local.n}-${deep}']}
"""
FILES = {
    b"s/params.yaml": b"list: [x, y]",
    b"s/more.json": b'{"picked": "p", "list": "not merged"}',
    b"s/t.toml": b"[t]\nx = true",
    b"s/local.yaml": b"deep: d",
}


def test_variables() -> None:
    assert variable_files(PARAMETRISED.encode(), b"s/dvc.yaml") == tuple(sorted(FILES))
    lock = parse(locked(a=["p", "true", "lit-${x}", "gone"], b=["5-d"]), PARAMETRISED, FILES)
    assert lock.problems == ()
    assert [out.path for out in lock.outs] == [
        b"s/work/y/p",
        b"s/work/y/true",
        b"s/work/y/lit-${x}",
        b"s/5-d",
    ]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (b"s/params.yaml", "cannot resolve ${list[1]}"),
        (b"s/more.json", "variable file 's/more.json' is missing"),
    ],
)
def test_unresolvable_wdir_is_a_problem_not_a_guess(missing: bytes, message: str) -> None:
    files = {path: data for path, data in FILES.items() if path != missing}
    lock = parse(locked(a=["p"]), PARAMETRISED, files)
    assert lock.outs == ()
    (problem,) = lock.problems
    assert problem.path == b"s/dvc.lock"
    assert message in problem.message


def test_unresolvable_outs_keep_what_is_locked() -> None:
    pipeline = "stages: {a: {wdir: w, cmd: c, outs: ['${nowhere}', {b: {cache: false}}]}}"
    lock = parse(locked(a=["p", "b"]), pipeline)
    assert [(out.path, out.cached) for out in lock.outs] == [(b"s/w/p", True), (b"s/w/b", True)]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"[1]", b"s/params.yaml"), (b"a: [", b"s/params.yaml"), (b"{", b"s/more.json"), (b"[" * 5000, b"s/more.json"),
        (b"\xff", b"s/t.toml"), (b"own: 1", b"s/params.yaml"), (b"a: 1" + b" " * (9 << 20), b"s/params.yaml"),
        (b'{"other": 1}', b"s/more.json"),
    ],
)  # fmt: skip
def test_bad_variable_files(data: bytes, name: bytes) -> None:
    lock = parse(locked(a=["p"]), PARAMETRISED, {**FILES, name: data})
    assert lock.outs == ()
    assert len(lock.problems) == 1


def test_an_out_that_is_written_absolute_is_known_by_how_it_ends() -> None:
    pipeline = "stages: {a: {cmd: c, outs: [/top/s/o: {push: false}, /elsewhere/p]}}"
    (out,) = parse(locked(a=["o", "p"]), pipeline).outs
    assert (out.path, out.push) == (b"s/o", False)


def test_python_variables_are_read_and_not_run() -> None:
    lock = parse(
        locked(a=["p"]),
        "vars: [v.py]\nstages: {a: {wdir: '${x}', cmd: c, outs: [p]}}",
        {b"s/v.py": b"x = 'w'\ny = print()\nraise SystemExit"},
    )
    assert [out.path for out in lock.outs] == [b"s/w/p"]


def test_foreach_spellings() -> None:
    pipeline = """
stages:
  plain: {foreach: [a, 1, true], do: {cmd: c, outs: ['o-${item}']}}
  pairs: {foreach: {k: {v: 1}}, do: {cmd: c, wdir: '${key}', outs: ['${item.v}']}}
  mixed: {foreach: [{v: x}, y], do: {cmd: c, outs: ['m-${item.v}']}}
  grid: {matrix: {a: [1, [2]], b: [true]}, cmd: c, outs: ['g-${item.a}-${item.b}-${key}']}
"""
    lock = parse(
        locked(
            plain__a=["o-a"], plain__1=["o-1"], plain__true=["o-true"], plain__gone=["o-gone"], plain=["o-x"],
            pairs__k=["1"], mixed__0=["m-x"], grid__X=[],
        ).replace("grid@X", "grid@1-true"),
        pipeline,
    )  # fmt: skip
    assert {stage.name for stage in lock.stages if not stage.declared} == {"plain@gone", "plain"}
    assert {out.path for out in lock.outs} == {b"s/o-a", b"s/o-1", b"s/o-true", b"s/k/1", b"s/m-x"}


def test_flags_of_every_section() -> None:
    pipeline = """
stages:
  a:
    cmd: c
    outs: [{o: {remote: Far, push: false, persist: true, desc: d}}]
    metrics: [{m: {cache: false}}]
    plots: [{p: {cache: false, x: t}}, {q: [{x: a}, {x: b}]}]
"""
    outs = {
        o.path: (o.cached, o.persist, o.remote, o.push)
        for o in parse(locked(a=["o", "m", "p", "q"]), pipeline).outs
    }
    assert outs == {
        b"s/o": (True, True, "far", False),
        b"s/m": (False, False, None, True),
        b"s/p": (False, False, None, True),
        b"s/q": (True, False, None, True),
    }


def test_overlaps_across_stages() -> None:
    lock = parse(
        locked(a=["x"], b=["x/y", "z"]),
        "stages: {a: {cmd: c, outs: [x]}, b: {cmd: c, outs: [x/y, z]}}",
    )
    assert [out.path for out in lock.outs] == [b"s/x", b"s/z"]
    assert lock.problems[0].path == b"s/x/y"


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        ("schema: '3.0'\nstages: {}", "unknown version '3.0', expected '2.0'"),
        ("schema: [a]", "unknown version a list"),
        ("schema: '2.0'\nextra: 1", "unknown key 'extra'"),
        ("schema: '2.0'\nstages: []", "stages: expected a mapping"),
        ("[]", "expected a mapping"),
        ("schema: '2.0'\nstages: {1: {cmd: c}}", "stages: expected a string as key"),
    ],
)
def test_unusable_locks(lock: str, message: str) -> None:
    with pytest.raises(FormatError, match="s/dvc.lock: .*" + message.replace("[", r"\[")):
        parse(lock, None)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("1", "stages.a: expected a mapping"),
        ("{cmd: c, out: []}", "stages.a: unknown key 'out'"),
        ("{cmd: c, outs: {}}", "stages.a.outs: expected a list"),
        ("{cmd: {}, outs: []}", "stages.a.cmd: expected a string"),
        ("{cmd: c, outs: [{path: ../../../x}]}", "stages.a.outs[0].path: '../../../x' leads out"),
        ("{cmd: c, outs: [{path: ../.git/config}]}", "a spelling of .git"),
        ("{cmd: c, outs: [{path: o, md5: 1}]}", "stages.a.outs[0].md5: expected 32"),
    ],
)
def test_bad_stages_are_problems(stage: str, message: str) -> None:
    lock = parse(
        f"schema: '2.0'\nstages: {{a: {stage}, b: {{cmd: c, outs: [{{path: g}}]}}}}",
        "stages: {a: {cmd: c, outs: [o]}, b: {cmd: c, outs: [g]}}",
    )
    assert message in lock.problems[0].message
    assert [out.path for out in lock.outs] == [b"s/g"]


@pytest.mark.parametrize(
    "pipeline", ["[]", "stages: 1", "stages: {1: {}}", "vars: x\nstages: {}", "a: ["]
)
def test_unusable_pipelines(pipeline: str) -> None:
    with pytest.raises(FormatError, match=r"s/dvc\.yaml"):
        parse(locked(a=["p"]), pipeline)


@pytest.mark.parametrize(
    "stage",
    ["1", "[]", "{wdir: ../../..}", "{wdir: /x}", "{wdir: [x]}", "{outs: 1}", "{outs: [1]}", "{outs: [{a: 1}]}",
     "{foreach: 1, do: {}}", "{matrix: 1}", "{matrix: {a: 1}}", "{foreach: [x]}", "{vars: 1}"],
)  # fmt: skip
def test_bad_declarations_never_crash(stage: str) -> None:
    lock = parse(locked(a=["p"], a__x=["q"]), f"stages: {{a: {stage}}}")
    for out in lock.outs:
        assert out.path in (b"s/p", b"s/q")


def test_matrix_bombs_are_refused() -> None:
    rows = ", ".join(f"k{i}: [{', '.join(map(str, range(20)))}]" for i in range(20))
    lock = parse(locked(a__x=["p"]), f"stages: {{a: {{matrix: {{{rows}}}, cmd: c}}}}")
    assert lock.outs == ()
    assert "more than 100000 stages" in lock.problems[0].message


_LEAF = st.none() | st.booleans() | st.integers(-3, 2**65) | st.sampled_from(
    ["a", "o", "${item}", "${x.y[0]}", "${", "..", "../../..", ".git", MD5, "md5", "${item.a}", "p.yaml", "/x", "2.0"]
)  # fmt: skip
_KEY = st.sampled_from(
    ["stages", "schema", "a", "a@o", "cmd", "outs", "metrics", "plots", "wdir", "vars", "foreach", "do", "matrix",
     "path", "md5", "hash", "files", "cache", "remote", "x", "deps", "params"]
)  # fmt: skip
_ANY = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=4),
    max_leaves=15,
)
_STAGES = st.dictionaries(
    st.sampled_from(["a", "a@o", "b@0"]), _ANY | st.dictionaries(_KEY, _ANY, max_size=5), max_size=3
)


@given(_ANY | _STAGES, _ANY | _STAGES, _ANY, _ANY)
def test_arbitrary_structures(lock: Any, stages: Any, variables: Any, local: Any) -> None:
    data = yaml.safe_dump({"schema": "2.0", "stages": lock}).encode()
    pipeline = yaml.safe_dump({"stages": stages, "vars": local}).encode()
    files = {b"s/params.yaml": yaml.safe_dump(variables).encode(), b"s/p.yaml": b"x: {y: [o]}"}
    for text in (data, yaml.safe_dump(lock).encode()):
        try:
            variable_files(pipeline, b"s/dvc.yaml")
            found = parse_lock(text, b"s/dvc.lock", pipeline, files)
        except FormatError:
            continue
        for out in found.outs:
            assert check_path(out.path)
        assert all(problem.message for problem in found.problems)


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_arbitrary_bytes(data: bytes, pipeline: bytes | None) -> None:
    with suppress(FormatError):
        parse_lock(data, b"dvc.lock", pipeline, {b"params.yaml": data})
