"""The page of `vfs report`: one file, with plots, that runs nothing and fetches nothing (`vfs.drawing.page`).

Rule: names of files and periods are a stranger's text; only `vfs.drawing.svg` writes markup.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vfs.drawing.chart import Chart, Series
from vfs.drawing.draw import draw
from vfs.drawing.page import figure
from vfs.drawing.page import page as whole
from vfs.drawing.svg import Markup, element
from vfs_cli.report_text import ROWS, costly, group, path_of, seconds
from vfs_cli.text import date, format_size

Data = Mapping[str, Any]

_MIB: Final = 1 << 20
_MOST: Final = 25


def page(title: str, periods: Sequence[Data]) -> str:
    """The whole page."""
    parts: list[str] = []
    if periods:
        began, ended = float(periods[0].get("began", 0)), float(periods[-1].get("ended", 0))
        parts.append(element("p", {"class": "note"}, f"{date(began)} to {date(ended)}"))
    parts.append(_table(periods))
    parts += [_figure(chart) for chart in _charts(periods)]
    if periods:
        for name in ("directories", "files"):
            parts.append(_costs(name, costly(periods)))
    return whole(f"What was read: {title}", *parts)


def _figure(chart: Chart) -> Markup:
    drawn = draw(chart)
    return figure(chart.title, drawn.picture, notes=drawn.notes)


def _charts(periods: Sequence[Data]) -> list[Chart]:
    charts = [
        _bars("Bytes by period", "MiB", periods, {
            "asked": lambda p: _mib(group(p, "asked").get("bytes")),
            "fetched": lambda p: _mib(group(p, "fetched").get("bytes")),
        }),
        _bars("Waiting by period", "seconds", periods, {
            "stalled, all reads": lambda p: group(p, "stalled").get("seconds"),
            "took": lambda p: p.get("seconds"),
        }),
        _bars("How long reads waited, by period", "seconds", periods, {
            label: lambda p, key=label: group(p, "stalled").get(key)
            for label in ("p50", "p90", "p99", "longest")
        }),
    ]  # fmt: skip
    if periods:
        last = costly(periods)
        for title, field in (("Fetched", "fetched"), ("Stalled", "stalled")):
            unit = "MiB" if field == "fetched" else "seconds"
            rows = [
                (_mib(row.get(field)) if unit == "MiB" else row.get(field), path_of(row))
                for row in (last.get("directories") or ())[:_MOST]
            ]
            series = Series(str(last.get("name")), "", rows)
            name = f"{title} by directory, {last.get('name')}"
            charts.append(Chart(name, "bar_horizontal_sorted", unit, "", (series,)))
    return charts


def _bars(title: str, unit: str, periods: Sequence[Data], series: Mapping[str, Any]) -> Chart:
    made = [
        Series(name, "", [(tell(p), f"{n}. {p.get('name')}") for n, p in enumerate(periods, 1)])
        for name, tell in series.items()
    ]
    return Chart(title, "bar_horizontal", unit, "", made)


def _mib(value: Any) -> float:
    return round(int(value or 0) / _MIB, 3)


def _table(periods: Sequence[Data]) -> Markup:
    heads = [element("th", {}, ""), *(element("th", {}, str(p.get("name"))) for p in periods)]
    rows = [
        element("tr", {}, element("td", {}, label), *(element("td", {}, tell(p)) for p in periods))
        for label, tell in ROWS
    ]
    return element("table", {"border": 0.0, "cellpadding": 4.0}, element("tr", {}, *heads), *rows)


def _costs(name: str, period: Data) -> Markup:
    rows = [
        element(
            "tr",
            {},
            *(
                element("td", {}, text)
                for text in (
                    path_of(row),
                    str(row.get("waits", 0)),
                    seconds(row.get("stalled")),
                    str(row.get("requests", 0)),
                    format_size(int(row.get("fetched") or 0)),
                )
            ),
        )
        for row in period.get(name) or ()
    ]
    if not rows:
        return Markup("")
    heads = (element("th", {}, text) for text in (name, "waited", "stalled", "requests", "fetched"))
    table = element("table", {"cellpadding": 4.0}, element("tr", {}, *heads), *rows)
    return figure(f"{name.capitalize()} that cost most, {period.get('name')}", table)
