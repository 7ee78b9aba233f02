"""Values of two revisions."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.values.compare import difference, flat, numbers, same, to_json, told
from vfs.values.table import compared, markdown, shown

KEYS = st.one_of(st.text(max_size=5), st.integers(0, 9))
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(DOCUMENTS)
def test_nothing_differs_from_itself(document: Any) -> None:
    files = {"f": document}
    assert difference(files, files) == {}
    every = difference(files, files, unchanged=True)
    assert set(every.get("f", {})) == set(flat(document))


@settings(deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_each_difference_is_told(old: Any, new: Any) -> None:
    was, now = flat(old), flat(new)
    changes = difference({"f": old}, {"f": new}).get("f", {})
    for key in was.keys() | now.keys():
        equal = key in was and key in now and same(was[key], now[key])
        assert (key in changes) != equal
    json.loads(to_json({"f": changes}))
    headings, rows = compared({"f": changes}, "Metric", ("a", "b"), changes=True, precision=5)
    assert all(len(row) == len(headings) for row in rows)
    lines = markdown(headings, rows).splitlines()
    assert len(lines) == len(rows) + 2


def test_numbers_have_a_difference() -> None:
    changes = difference({"m": {"a": {"b": 1}, "s": "x"}}, {"m": {"a": {"b": 1.5}, "s": "y"}})
    assert changes == {
        "m": {"a.b": {"old": 1, "new": 1.5, "diff": 0.5}, "s": {"old": "x", "new": "y"}}
    }


def test_what_is_not_there() -> None:
    assert difference({}, {"m": {"a": 1}}) == {"m": {"a": {"old": None, "new": 1}}}
    assert difference({"m": {"a": 1}}, {"m": {}}) == {"m": {"a": {"old": 1, "new": None}}}
    assert difference({"m": 0.5}, {"m": 0}) == {"m": {"": {"old": 0.5, "new": 0, "diff": -0.5}}}


def test_a_key_whose_value_is_null_is_there() -> None:
    assert difference({"m": {"a": None}}, {"m": {}}) == {"m": {"a": {"old": None, "new": None}}}


def test_lists_are_compared_as_a_whole() -> None:
    assert flat({"a": [1, {"b": 2}], "c": {}}) == {"a": "[1, {'b': 2}]"}


def test_metrics_are_numbers_and_texts() -> None:
    document = {"a": 1, "b": [1], "c": None, "d": {"e": "x", "f": [2]}, "g": {"h": []}, "z": 0}
    assert numbers(document) == {"a": 1, "d": {"e": "x"}, "z": 0}
    assert numbers([1]) == {}
    assert numbers(0) == 0


def test_nan_and_huge_numbers() -> None:
    nan = float("nan")
    assert difference({"m": {"a": nan}}, {"m": {"a": nan}}) == {}
    change = difference({"m": {"a": 10**400}}, {"m": {"a": 1.5}})["m"]["a"]
    assert change["diff"] == -math.inf


def test_told() -> None:
    assert told(None) == "-"
    assert told(1.123456789, 5) == "1.12346"
    assert told(1.123456789) == "1.123456789"
    assert told(12, 5) == "12"


def test_a_column_for_each_revision() -> None:
    files: dict[str, dict[str, Any]] = {
        "v1": {"m": {"a": 1.0}},
        "v2": {"m": {"a": 2.0, "b": "|\n|"}},
    }
    headings, rows = shown(files, "Metric", precision=5)
    assert (headings, rows) == (
        ["Path", "Metric", "v1", "v2"],
        [["m", "a", "1.0", "2.0"], ["m", "b", "-", "|\n|"]],
    )
    text = markdown(*shown(files, "Metric", precision=5, no_path=True))
    assert text.splitlines()[-1] == "| b        | -    | \\| \\| |"
