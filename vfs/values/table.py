"""Tables of values: rows, and Markdown.

Rule: pure.
"""

from collections.abc import Mapping, Sequence

from vfs.values.compare import Difference, Value, flat, told

Table = tuple[list[str], list[list[str]]]
"""Headings and rows."""


def shown(
    revisions: Mapping[str, Mapping[str, Value]],
    noun: str,
    *,
    precision: int | None,
    no_path: bool = False,
) -> Table:
    """A row for each file and key, a column for each revision.

    Args:
        revisions: documents by revision and file.
        noun: `Metric` or `Param`.
        precision: digits after the point; None: all.
        no_path: without the column of files.
    """
    values = {
        rev: {
            (file, key): value
            for file, document in files.items()
            for key, value in flat(document).items()
        }
        for rev, files in revisions.items()
    }
    rows = [
        [file, key, *(told(found.get((file, key)), precision) for found in values.values())]
        for file, key in sorted({place for found in values.values() for place in found})
    ]
    return _without_path(["Path", noun, *values], rows, no_path)


def compared(
    difference: Difference,
    noun: str,
    revisions: tuple[str, str],
    *,
    changes: bool,
    precision: int | None,
    no_path: bool = False,
) -> Table:
    """A row for each difference; `changes` adds the column of them."""
    headings = ["Path", noun, *revisions]
    rows = []
    for file, keys in difference.items():
        for key, change in keys.items():
            row = [file, key, told(change["old"], precision), told(change["new"], precision)]
            rows.append(row + ([told(change.get("diff"), precision)] if changes else []))
    return _without_path([*headings, *(["Change"] if changes else [])], rows, no_path)


def _without_path(headings: list[str], rows: list[list[str]], no_path: bool) -> Table:
    if no_path:
        return headings[1:], [row[1:] for row in rows]
    return headings, rows


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of GitHub's Markdown, spaced as DVC does it; cells are of one line, and a `|` in them is no border."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    heads = [_cell(heading) for heading in headings]
    widths = [
        max([len(head) + 2, *(len(row[number]) for row in cells)])
        for number, head in enumerate(heads)
    ]
    lines = [_line(heads, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    lines += [_line(row, widths) for row in cells]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.splitlines()).replace("|", "\\|")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
