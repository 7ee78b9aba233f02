"""Plots of several revisions: as charts, as a page, as JSON.

Rule: pure. JSON has the shape of `dvc plots show --json --split` without Vega's templates.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vfs.drawing import svg
from vfs.drawing.chart import Chart, Series
from vfs.drawing.draw import draw
from vfs.drawing.page import figure, page, problem
from vfs.drawing.svg import Markup, element
from vfs.values.datapoints import Plot, Points, Row

MAX_IMAGE = 8 * 1024 * 1024
"""Bytes of an image that a page holds."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of one revision; `data` is None if it is larger than a page holds."""

    revision: str
    mime: str
    data: bytes | None
    size: int

    @property
    def url(self) -> str:
        """The whole of it, as a URL. In an `<img>` no script of it runs."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data or b'').decode()}"


@dataclass(slots=True)
class Shown:
    """A plot with what revisions have for it."""

    plot: Plot
    points: dict[str, Points] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What stands above it."""
        return str(self.plot.properties.get("title") or self.plot.id)

    @property
    def first(self) -> Points:
        """The first revision's that has any: it names the axes."""
        return next((points for points in self.points.values() if points.rows), Points())


def chart(shown: Shown) -> Chart:
    """A plot as a chart."""
    rows = _rows(shown)
    series: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    first = shown.first
    for row in rows:
        name = next((row[key] for key in ("filename", "field", _BOTH) if key in row), "")
        x, y = row.get(first.x), row.get(first.y) if first.y is not None else None
        series.setdefault((row["rev"], name), []).append((x, y))
    return Chart(
        shown.title,
        _template(shown.plot),
        first.x_label or "",
        first.y_label or "",
        [Series(revision, name, points) for (revision, name), points in series.items()],
    )


def _template(plot: Plot) -> str:
    return str(plot.properties.get("template") or "linear").removesuffix(".json")


_BOTH = "filename::field"


def _rows(shown: Shown) -> list[Row]:
    """The records of all revisions, with `filename`, `field` or both in one where there are several."""
    rows = [row for points in shown.points.values() for row in points.rows]
    many = [key for key in ("filename", "field") if len({row[key] for row in rows}) > 1]
    made = []
    for row in rows:
        kept = {key: value for key, value in row.items() if key not in ("filename", "field")}
        name = "::".join(row[key] for key in many)
        made.append(kept | ({"::".join(many): name} if many else {}))
    return made


def html(title: str, plots: Sequence[Shown], problems: Sequence[str]) -> str:
    """A page of all plots; what is wrong stands on top of it."""
    figures = [_images(shown) if shown.plot.is_image else _chart(shown) for shown in plots]
    return page(title, *map(problem, problems), *figures)


def _chart(shown: Shown) -> Markup:
    drawing = draw(chart(shown))
    return figure(shown.title, drawing.picture, notes=drawing.notes)


def _images(shown: Shown) -> Markup:
    parts: list[Markup] = []
    for image in shown.images:
        if image.data is None:
            words = f"{image.revision}: {image.size} bytes, more than the {MAX_IMAGE} a page holds"
            parts.append(problem(words))
        else:
            caption = element("figcaption", {}, image.revision)
            parts += [svg.image(image.url, image.revision), caption]
    return figure(shown.title, *parts)


def document(plots: Sequence[Shown]) -> Mapping[str, Any]:
    """All plots for programs."""
    return {shown.plot.id: _document(shown) for shown in plots}


def _document(shown: Shown) -> list[dict[str, Any]]:
    if shown.plot.is_image:
        return [
            {"type": "image", "revisions": [image.revision], "url": image.url}
            for image in shown.images
            if image.data is not None
        ]
    revisions = [revision for revision, points in shown.points.items() if points.rows]
    if not revisions:
        return []
    first = shown.first
    anchors = {
        "<DVC_METRIC_TITLE>": shown.title,
        "<DVC_METRIC_X_LABEL>": first.x_label,
        "<DVC_METRIC_Y_LABEL>": first.y_label,
        "<DVC_METRIC_DATA>": _rows(shown),
    }
    named = {"x": first.x, "y": first.y, "template": _template(shown.plot)}
    return [{"type": "vega", "revisions": revisions, **named, "anchor_definitions": anchors}]
