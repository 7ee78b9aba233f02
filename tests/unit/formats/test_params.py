"""Parameter files. What DVC reads in them: tests/compat/test_pipeline_formats.py."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.documents import parse_document
from vfs.formats.params import same, selected, values

TREE = {"a": {"b": [1, {"c": 2}], "d.e": 3}, "x1": 4, "x2": 5, 7: "seven", "n": None}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a.b.0", 1),
        ("a.b.1.c", 2),
        ("a.b.-1.c", 2),
        (".x1", 4),
        ("7", "seven"),
        ("n", None),
        ("a.*.0", 1),
        ("a.b", [1, {"c": 2}]),
    ],
)
def test_keys(key: str, value: object) -> None:
    assert selected(TREE, b"f", [key]) == {key: value}


@pytest.mark.parametrize("key", ["a.b.2", "a.d.e", "b", "a..b", "a.b.0.c", "n.x", ""])
def test_keys_that_are_not_there(key: str) -> None:
    assert selected(TREE, b"f", [key, "x1"]) == {"x1": 4}


def test_a_key_of_several_parameters_is_refused() -> None:
    with pytest.raises(FormatError, match="means several"):
        selected(TREE, b"f", ["x*"])


def test_equality() -> None:
    assert same(1, 1.0)
    assert same((1, 2), [1, 2])
    assert not same([(1,)], [[1]])  # as DVC: not below the top
    assert not same("1", 1)
    assert not same(float("nan"), float("nan"))


@pytest.mark.parametrize("text", ["A = {1}", "A = [{'k': b'x'}]", "A = {(1, 2): 3}", "A = 1j"])
def test_what_no_lock_can_hold_is_refused(text: str) -> None:
    for keys in (["A"], []):
        with pytest.raises(FormatError, match="no lock can hold"):
            values(text.encode(), b"p.py", keys)
    assert values(text.encode() + b"\nB = 1", b"p.py", ["B"]) == {"B": 1}


def test_python_is_not_run() -> None:
    text = b"A = 1\nraise SystemExit\nB = exit()\n"
    assert values(text, b"p.py") == {"A": 1}


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        (b"p.py", b"a = 1\nb = (\n", 2),
        (b"p.toml", b"a = 1\nb = \n", 2),
        (b"p.json", b'{"a":\n 1,}', 2),
        (b"p.yaml", b"a: 1\nb: [\n", 3),
        (b"p.json", b"[" * 100_000, None),
        (b"p.toml", b"a = " + b"[" * 5000, None),
        (b"p.py", b"a = " + b"[" * 5000, 1),
        (b"p.py", b"a = " + b"-" * 100_000 + b"1", None),
        (b"p.json", b"\xff", None),
    ],
)
def test_broken_files(path: bytes, text: bytes, line: int | None) -> None:
    with pytest.raises(FormatError) as caught:
        values(text, path)
    assert (caught.value.file, caught.value.line) == (path.decode(), line)


def test_a_list_has_keys_but_is_no_file_of_parameters() -> None:
    assert values(b"[5]", b"p.json", ["0"]) == {"0": 5}
    with pytest.raises(FormatError, match="expected a mapping"):
        values(b"[5]", b"p.json")


@given(st.binary(max_size=60), st.sampled_from([b"a.py", b"a.toml", b"a.json", b"a", b".json"]))
def test_nothing_but_refusals(data: bytes, path: bytes) -> None:
    with suppress(FormatError):
        parse_document(data, path)
