"""The text of `vfs report`: periods side by side, then the directories and files of the last one that cost most.

Rule: a report is read with defaults: its daemon may be of another version than this command.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from vfs_cli.output import Output
from vfs_cli.text import date, format_size, printable

Data = Mapping[str, Any]

_MOST_PERIODS: Final = 8
_DIRECTORIES: Final = 15
_FILES: Final = 5


def group(report: Data, name: str) -> Data:
    """A part of a report; empty if it has none."""
    found = report.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(name: str, field: str) -> Callable[[Data], str]:
    return lambda report: str(group(report, name).get(field, 0))


def _size(name: str, field: str) -> Callable[[Data], str]:
    return lambda report: format_size(int(group(report, name).get(field) or 0))


def seconds(value: Any) -> str:
    """A time as people read it; `-` if there is none."""
    if not isinstance(value, int | float):
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def percent(value: Any) -> str:
    """A share."""
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "-"


def _times(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "-"


ROWS: Final[tuple[tuple[str, Callable[[Data], str]], ...]] = (
    ("took", lambda report: seconds(report.get("seconds"))),
    ("asked", _size("asked", "bytes")),
    ("reads", _number("asked", "reads")),
    ("fetched", _size("fetched", "bytes")),
    ("  ahead of readers, as files", lambda r: format_size(sum(int(group(r, "fetched").get(k) or 0) for k in ("read_ahead", "warm_up", "along")))),
    ("amplification", lambda report: _times(report.get("amplification"))),
    ("requests", _number("fetched", "requests")),
    ("answered at once", lambda report: percent(report.get("hit_rate"))),
    ("stalled", lambda report: seconds(group(report, "stalled").get("seconds"))),
    ("  reads that waited", _number("stalled", "reads")),
    ("  half of them within", lambda report: seconds(group(report, "stalled").get("p50"))),
    ("  99 % within", lambda report: seconds(group(report, "stalled").get("p99"))),
    ("  longest", lambda report: seconds(group(report, "stalled").get("longest"))),
    ("first byte", lambda report: seconds(report.get("first_byte"))),
    ("failed requests", _number("fetched", "failed_requests")),
)  # fmt: skip


def describe(output: Output, title: str, periods: Sequence[Data]) -> None:
    """Print periods."""
    if not periods:
        output.line(f"{title}: nothing was counted")
        return
    shown = periods[-_MOST_PERIODS:]
    left_out = len(periods) - len(shown)
    output.line(f"{title}, from {date(float(shown[0].get('began', 0)))}")
    if left_out:
        output.line(f"({left_out} earlier periods: --json or --html has all)")
    headings = ("", *(str(period.get("name"))[:24] for period in shown))
    output.table(headings, [[label, *map(tell, shown)] for label, tell in ROWS])
    last = costly(shown)
    for name, heading, most in (
        ("directories", "DIRECTORY", _DIRECTORIES),
        ("files", "FILE", _FILES),
    ):
        shown_rows = (last.get(name) or ())[:most]
        if shown_rows:
            read = any("read" in row for row in shown_rows)
            output.line(f"{name} that cost most, of {last.get('name')}:")
            heads = (
                heading,
                "WAITED",
                "STALLED",
                "REQUESTS",
                "FETCHED",
                *(["READ"] if read else []),
            )
            output.table(heads, [_row(row)[: len(heads)] for row in shown_rows])


def costly(periods: Sequence[Data]) -> Data:
    """The last period that cost anything; else the last."""
    return next((one for one in reversed(periods) if one.get("directories")), periods[-1])


def path_of(row: Data, unknown: str = "(nobody looked it up)") -> str:
    """The path of a row as people read it."""
    path = row.get("path")
    if path is None:
        return str(row.get("digest") or unknown)
    return printable(str(path)) or "."


def _row(row: Data) -> list[str]:
    read = row.get("read")
    return [
        path_of(row),
        str(row.get("waits", 0)),
        seconds(row.get("stalled")),
        str(row.get("requests", 0)),
        format_size(int(row.get("fetched") or 0)),
        "-" if read is None else format_size(int(read)),
    ]
