"""A graph as SVG, where `layered` puts its boxes."""

from collections.abc import Iterable, Sequence

from vfs.drawing.layered import BOX_HEIGHT, layout
from vfs.drawing.svg import Markup, element, line, picture, text

_WIDE, _HIGH = 8.0, 13.0


def graph(labels: Sequence[str], edges: Iterable[tuple[int, int]]) -> Markup:
    """A picture of a graph without cycles."""
    drawn = layout(labels, edges)
    parts: list[Markup] = []
    for x, y, to_x, to_y in drawn.segments:
        ends = ((x + 0.5) * _WIDE, (y + 0.5) * _HIGH, (to_x + 0.5) * _WIDE, (to_y + 0.5) * _HIGH)
        parts.append(line(*ends, stroke="#888", stroke_width=1.5, stroke_linecap="round"))
    for x, y in drawn.knots:
        place = {"cx": (x + 0.5) * _WIDE, "cy": (y + 0.5) * _HIGH, "r": 2.5}
        parts.append(element("circle", {**place, "fill": "#888"}))
    for x, y in drawn.heads:
        tip, top = (x + 0.5) * _WIDE, (y + 1) * _HIGH
        points = f"{tip - 4:.1f},{top - 5:.1f} {tip + 4:.1f},{top - 5:.1f} {tip:.1f},{top + 4:.1f}"
        parts.append(element("polygon", {"points": points, "fill": "#888"}))
    for box in drawn.boxes:
        shape: dict[str, str | float] = {
            "x": box.x * _WIDE, "y": box.y * _HIGH + 4, "width": box.width * _WIDE,
            "height": BOX_HEIGHT * _HIGH - 8, "rx": 6.0, "fill": "#f4effb", "stroke": "#945dd6",
        }  # fmt: skip
        parts.append(element("rect", shape))
        middle = (box.x + box.width / 2) * _WIDE
        label = text(
            middle, (box.y + BOX_HEIGHT / 2) * _HIGH + 4, labels[box.node], text_anchor="middle"
        )
        parts.append(label)
    return picture(drawn.width * _WIDE + 1, drawn.height * _HIGH + 1, *parts)
