"""Data files of plots, as points.

Rule: pure. Which field is x, which y and how they are called follows DVC (`render/converter/vega.py`, `repo/plots/__init__.py`); one
thing is wider: records of one list may lack fields that others have.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats import yaml12

MAX_BYTES = 256 * 1024 * 1024
IMAGES = {
    b".png": "image/png",
    b".jpg": "image/jpeg",
    b".jpeg": "image/jpeg",
    b".gif": "image/gif",
    b".svg": "image/svg+xml",
}
"""MIME type by suffix."""

STEP = "step"
INFERRED_X = "dvc_inferred_x_value"
INFERRED_Y = "dvc_inferred_y_value"

Row = dict[str, Any]
Content = list[Any] | dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot that a revision declares.

    Attributes:
        id: what it is called among all.
        inner: the file it is of, or the name that its definition gives it.
        properties: `x`, `y`, `template`, `title`, `x_label`, `y_label`, `header`; files in `x` and `y` are paths of the repository.
    """

    id: str
    inner: str
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        """The files it is drawn from."""
        y, x = self.properties.get("y"), self.properties.get("x")
        found = list(y) if isinstance(y, dict) else [self.inner]
        if isinstance(x, dict):
            found += list(x)[:1]
        return list(dict.fromkeys(found))

    @property
    def is_image(self) -> bool:
        """Whether it is a picture already."""
        return suffix(self.inner.encode("utf-8", "surrogateescape")) in IMAGES


@dataclass(slots=True)
class Points:
    """What one plot has in one revision.

    Attributes:
        rows: records, each with `rev`, `filename` and `field`.
        x: the field of `rows` that goes across.
        y: the one that goes up.
    """

    rows: list[Row] = field(default_factory=list)
    x: str = STEP
    y: str | None = None
    x_label: str | None = STEP
    y_label: str | None = None


def suffix(path: bytes) -> bytes:
    """The end of a file name, with its dot, in lower case."""
    name = path.rpartition(b"/")[2]
    return name[name.rfind(b".") :].lower() if b"." in name else b""


def parse(data: bytes, path: bytes, *, header: bool = True) -> Content:
    """The content of a data file.

    Raises:
        FormatError: it is none, or of a kind that is not drawn.
    """
    file = show(path)[1:-1]
    kind = suffix(path)
    try:
        if kind in (b".csv", b".tsv"):
            return _separated(data.decode("utf-8-sig"), "\t" if kind == b".tsv" else ",", header)
        if kind == b".json":
            value = json.loads(data)
        elif kind in (b".yaml", b".yml"):
            value = yaml12.load(data, file=file, max_bytes=MAX_BYTES, dvc_numbers=True)
        else:
            raise FormatError("plots are of JSON, YAML, CSV, TSV or images", file=file)
    except (ValueError, RecursionError, csv.Error) as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"cannot be read as data of a plot: {reason}", file=file) from None
    if not isinstance(value, list | dict):
        raise FormatError("data of a plot are lists of records", file=file)
    return value


def _separated(text: str, delimiter: str, header: bool) -> list[Row]:
    if header:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    else:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        names = [str(number) for number in range(len(first))]
        reader = csv.DictReader(io.StringIO(text, newline=""), names, delimiter=delimiter)
    return [{key: value for key, value in row.items() if key is not None} for row in reader]


def _lists(content: Content) -> Iterator[list[Any]]:
    """The lists in a document, wherever they are in its mappings."""
    todo: list[Any] = [content]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict):
            todo += reversed(list(value.values()))


def _is_records(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, dict) for value in values)


def records(content: Content) -> list[Row]:
    """The records of a document: those of several lists are joined, first with first."""
    found: list[Row] = []
    for values in _lists(content):
        if _is_records(values):
            found += [{} for _ in range(len(values) - len(found))]
            for row, value in zip(found, values, strict=False):
                row.update((str(key), item) for key, item in value.items())
    return found


def points(plot: Plot, contents: Mapping[str, Content], revision: str) -> Points:
    """The points of a plot in one revision.

    Args:
        plot: what is drawn.
        contents: by file; those that cannot be read are missing.
        revision: how it is called.

    Raises:
        FormatError: a field is not there, or x and y do not fit each other.
    """
    known = {file: records(content) for file, content in contents.items()}
    ys = _fields(plot, contents.get(plot.inner))
    xs = _across(plot, ys)
    for file, name in (*xs, *ys):
        _check(plot, known, file, name)
    if len(xs) > 1 and len(xs) != len(ys):
        raise FormatError(f"{plot.id}: {len(xs)} fields for x and {len(ys)} for y do not fit")
    many_x = len({name for _, name in xs}) > 1
    many_y = len({name for _, name in ys}) > 1
    made = Points(
        x=INFERRED_X if many_x else xs[0][1] if xs else STEP,
        y=INFERRED_Y if many_y else ys[0][1] if ys else None,
        x_label=_label(plot, "x_label", xs, STEP, "x"),
        y_label=_label(plot, "y_label", ys, None, "y"),
    )
    for number, (file, name) in enumerate(ys):
        rows = [dict(row) for row in known.get(file, ())]
        if many_y:
            for row in rows:
                row.update({INFERRED_Y: row[name]} if name in row else {})
        if xs:
            x_file, x_name = xs[number if len(xs) > 1 else 0]
            _join(plot, rows, known.get(x_file, []), x_name, made.x)
        else:
            for step, row in enumerate(rows):
                row[STEP] = step
        for row in rows:
            row.update(rev=revision, filename=file, field=name)
        made.rows += rows
    return made


def _fields(plot: Plot, content: Content | None) -> list[tuple[str, str]]:
    """File and field of each y; by default the last field of the first list in the file."""
    y = plot.properties.get("y")
    if y is None:
        lists = () if content is None else _lists(content)
        first: list[Row] = next(filter(_is_records, lists), [{}])
        return [(plot.inner, str(list(first[0])[-1]))] if first[0] else []
    return _pairs(y if isinstance(y, dict) else {plot.inner: y})


def _across(plot: Plot, ys: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """File and field of each x; none: the number of the record."""
    x = plot.properties.get("x")
    if isinstance(x, dict):
        return _pairs(x)
    if not isinstance(x, str):
        return []
    if isinstance(plot.properties.get("y"), dict):
        return [(file, x) for file, _ in ys]
    return [(plot.inner, x)]


def _pairs(axis: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (file, str(name))
        for file, names in axis.items()
        for name in (names if isinstance(names, list) else [names])
    ]


def _check(plot: Plot, known: Mapping[str, Sequence[Row]], file: str, name: str) -> None:
    rows = known.get(file)
    if rows and not any(name in row for row in rows):
        there = ", ".join(list(rows[0])[:8])
        raise FormatError(f"has no field {name!r} for {plot.id}; it has {there}", file=file)


def _join(plot: Plot, rows: Sequence[Row], source: Sequence[Row], name: str, target: str) -> None:
    """Give each record the x of the record beside it."""
    if len(rows) != len(source):
        raise FormatError(
            f"{plot.id}: {len(source)} values of {name!r} and {len(rows)} of y do not fit"
        )
    for row, other in zip(rows, source, strict=True):
        if name in other:
            row[target] = other[name]


def _label(
    plot: Plot, key: str, found: Sequence[tuple[str, str]], default: str | None, many: str
) -> str | None:
    given = plot.properties.get(key)
    if given is not None:
        return str(given)
    names = {name for _, name in found}
    return many if len(names) > 1 else next(iter(names), default)
