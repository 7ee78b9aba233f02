"""YAML 1.2, limits, and nothing but FormatError for hostile input."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.scalars import plain_core, plain_dvc


def load(text: str | bytes, **options: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return yaml12.load(data, file="f.yaml", **options)


@pytest.mark.parametrize(
    "text",
    ["yes", "no", "on", "off", "Yes", "y", "1:20", "190:20:30", "010", "-07", "1_000", "0b11", "0o8",
     "0xg", "2020-01-01", "2020-01-01T00:00:00Z", ".", "..", "+", "1.2.3", "1e", "e5", ".e5",
     "tRUE", "nULL", "=", "1 2", "0x", "9" * 65],
)  # fmt: skip
def test_these_are_strings(text: str) -> None:
    assert load(f"k: {text}") == {"k": text} or load(f'k: "{text}"') == load(f"k: {text}")
    assert isinstance(load(f"k: {text}")["k"], str)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-1", -1), ("+12", 12), ("0o17", 15), ("0xfF", 255), ("1.5", 1.5), (".5", 0.5),
     ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-3", -0.0015), ("true", True), ("FALSE", False),
     ("null", None), ("~", None), ("", None), (".inf", math.inf), ("-.INF", -math.inf)],
)  # fmt: skip
def test_these_are_values(text: str, value: object) -> None:
    found = load(f"k: {text}")["k"]
    assert found == value
    assert type(found) is type(value)


def test_nan() -> None:
    assert math.isnan(load("k: .nan")["k"])


def test_quotes_and_tags_decide() -> None:
    assert load("[\"1\", '2', !!str 3, ! 4, !!int 5, !!float 6, !!bool true, !!null ~]") == [
        "1", "2", "3", "4", 5, 6, True, None,
    ]  # fmt: skip


def test_text_keys_keep_hashes_as_written() -> None:
    text = "md5: 12345678901234567890123456789e12\nsize: 12\npath: yes\nwdir: null\nn: {md5: 0x12}"
    keys = frozenset({"md5", "path", "wdir"})
    assert load(text, text_keys=keys) == {
        "md5": "12345678901234567890123456789e12",
        "size": 12,
        "path": "yes",
        "wdir": None,
        "n": {"md5": "0x12"},
    }


def test_dvc_numbers() -> None:
    found = load("[010, 1_0, 0b11, -0o17, 1.50, 0_, ___, '010']", dvc_numbers=True)
    assert found == [10, 10, 3, -15, 1.5, 0, "___", "010"]


def test_merge_keys_and_aliases() -> None:
    assert load("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4}]}\nd: *a") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2, "z": 4},
        "d": {"x": 1, "y": 2},
    }


def test_a_quoted_merge_key_is_a_key() -> None:
    assert load('{"<<": 1}') == {"<<": 1}


def test_empty_documents_are_none() -> None:
    for text in ("", "\n", "# only a comment\n", "---\n", "---\n...\n"):
        assert load(text) is None


def test_other_encodings() -> None:
    assert load("k: ü".encode("utf-16")) == {"k": "ü"}
    assert load(b"\xef\xbb\xbfk: 1") == {"k": 1}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [", 3, "no valid YAML"),
        ("a: 1\na: 2\n", 2, "key 'a' twice"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "key 'c' twice"),
        ("x: &a [1, *a]\n", 1, "alias"),
        ("x: *nope\n", 1, "alias"),
        ("--- 1\n--- 2\n", 2, "second YAML document"),
        ("k: !!python/object/apply:os.system [x]\n", 1, "unknown tag"),
        ("k: !!python/name:os.system x\n", 1, "unfitting tag"),
        ("k: !!int x\n", 1, "unfitting tag"),
        ("k: !local x\n", 1, "unfitting tag"),
        ("k: !!binary aGk=\n", 1, "unfitting tag"),
        ("? [a]\n: b\n", 1, "key that is a list"),
        ("<<: 1\n", 2, "no mapping"),
        ("a: 1\n\tb: 2\n", 2, "no valid YAML"),
    ],
)
def test_errors_name_file_and_line(text: str, line: int, message: str) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        load(text)
    assert raised.value.file == "f.yaml"
    assert raised.value.line == line
    assert str(raised.value).startswith(f"f.yaml:{line}: ")


def test_merge_conflict_marks_give_a_hint() -> None:
    with pytest.raises(FormatError) as raised:
        load("outs:\n<<<<<<< HEAD\n- path: a\n=======\n- path: b\n>>>>>>> other\n")
    assert "unresolved Git merge" in (raised.value.hint or "")


def test_deep_nesting_is_refused() -> None:
    assert load("[" * 100 + "]" * 100)
    for bomb in (
        "[" * 101,
        "[" * 200_000,
        "{a: " * 150,
        "- " * 5000,
        "\n".join(" " * i + "a:" for i in range(500)),
    ):
        with pytest.raises(FormatError, match=r"deeper|no valid YAML"):
            load(bomb)


def test_alias_bombs_are_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(FormatError, match="by aliases"):
        load("\n".join(levels))
    many = "a: &a {" + ", ".join(f"k{i}: 1" for i in range(2000)) + "}\n"
    many += "b:\n" + "".join("- <<: *a\n" for _ in range(1000))
    with pytest.raises(FormatError, match="by aliases"):
        load(many)


def test_value_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml12, "MAX_VALUES", 1000)
    assert load("[" + "a," * 999 + "]")
    for text in ("[" + "a," * 1000 + "]", "x: &a [" + "a," * 500 + "]\ny: *a"):
        with pytest.raises(FormatError, match="more than 1000 values"):
            load(text)


def test_size_limit() -> None:
    with pytest.raises(FormatError, match="at most 10 are read"):
        load("k: 1234567890", max_bytes=10)


@pytest.mark.parametrize(
    "data",
    [b"\0", b"k: \x01", b"\xff", b"k: \xc3", b"\xff\xfe\x00", b'k: "\\ud800"', b"%YAML 9.9\n--- 1"],
)
def test_bytes_that_are_no_yaml_text(data: bytes) -> None:
    with pytest.raises(FormatError):
        load(data)


@given(st.binary(max_size=60))
def test_arbitrary_bytes(data: bytes) -> None:
    with suppress(FormatError):
        yaml12.load(data, file="f")


@given(st.text(alphabet="ab:-?[]{},#&*!|>'\"%@` \n\t<0.1~=\\", max_size=40))
def test_arbitrary_yaml_like_text(text: str) -> None:
    for options in ({}, {"dvc_numbers": True}, {"text_keys": frozenset({"a"})}):
        with suppress(FormatError):
            load(text, **options)


_WORDS = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=8)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
        max_leaves=12,
    )
)
def test_json_is_yaml(value: object) -> None:
    assert load(json.dumps(value, ensure_ascii=False)) == value


KEYS = st.sampled_from(["md5", "size", "nfiles", "hash", "path", "isexec", "null", "true", "cmd"])
PLAIN = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,20}", fullmatch=True),
    st.sampled_from(["null", "true", "False", "1", "010", "1e5", "0x1f", "1_0", "12345", "no"]),
    st.sampled_from(["", "a b", "a: b", "-", "a #b", "\u00e4", "'a'"]),
)


@given(st.lists(st.tuples(KEYS, PLAIN), max_size=6), st.booleans(), st.sampled_from(["  ", " "]))
def test_the_short_way_gives_what_the_long_one_does(
    pairs: list[tuple[str, str]], numbers: bool, indent: str
) -> None:
    text = "outs:\n- " + indent.join(f"{key}: {value}\n" for key, value in pairs)
    plain = plain_dvc if numbers else plain_core
    short = yaml12._usual(text.encode(), frozenset({"md5", "path"}), plain)
    if short is not None:
        long = yaml12._by_events(
            text.encode(), yaml12._Builder("f", frozenset({"md5", "path"}), plain, None)
        )
        assert repr(short) == repr(long)


def test_what_dvc_writes_takes_the_short_way() -> None:
    text = b"outs:\n- md5: faba209ae9877f90467788c44f6a67c2.dir\n  size: 10\n  nfiles: 5\n  hash: md5\n  path: data\n"
    found = yaml12._usual(text, frozenset(), plain_core)
    assert found == yaml12._by_events(text, yaml12._Builder("f", frozenset(), plain_core, None))
