"""Pointers of every era, hostile pointers, and the two kinds of import."""

import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vfs.core.paths import check_path
from vfs.errors import FormatError
from vfs.formats.pointer import (
    Era,
    FileEntry,
    ImportSource,
    Out,
    Place,
    Pointer,
    UrlSource,
    parse_pointer,
)
from vfs.types import Algorithm, Digest

MD5 = "b1946ac92492d2347c6235b4d2611184"


def digest(text: str, algorithm: Algorithm = Algorithm.MD5) -> Digest:
    return Digest(algorithm, bytes.fromhex(text))


def parse(text: str, path: bytes = b"x.dvc") -> Pointer:
    return parse_pointer(text.encode(), path)


def only(text: str, path: bytes = b"x.dvc") -> Out:
    pointer = parse(text, path)
    assert pointer.problems == ()
    (out,) = pointer.outs
    return out


def problem(text: str, path: bytes = b"x.dvc") -> tuple[bytes, str, str]:
    pointer = parse(text, path)
    assert pointer.outs == ()
    (found,) = pointer.problems
    return found.path, found.code, found.message


CORPUS = [
    ("dvc-0.x-cnn/Dvcfile", Era.DVC0, []),
    ("dvc-0.x-cnn/data/train.zip.dvc", Era.DVC0, ["data/train.zip"]),
    ("dvc-0.x-cnn/model.h5.dvc", Era.DVC0, ["data/model.h5", "data/history.p"]),
    ("dvc-0.x-cnn/plot_loss.jpeg.dvc", Era.DVC0, ["data/plot_loss.jpeg", "data/plot_acc.jpeg"]),
    ("dvc-0.x-cnn/process.dvc", Era.DVC0, ["data/cats_and_dogs_small/"]),
    ("dvc-0.x-cnn/train.dvc", Era.DVC0, ["data/train/"]),
    ("dvc-0.x-tutorial/Dvcfile", Era.DVC0, []),
    ("dvc-0.x-tutorial/data/train.zip.dvc", Era.DVC0, ["data/train.zip"]),
    ("dvc-0.x-tutorial/model.h5.dvc", Era.DVC0, ["data/model.h5", "data/history.p"]),
    ("dvc-0.x-tutorial/plot_loss.jpeg.dvc", Era.DVC0, ["data/plot_loss.jpeg", "data/plot_acc.jpeg"]),
    ("dvc-0.x-tutorial/process.dvc", Era.DVC0, ["data/cats_and_dogs_small/"]),
    ("dvc-0.x-tutorial/train.dvc", Era.DVC0, ["data/train/"]),
    ("example-get-started/data/data.xml.dvc", Era.DVC3, ["data/data.xml"]),
    *(
        (f"lk-demo-experiment/data/ml-{name}.zip.dvc", Era.DVC3, [f"data/ml-{name}.zip"])
        for name in ("100k", "latest-small", "1m", "10m", "20m", "25m", "32m")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("file", "era", "outs"), CORPUS)
def test_corpus(corpus: Callable[[str], bytes], file: str, era: Era, outs: list[str]) -> None:
    path = file.split("/", 1)[1].encode()
    pointer = parse_pointer(corpus(file), path)
    assert pointer.era is era
    assert [o.path.decode() + "/" * o.is_tree for o in pointer.outs] == outs
    assert pointer.problems == ()
    legacy = not file.endswith(("data.xml.dvc", "ml-32m.zip.dvc"))
    for out in pointer.outs:
        assert out.digest is not None
        assert out.digest.algorithm is (Algorithm.MD5_DOS2UNIX if legacy else Algorithm.MD5)
        assert out.cached
    assert (pointer.command is not None) == (
        era is Era.DVC0 and "train.zip" not in file and "Dvcfile" not in file
    )


def test_corpus_covers_every_pointer() -> None:
    from tests.unit.formats.conftest import CORPUS as directory

    files = {*directory.rglob("*.dvc"), *directory.rglob("Dvcfile")}
    found = {str(file.relative_to(directory)) for file in files if file.is_file()}
    assert found == {file for file, _, _ in CORPUS}


def test_dvc3_file_executable_and_directory() -> None:
    assert only(
        f"outs:\n- md5: {MD5}\n  size: 6\n  hash: md5\n  path: a.txt\n", b"d/a.txt.dvc"
    ) == Out(b"d/a.txt", digest(MD5), size=6)
    assert only(
        f"outs:\n- {{md5: {MD5}, size: 15, isexec: true, hash: md5, path: run.sh}}"
    ).executable
    assert only(f"outs:\n- {{md5: {MD5}.dir, size: 10, nfiles: 5, hash: md5, path: data}}") == Out(
        b"data", digest(MD5), is_tree=True, size=10, nfiles=5
    )


def test_dvc2_and_old_single_stage() -> None:
    text = f"outs:\n- md5: {MD5}\n  size: 12\n  path: crlf.txt\n"
    assert parse(text).era is Era.DVC2
    assert only(text).digest == digest(MD5, Algorithm.MD5_DOS2UNIX)
    old = f"""
cmd: cp a.txt b.txt
deps:
- md5: {MD5}
  path: a.txt
md5: 1b59aa1f99b185cddbce8eccc10c86bb
outs:
- cache: true
  md5: {MD5}
  metric: false
  path: b.txt
  persist: false
- cache: false
  md5: {MD5}
  metric: {{type: json, xpath: AUC}}
  path: m.json
  tags: {{v1: {{md5: {MD5}}}}}
wdir: ..
locked: true
"""
    pointer = parse(old, b"a/b/train.dvc")
    assert pointer.era is Era.DVC0
    assert pointer.command == "cp a.txt b.txt"
    assert pointer.frozen
    assert pointer.source is None
    assert [(out.path, out.cached) for out in pointer.outs] == [
        (b"a/b.txt", True),
        (b"a/m.json", False),
    ]
    assert parse(f"md5: {MD5}\nouts:\n- {{md5: {MD5}, path: x}}").era is Era.DVC1
    assert parse("").outs == ()


def test_flags() -> None:
    out = only(
        f"outs:\n- {{md5: {MD5}, hash: md5, path: x, cache: false, persist: true, remote: Store, push: false,"
        " desc: d, type: t, labels: [a], meta: {any: [1]}}"
    )
    assert (out.cached, out.persist, out.remote, out.push) == (False, True, "store", False)


def test_wdir_and_climbing_paths() -> None:
    text = (
        f"wdir: ../other\nouts:\n- {{path: ../far/f, md5: {MD5}}}\n- {{path: ./n//m/, md5: {MD5}}}"
    )
    pointer = parse(text, b"a/deep/any-name.dvc")
    assert [out.path for out in pointer.outs] == [b"a/far/f", b"a/other/n/m"]
    assert (
        parse(f"outs: [{{path: f, md5: {MD5}}}]", b"\xff\xfe/x.dvc").outs[0].path == b"\xff\xfe/f"
    )


@pytest.mark.parametrize(
    ("written", "hexadecimal"),
    [
        (MD5.upper(), MD5),
        ("12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("'12345678901234567890123456789012'", "12345678901234567890123456789012"),
        ("00000000000000000000000000000012", "00000000000000000000000000000012"),
        ("1234567890123456789012345678e012", "1234567890123456789012345678e012"),
    ],
)
def test_hashes_survive_yaml(written: str, hexadecimal: str) -> None:
    assert only(f"outs: [{{md5: {written}, hash: md5, path: yes}}]") == Out(
        b"yes", digest(hexadecimal)
    )


def test_folded_path() -> None:
    long = "x" * 90
    assert only(f"outs:\n- md5: {MD5}\n  path: \n    {long}\n").path == long.encode()


def test_import() -> None:
    text = f"""
md5: dab0c150acf5d8c02c492760c3cf0aed
frozen: true
deps:
- path: data/a
  repo:
    url: ../g1
    rev: master
    rev_lock: 190ea21598c7ec8a14569a2982673109a5141098
    config: {{core: {{remote: r}}}}
    remote: other
outs:
- md5: {MD5}.dir
  size: 9
  nfiles: 3
  hash: md5
  path: da
"""
    pointer = parse(text)
    assert pointer.source == ImportSource(
        "../g1", "data/a", "master", "190ea21598c7ec8a14569a2982673109a5141098",
        {"core": {"remote": "r"}}, "other",
    )  # fmt: skip
    assert pointer.frozen
    assert pointer.era is Era.DVC3


def test_import_without_download_has_no_digest() -> None:
    text = (
        "deps: [{path: b/1, repo: {url: ../g1, rev_lock: '1901'}}]\nouts: [{hash: md5, path: b1}]"
    )
    pointer = parse(text)
    assert pointer.outs == (Out(b"b1", None),)
    assert pointer.source == ImportSource("../g1", "b/1", None, "1901")


def test_import_url(corpus: Callable[[str], bytes]) -> None:
    pointer = parse_pointer(
        corpus("lk-demo-experiment/data/ml-100k.zip.dvc"), b"data/ml-100k.zip.dvc"
    )
    assert pointer.source == UrlSource(
        "http://files.grouplens.org/datasets/movielens/ml-100k.zip",
        size=4924029,
        place=Place(None, '"4b227d-598cfd31b571f"'),
    )
    text = f"""
deps:
- path: s3://b/d
  size: 4
  nfiles: 1
  hash: md5
  files: [{{size: 4, version_id: V1, etag: E1, relpath: x}}]
outs: [{{hash: md5, path: d, files: [{{relpath: x, md5: {MD5}, size: 4}}]}}]
"""
    assert parse(text).source == UrlSource(
        "s3://b/d", None, is_tree=True, size=4,
        files=(FileEntry(b"x", None, 4, False, Place(None, "E1", "V1")),),
    )  # fmt: skip
    other = parse(
        "deps: [{path: ../g1, md5: " + MD5 + ".dir, hash: md5}]\nouts: [{path: u}]"
    ).source
    assert other == UrlSource("../g1", digest(MD5), is_tree=True)


def test_bad_source_is_a_problem_and_the_outs_stay() -> None:
    pointer = parse("deps: [{repo: {rev: x}, path: a}]\nouts: [{path: u}]", b"d/u.dvc")
    assert [out.path for out in pointer.outs] == [b"d/u"]
    assert pointer.source is None
    assert pointer.problems[0].path == b"d/u.dvc"
    assert "deps[0].repo.url: expected a string, found nothing" in pointer.problems[0].message


def test_cloud_versioned_directory_and_file() -> None:
    text = f"""
outs:
- hash: md5
  path: d
  files:
  - relpath: x
    md5: b026324c6904b2a9cb4b88d6d61c81d1
    size: 2
    isexec: true
    cloud:
      VV:
        etag: b026324c6904b2a9cb4b88d6d61c81d1
        version_id: 232c2a36-76c9-4072-b8a3-6a84c778d0df
  - relpath: a/b
    md5: {MD5}
    size: 6
- md5: {MD5}
  size: 6
  hash: md5
  path: single
  cloud: {{vv: {{etag: e, version_id: '7'}}}}
"""
    directory, single = parse(text).outs
    assert directory == Out(
        b"d", None, is_tree=True,
        files=(
            FileEntry(b"a/b", digest(MD5), 6, False, None),
            FileEntry(
                b"x", digest("b026324c6904b2a9cb4b88d6d61c81d1"), 2, True,
                Place("vv", "b026324c6904b2a9cb4b88d6d61c81d1", "232c2a36-76c9-4072-b8a3-6a84c778d0df"),
            ),
        ),
    )  # fmt: skip
    assert single == Out(b"single", digest(MD5), size=6, place=Place("vv", "e", "7"))


def test_blanked_and_legacy_file_lists() -> None:
    assert only("outs: [{hash: md5, path: d, files: []}]") == Out(
        b"d", None, is_tree=True, files=()
    )
    files = only(f"outs: [{{path: d, files: [{{relpath: x, md5: {MD5}}}]}}]").files
    assert files is not None
    assert files[0].digest == digest(MD5, Algorithm.MD5_DOS2UNIX)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("{}", "outs[0].path: expected a string, found nothing"),
        ("x", "outs[0]: expected a mapping, found the string 'x'"),
        ("[]", "outs[0]: expected a mapping, found a list"),
        ("{path: [a]}", "outs[0].path: expected a string, found a list"),
        ("{path: a, md5: abc}", "outs[0].md5: expected 32 hexadecimal digits"),
        (f"{{path: a, md5: {MD5}.dirx}}", "outs[0].md5: expected 32 hexadecimal digits"),
        ("{path: a, md5: {x: 1}}", "outs[0].md5: expected a string"),
        (
            f"{{path: a, md5: {MD5}, hash: sha1}}",
            "outs[0].hash: unknown kind of hash 'sha1', expected md5",
        ),
        ("{path: a, size: -1}", "outs[0].size: expected a whole number >= 0, found the number -1"),
        ("{path: a, size: 1.5}", "outs[0].size: expected a whole number"),
        ("{path: a, size: true}", "outs[0].size: expected a whole number >= 0, found True"),
        ("{path: a, size: 9223372036854775808}", "outs[0].size: expected a whole number"),
        ("{path: a, cache: yes}", "outs[0].cache: expected true or false, found the string 'yes'"),
        ("{path: a, encryption: x}", "outs[0]: unknown key 'encryption', expected one of: cache,"),
        ("{path: a, 1: x}", "outs[0]: unknown key 1, expected one of"),
        ("{path: a, cloud: {a: {}, b: {}}}", "outs[0].cloud: expected one remote, found 2"),
        ("{path: a, cloud: {a: 1}}", "outs[0].cloud.'a': expected a mapping"),
        ("{path: a, files: {}}", "outs[0].files: expected a list, found a mapping"),
        ("{path: a, files: [1]}", "outs[0].files[0]: expected a mapping"),
        (
            "{path: a, files: [{relpath: ../x}]}",
            "outs[0].files[0].relpath: '../x': component '..' is no file name",
        ),
        ("{path: a, files: [{relpath: .git/x}]}", "a spelling of .git"),
        ("{path: a, files: [{relpath: x}, {relpath: x}]}", "outs[0].files: 'x' is listed twice"),
        (
            "{path: a, files: [{relpath: x/y}, {relpath: x}]}",
            "'x' is listed as a file and as a directory",
        ),
        (
            f"{{path: a, files: [{{relpath: x, md5: {MD5}.dir}}]}}",
            "a listed file cannot be a directory",
        ),
        ("{path: /etc/passwd}", "outs[0].path: '/etc/passwd' is an output outside the repository"),
        ("{path: s3://b/x}", "outside the repository"),
        ("{path: remote://r/x}", "outside the repository"),
        ("{path: 'C:\\x'}", "outside the repository"),
        ("{path: ../../x}", "outs[0].path: '../../x' leads out of the repository"),
        ("{path: .}", "outs[0].path: the output 'd' would cover the file that names it"),
        ("{path: ..}", "the path is empty or names the repository itself"),
        ("{path: ../.git/hooks/pre-commit}", "component '.git' is a spelling of .git"),
        ("{path: ../.GIT}", "a spelling of .git"),
        ("{path: ../git~1/x}", "a spelling of .git"),
        ('{path: "../.g\\u200cit/x"}', "a spelling of .git"),
        ("{path: ../.dvc/config}", "'.dvc/config' lies inside .dvc"),
        ("{path: ../.VFS/config.yaml}", "lies inside .vfs"),
        ('{path: "a\\0b"}', "holds a NUL byte"),
        ("{path: " + "x" * 256 + "}", "has 256 bytes, a name has at most 255"),
        ("{path: " + "x/" * 2100 + "x}", "at most 4095"),
    ],
)
def test_bad_outs_are_problems_that_say_where(out: str, message: str) -> None:
    pointer = parse(f"outs:\n- {out}\n- {{path: good}}\n", b"d/x.dvc")
    assert [o.path for o in pointer.outs] == [b"d/good"]
    assert message in pointer.problems[0].message
    assert pointer.problems[0].message.startswith("d/x.dvc: ")


def test_passwords_of_urls_stay_out_of_messages() -> None:
    _, _, message = problem("outs: [{path: 'https://me:secret@host/x@y'}]")
    assert "'https://host/x@y' is an output outside" in message


def test_problems_carry_the_out_s_own_path_if_it_is_sound() -> None:
    assert problem("outs: [{path: a/b, md5: 1}]", b"d/x.dvc")[:2] == (b"d/a/b", "bad-format")
    assert problem("outs: [{path: ../../a}]", b"d/x.dvc")[:2] == (b"d/x.dvc", "unsafe-path")


@pytest.mark.parametrize(
    ("paths", "kept", "message"),
    [
        (["a", "a"], [b"a"], "'a' is claimed twice"),
        (["a", "./a/"], [b"a"], "'a' is claimed twice"),
        (["a", "a/b"], [b"a"], "'a/b' lies inside another output, 'a'"),
        (["a/b/c", "a"], [b"a"], "'a/b/c' lies inside another output, 'a'"),
        (
            ["a-b", "a/b/c", "b", "a"],
            [b"a-b", b"b", b"a"],
            "'a/b/c' lies inside another output, 'a'",
        ),
    ],
)
def test_overlapping_outs(paths: list[str], kept: list[bytes], message: str) -> None:
    pointer = parse("outs: [" + ", ".join(f"{{path: {path}}}" for path in paths) + "]")
    assert [out.path for out in pointer.outs] == kept
    assert pointer.problems[0].code == "overlapping-output"
    assert message in pointer.problems[0].message


def test_neighbours_do_not_overlap() -> None:
    paths = ["a", "a.b", "a b", "ab", "b/c", "b/cd"]
    assert len(parse("outs: [" + ", ".join(f"{{path: {path}}}" for path in paths) + "]").outs) == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "x.dvc: expected a mapping, found a list"),
        ("text", "x.dvc: expected a mapping, found the string 'text'"),
        ("outs: 5", "x.dvc: outs: expected a list, found the number 5"),
        ("out: []", "x.dvc: unknown key 'out', expected one of: always_changed,"),
        ("wdir: /tmp", "x.dvc: wdir: '/tmp' is absolute"),
        ("wdir: ../..", "x.dvc: wdir: '../..' leads out of the repository"),
        ("wdir: [a]", "x.dvc: wdir: expected a string"),
        ("frozen: 1", "x.dvc: frozen: expected true or false"),
        ("cmd: {a: b}", "x.dvc: cmd: expected a string"),
    ],
)
def test_unusable_files(text: str, message: str) -> None:
    with pytest.raises(FormatError, match="^" + re.escape(message)):
        parse(text)


def test_many_deep_outs_stay_cheap() -> None:
    text = "outs:\n" + "".join(f"- {{path: {i}/{'d/' * 1900}f}}\n" for i in range(200))
    tracemalloc.start()
    pointer = parse(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pointer.outs) == 200
    assert peak < 10 * len(text)


def test_hostile_sizes() -> None:
    big = b"outs:\n" + b"".join(
        b"- {path: f%d, md5: %s}\n" % (i, MD5.encode()) for i in range(20_000)
    )
    assert len(parse_pointer(big, b"x.dvc").outs) == 20_000
    with pytest.raises(FormatError):
        parse_pointer(b"a" * 10_000_000, b"x.dvc")
    with pytest.raises(FormatError):
        parse_pointer(b"- " * 5_000_000, b"x.dvc")
    with pytest.raises(FormatError, match="are read"):
        parse_pointer(b"#" * (65 << 20), b"x.dvc")


_KEYS = st.sampled_from(
    ["outs", "deps", "path", "md5", "hash", "size", "nfiles", "wdir", "cmd", "files", "relpath", "cloud",
     "etag", "version_id", "repo", "url", "rev_lock", "config", "remote", "frozen", "locked", "isexec",
     "cache", "push", "persist", "meta", "db", "metric", "tags", "checksum", "isdir", "desc"]
)  # fmt: skip
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats()
    | st.sampled_from(
        [
            MD5,
            MD5 + ".dir",
            "md5",
            "..",
            "../..",
            "a/b",
            ".",
            ".git/x",
            "s3://b",
            "/abs",
            "a\0b",
            "é",
        ]
    )
    | st.text(st.characters(codec="utf-8"), max_size=5)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.integers(0, 3), inner, max_size=5)
    ),
    max_leaves=20,
)
_ITEMS = st.lists(st.dictionaries(_KEYS, _VALUES, max_size=6) | _VALUES, max_size=4)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "outs": _ITEMS | _VALUES,
        "deps": _ITEMS | _VALUES,
        "wdir": _LEAVES,
        "cmd": _VALUES,
        "frozen": _LEAVES,
    },
)


@given(_DOCUMENTS | _VALUES)
def test_arbitrary_structures(value: Any) -> None:
    data = yaml.safe_dump(value, allow_unicode=True).encode()
    try:
        pointer = parse_pointer(data, b"d/e/x.dvc")
    except FormatError:
        return
    for out in pointer.outs:
        assert check_path(out.path) == out.path
        for entry in out.files or ():
            assert check_path(b"_/" + entry.path)
    paths = [out.path for out in pointer.outs]
    assert len(paths) == len(set(paths))
    assert all(p.message and p.path for p in pointer.problems)


@given(st.binary(max_size=80), st.binary(max_size=20))
def test_arbitrary_bytes(data: bytes, path: bytes) -> None:
    for text in (data, b"outs: [{path: " + data + b"}]"):
        with suppress(FormatError):
            parse_pointer(text, path)


def test_a_named_legacy_hash_and_mixed_kinds_in_one_list() -> None:
    text = (
        f"outs: [{{path: a, md5: {MD5}, hash: md5-dos2unix}}, {{path: d, hash: md5,"
        f" files: [{{relpath: x, md5: {MD5}, hash: md5-dos2unix}}, {{relpath: y, md5: {MD5}}}]}}]"
    )
    single, directory = parse(text).outs
    assert single.digest == digest(MD5, Algorithm.MD5_DOS2UNIX)
    assert [entry.digest for entry in directory.files or ()] == [
        digest(MD5, Algorithm.MD5_DOS2UNIX),
        digest(MD5),
    ]


@pytest.mark.parametrize("written", [".", "../p", "../p/x.dvc", "x.dvc"])
def test_an_out_may_not_cover_the_file_that_names_it(written: str) -> None:
    data = f"outs:\n- md5: {'0' * 32}\n  hash: md5\n  path: {written}\n".encode()
    pointer = parse_pointer(data, b"p/x.dvc")
    assert pointer.outs == ()
    assert [(problem.path, problem.code) for problem in pointer.problems] == [
        (b"p/x.dvc", "bad-format")
    ]
    assert "cover" in pointer.problems[0].message
