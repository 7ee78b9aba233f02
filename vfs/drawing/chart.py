"""Charts: what is drawn.

Templates are those of DVC by name; `vfs.drawing.draw` draws each, no library is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vfs.drawing.svg import Markup, element, joined

COLOURS = (
    "#945dd6", "#13adc7", "#f46837", "#48bb78", "#4c78a8", "#b279a2",
    "#e45756", "#d6a100", "#72b7b2", "#9d755d", "#54a24b", "#333333",
)  # fmt: skip
DASHES = ("", "6 4", "2 3", "8 3 2 3", "12 4")
TEMPLATES = (
    "linear", "simple", "scatter", "scatter_jitter", "smooth", "confusion",
    "confusion_normalized", "bar_horizontal", "bar_horizontal_sorted",
)  # fmt: skip
MAX_POINTS = 1000
"""Points of a series that are drawn; of more, those that show its shape."""

Point = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one revision, of one field.

    Attributes:
        group: the revision, which gives the colour.
        name: the field, which gives the dashes; "" if there is one only.
        points: x and y, numbers or texts.
    """

    group: str
    name: str
    points: Sequence[Point]

    @property
    def label(self) -> str:
        """What it is called in the legend."""
        return f"{self.group}: {self.name}" if self.name else self.group


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw."""

    title: str
    template: str = "linear"
    x_label: str = ""
    y_label: str = ""
    series: Sequence[Series] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn chart, and what is to be said of it."""

    picture: Markup
    notes: tuple[str, ...] = ()


def colours(chart: Chart) -> dict[str, str]:
    """A colour for each revision."""
    groups = dict.fromkeys(series.group for series in chart.series)
    return {group: COLOURS[number % len(COLOURS)] for number, group in enumerate(groups)}


def dashes(chart: Chart) -> dict[str, str]:
    """Dashes for each field."""
    names = dict.fromkeys(series.name for series in chart.series)
    return {name: DASHES[number % len(DASHES)] for number, name in enumerate(names)}


def legend(chart: Chart) -> Markup:
    """Which line is what."""
    colour, dash = colours(chart), dashes(chart)
    rows = []
    for series in chart.series:
        stroke: dict[str, str | float] = {
            "x1": 0.0, "y1": 5.0, "x2": 24.0, "y2": 5.0,
            "stroke": colour[series.group], "stroke-width": 3.0,
        }  # fmt: skip
        if dash[series.name]:
            stroke["stroke-dasharray"] = dash[series.name]
        mark = element(
            "svg",
            {"width": 24.0, "height": 10.0, "style": "display:inline"},
            element("line", stroke),
        )
        rows.append(element("li", {}, mark, " " + series.label))
    return element("ul", {"class": "legend"}, *rows)


def plain(value: Any) -> str:
    """A value in a hover title."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def with_legend(picture: Markup, chart: Chart) -> Markup:
    """A picture and its legend."""
    return joined((picture, legend(chart)))
