"""Horizontal bars: `bar_horizontal`, `bar_horizontal_sorted`. x is a number, y says which bar."""

from vfs.drawing.axes import Axis, number, short
from vfs.drawing.chart import Chart, Drawing, colours, plain, with_legend
from vfs.drawing.svg import Markup, element, line, picture, text

_MOST = 200
_BAR = 14.0
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 620.0, 170.0, 14.0, 8.0, 44.0


def draw_bars(chart: Chart) -> Drawing:
    """Draw the bars of all series, those of one y side by side."""
    values: dict[str, dict[int, float]] = {}
    for number_of, series in enumerate(chart.series):
        for x, y in series.points:
            length = number(x)
            if length is not None:
                values.setdefault(str(y), {})[number_of] = length
    names = list(values)
    if chart.template.endswith("_sorted"):
        names.sort(key=lambda name: -max(values[name].values()))
    shown = names[:_MOST]
    lengths = [length for name in shown for length in values[name].values()]
    across = Axis.over([0.0, *lengths], _LEFT, _WIDTH - _RIGHT)
    row = _BAR * len(chart.series) + 8
    low = _TOP + row * len(shown)
    parts = _frame(chart, across, low)
    zero = across.at(0.0) or _LEFT
    colour = colours(chart)
    for place, name in enumerate(shown):
        top = _TOP + row * place + 4
        parts.append(text(_LEFT - 6, top + row / 2, short(name), text_anchor="end", fill="#555"))
        for number_of, length in values[name].items():
            series = chart.series[number_of]
            end = across.at(length) or zero
            box: dict[str, str | float] = {
                "x": min(zero, end), "y": top + _BAR * number_of, "width": abs(end - zero),
                "height": _BAR - 2, "fill": colour[series.group],
            }  # fmt: skip
            title = element("title", {}, f"{series.label}: {name}: {plain(length)}")
            parts.append(element("rect", box, title))
    left_out = len(names) - len(shown)
    notes = (f"{left_out} of {len(names)} bars are left out",) if left_out else ()
    return Drawing(with_legend(picture(_WIDTH, low + _BOTTOM, *parts), chart), notes)


def _frame(chart: Chart, across: Axis, low: float) -> list[Markup]:
    parts = []
    for x, words in across.ticks():
        parts.append(line(x, _TOP, x, low, stroke="#eee"))
        parts.append(text(x, low + 14, words, text_anchor="middle", fill="#555"))
    parts.append(line(_LEFT, _TOP, _LEFT, low, stroke="#888"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(text(middle, low + 34, short(chart.x_label), text_anchor="middle"))
    return parts
