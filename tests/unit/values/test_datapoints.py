"""Data files as points."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.values.datapoints import Plot, parse, points, records

LOSS = [{"step": "1", "loss": "0.5", "acc": "1"}, {"step": "2", "loss": "0.25", "acc": "2"}]


def test_formats() -> None:
    assert parse(b"a,b\n1,2\n", b"x.csv") == [{"a": "1", "b": "2"}]
    assert parse(b"\xef\xbb\xbfa\tb\n1\t2\n", b"x.tsv") == [{"a": "1", "b": "2"}]
    assert parse(b"1,2\n3,4\n", b"x.csv", header=False) == [
        {"0": "1", "1": "2"},
        {"0": "3", "1": "4"},
    ]
    assert parse(b'[{"a": 1}]', b"x.json") == [{"a": 1}]
    assert parse(b"- a: 1\n", b"x.yaml") == [{"a": 1}]
    assert parse(b"a\n1,2,3\n", b"x.csv") == [{"a": "1"}]  # what has no name is left out


@pytest.mark.parametrize(
    ("data", "path"),
    [(b"{", b"x.json"), (b"3", b"x.json"), (b"\xff", b"x.csv"), (b"a: [", b"x.yaml"), (b"", b"x.bin"),
     (b"[" * 100_000, b"x.json"), (b'a\n"' + b"x" * 200_000, b"x.csv")],
)  # fmt: skip
def test_what_is_no_data(data: bytes, path: bytes) -> None:
    with pytest.raises(FormatError, match=path.decode()):
        parse(data, path)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"a.csv", b"a.tsv", b"a.json", b"a.yaml"]))
def test_any_bytes(data: bytes, path: bytes) -> None:
    try:
        content = parse(data, path)
        points(Plot("p", "f"), {"f": content}, "HEAD")
    except FormatError:
        pass


def test_records_of_nested_lists_are_joined() -> None:
    content = {"train": [{"t": 1, "v": 2}, {"t": 2, "v": 3}], "deep": {"x": [{"w": 9}]}, "n": 1}
    assert records(content) == [{"t": 1, "v": 2, "w": 9}, {"t": 2, "v": 3}]


def found(properties: dict[str, Any], contents: dict[str, Any], inner: str = "f.csv") -> Any:
    return points(Plot("p", inner, properties), contents, "HEAD")


def test_without_properties_the_last_field_goes_up() -> None:
    made = found({}, {"f.csv": LOSS})
    assert (made.x, made.y, made.x_label, made.y_label) == ("step", "acc", "step", "acc")
    assert [row["step"] for row in made.rows] == [0, 1]


def test_named_fields() -> None:
    made = found({"x": "step", "y": "loss", "x_label": "epoch"}, {"f.csv": LOSS})
    assert (made.x, made.y, made.x_label, made.y_label) == ("step", "loss", "epoch", "loss")
    assert [(row["step"], row["loss"]) for row in made.rows] == [("1", "0.5"), ("2", "0.25")]


def test_fields_of_several_files() -> None:
    other = [{"step": 1, "val": 3}, {"step": 2, "val": 4}]
    made = found({"x": "step", "y": {"f.csv": ["loss", "acc"], "g.json": "val"}}, {"f.csv": LOSS, "g.json": other}, "both")  # fmt: skip
    assert (made.y, made.y_label) == ("dvc_inferred_y_value", "y")
    assert [(row["field"], row["filename"], row[made.y]) for row in made.rows] == [
        ("loss", "f.csv", "0.5"), ("loss", "f.csv", "0.25"),
        ("acc", "f.csv", "1"), ("acc", "f.csv", "2"),
        ("val", "g.json", 3), ("val", "g.json", 4),
    ]  # fmt: skip


def test_x_of_another_file() -> None:
    times = [{"t": 10}, {"t": 20}]
    made = found({"x": {"t.json": "t"}, "y": {"f.csv": "loss"}}, {"f.csv": LOSS, "t.json": times}, "p")  # fmt: skip
    assert [(row["t"], row["loss"]) for row in made.rows] == [(10, "0.5"), (20, "0.25")]
    with pytest.raises(FormatError, match="do not fit"):
        found({"x": {"t.json": "t"}, "y": {"f.csv": "loss"}}, {"f.csv": LOSS, "t.json": times[:1]}, "p")  # fmt: skip


def test_a_field_that_is_not_there() -> None:
    with pytest.raises(FormatError, match="has no field 'los'"):
        found({"y": "los"}, {"f.csv": LOSS})


def test_a_file_that_is_not_there_has_no_points() -> None:
    assert found({"x": "step", "y": "loss"}, {}).rows == []
    assert json.dumps(found({}, {"f.csv": []}).rows) == "[]"
