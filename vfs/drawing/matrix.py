"""Confusion matrices: `confusion`, `confusion_normalized`. How often each x met each y; one for each series."""

from collections import Counter

from vfs.drawing.axes import short
from vfs.drawing.chart import Chart, Drawing, Series
from vfs.drawing.svg import Markup, element, joined, picture, text

_MOST = 60
_LEFT, _TOP, _RIGHT, _BOTTOM = 120.0, 26.0, 10.0, 70.0
_CELL, _SMALLEST, _SIDE = 56.0, 14.0, 420.0


def draw_matrix(chart: Chart) -> Drawing:
    """Draw a matrix for each series, all with the same rows and columns."""
    columns = sorted({_name(x) for series in chart.series for x, _ in series.points})
    rows = sorted({_name(y) for series in chart.series for _, y in series.points})
    left_out = max(0, len(columns) - _MOST) + max(0, len(rows) - _MOST)
    columns, rows = columns[:_MOST], rows[:_MOST]
    drawn = [_one(chart, series, columns, rows) for series in chart.series]
    notes = (f"{left_out} rows and columns are left out",) if left_out else ()
    return Drawing(joined(drawn), notes)


def _name(value: object) -> str:
    return str(value)


def _one(chart: Chart, series: Series, columns: list[str], rows: list[str]) -> Markup:
    counts = Counter((_name(x), _name(y)) for x, y in series.points)
    normalized = chart.template == "confusion_normalized"
    totals = Counter[str]()
    for (_, y), count in counts.items():
        totals[y] += count
    most = max(counts.values(), default=1)
    cell = max(_SMALLEST, min(_CELL, _SIDE / max(len(columns), len(rows), 1)))
    parts = [text(_LEFT, 14, series.label, font_weight="bold")]
    for down, y in enumerate(rows):
        top = _TOP + cell * down
        parts.append(
            text(_LEFT - 6, top + cell / 2 + 4, short(y)[:14], text_anchor="end", fill="#555")
        )
        for right, x in enumerate(columns):
            count = counts[x, y]
            share = count / totals[y] if normalized and totals[y] else count / most
            value = f"{share:.2f}" if normalized else str(count)
            parts += _cell(_LEFT + cell * right, top, cell, share, value, f"{x}, {y}: {value}")
    low = _TOP + cell * len(rows)
    for right, x in enumerate(columns):
        at = _LEFT + cell * (right + 0.5)
        turn = f"rotate(-40 {at:.1f} {low + 12:.1f})"
        parts.append(
            text(at, low + 12, short(x)[:12], text_anchor="end", fill="#555", transform=turn)
        )
    width = _LEFT + cell * len(columns) + _RIGHT
    parts.append(
        text(
            _LEFT,
            low + _BOTTOM - 6,
            f"across: {short(chart.x_label)}, down: {short(chart.y_label)}",
        )
    )
    return picture(max(width, _LEFT + 200), low + _BOTTOM, *parts)


def _cell(x: float, y: float, size: float, share: float, value: str, title: str) -> list[Markup]:
    light = round(97 - 62 * min(1.0, share))
    box: dict[str, str | float] = {
        "x": x, "y": y, "width": size - 1, "height": size - 1, "fill": f"hsl(265 55% {light}%)",
    }  # fmt: skip
    parts = [element("rect", box, element("title", {}, title))]
    if size >= 24:
        colour = "#fff" if light < 60 else "#222"
        middle = text(x + size / 2, y + size / 2 + 4, value, text_anchor="middle", fill=colour)
        parts.append(middle)
    return parts
