"""Pointers that are wrong, hostile or arbitrary."""

import re
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.pointers import MD5, digest, parse, problem
from vfs.core.paths import check_path
from vfs.errors import FormatError
from vfs.formats.pointer import (
    parse_pointer,
)
from vfs.types import Algorithm


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
