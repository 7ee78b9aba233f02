"""Lines and points over two axes: `linear`, `simple`, `smooth`, `scatter`, `scatter_jitter`."""

import math
from collections.abc import Sequence
from typing import Any

from vfs.drawing.axes import Axis, number, short
from vfs.drawing.chart import (
    MAX_POINTS,
    Chart,
    Drawing,
    Point,
    Series,
    colours,
    dashes,
    plain,
    with_legend,
)
from vfs.drawing.svg import Markup, element, line, picture, text
from vfs.drawing.thin import smoothed, thinned

WIDTH, HEIGHT = 620.0, 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 14.0, 12.0, 52.0
_GOLDEN = 0.6180339887498949


def draw_lines(chart: Chart) -> Drawing:
    """Draw series as lines or points."""
    scatter = chart.template.startswith("scatter")
    drawn = [_sorted(thinned(one.points, MAX_POINTS, line=not scatter)) for one in chart.series]
    across = Axis.over([x for points in drawn for x, _ in points], _LEFT, WIDTH - _RIGHT)
    up = Axis.over([y for points in drawn for _, y in points], HEIGHT - _BOTTOM, _TOP)
    parts: list[Markup] = _frame(chart, across, up)
    colour, dash = colours(chart), dashes(chart)
    jitter = 0.7 if chart.template == "scatter_jitter" else 0.0
    for series, points in zip(chart.series, drawn, strict=True):
        style = colour[series.group], dash[series.name]
        placed = _placed(points, across, up, jitter)
        if not scatter:
            smooth = chart.template == "smooth" and not across.names and not up.names
            parts += _smooth(placed, style) if smooth else [_polyline(placed, style, 1.0)]
        parts += _dots(series, placed, style[0], scatter or len(placed) <= 60)
    return Drawing(with_legend(picture(WIDTH, HEIGHT, *parts), chart), _notes(chart, drawn))


def _sorted(points: list[Point]) -> list[Point]:
    """By x, where all x are numbers; else as they come."""
    keys = [number(x) for x, _ in points]
    if any(key is None for key in keys):
        return points
    return [points[place] for place in sorted(range(len(points)), key=lambda p: keys[p] or 0.0)]


_Placed = list[tuple[float, float, Any, Any]]
"""Pixels of a point, and its values."""


def _placed(points: Sequence[Point], across: Axis, up: Axis, jitter: float) -> _Placed:
    """Where points are; those of categories are spread by `jitter` of a category's width, the same way each time."""
    found: _Placed = []
    for place, (x, y) in enumerate(points):
        at, height = across.at(x), up.at(y)
        if at is None or height is None:
            continue
        if jitter:
            at += _spread(across, place * _GOLDEN) * jitter
            height += _spread(up, place * _GOLDEN * _GOLDEN) * jitter
        found.append((at, height, x, y))
    return found


def _spread(axis: Axis, turn: float) -> float:
    width = abs(axis.end - axis.start) / len(axis.names) if axis.names else 0.0
    return (math.modf(turn)[0] - 0.5) * width


def _polyline(placed: _Placed, style: tuple[str, str], opacity: float) -> Markup:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in placed)
    attributes: dict[str, str | float] = {
        "points": where, "fill": "none", "stroke": style[0], "stroke-width": 1.6, "opacity": opacity,
    }  # fmt: skip
    if style[1]:
        attributes["stroke-dasharray"] = style[1]
    return element("polyline", attributes)


def _smooth(placed: _Placed, style: tuple[str, str]) -> list[Markup]:
    """The curve through the points, over the faint line of them."""
    heights = smoothed([(x, y) for x, y, _, _ in placed])
    curve = [
        (p[0], min(HEIGHT, max(0.0, h)), p[2], p[3]) for p, h in zip(placed, heights, strict=True)
    ]
    return [_polyline(placed, style, 0.25), _polyline(curve, style, 1.0)]


def _dots(series: Series, placed: _Placed, colour: str, seen: bool) -> list[Markup]:
    """Each point with its values; unseen ones show when the pointer is over them."""
    dots = []
    for x, y, across, up in placed:
        title = element("title", {}, f"{series.label}: {plain(across)}, {plain(up)}")
        look: dict[str, str | float] = {"cx": x, "cy": y, "r": 3.0, "fill": colour}
        dots.append(element("circle", look if seen else {**look, "class": "h"}, title))
    return dots


def _frame(chart: Chart, across: Axis, up: Axis) -> list[Markup]:
    """Axes, ticks and their words."""
    low, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    turned = bool(across.names) and len(across.names) > 6
    for x, words in across.ticks():
        parts.append(line(x, _TOP, x, low, stroke="#eee"))
        turn = {"transform": f"rotate(-30 {x:.1f} {low + 14:.1f})"} if turned else {}
        anchor = "end" if turned else "middle"
        shown = words if not turned else short(words)[:10]
        parts.append(text(x, low + 14, shown, text_anchor=anchor, fill="#555", **turn))
    for y, words in up.ticks():
        parts.append(line(_LEFT, y, right, y, stroke="#eee"))
        parts.append(text(_LEFT - 6, y + 4, words[:12], text_anchor="end", fill="#555"))
    parts.append(line(_LEFT, low, right, low, stroke="#888"))
    parts.append(line(_LEFT, _TOP, _LEFT, low, stroke="#888"))
    middle = (_LEFT + right) / 2
    parts.append(text(middle, HEIGHT - 8, short(chart.x_label), text_anchor="middle"))
    height = (_TOP + low) / 2
    turn_left = f"rotate(-90 12 {height:.1f})"
    parts.append(text(12, height, short(chart.y_label), text_anchor="middle", transform=turn_left))
    return parts


def _notes(chart: Chart, drawn: Sequence[Sequence[Point]]) -> tuple[str, ...]:
    """What was left out."""
    return tuple(
        f"{series.label}: {len(points)} of {len(series.points)} points are drawn"
        for series, points in zip(chart.series, drawn, strict=True)
        if len(points) < len(series.points)
    )
