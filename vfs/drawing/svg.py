"""Elements of SVG and HTML.

Rule: this is the only place that writes markup. Text, and every value of an attribute, is escaped here; only what is
`Markup` already goes in as it is. So no text of a repository can become an element.
"""

import html
import re
from collections.abc import Iterable, Mapping

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is markup: made in this module alone."""

    __slots__ = ()


Attributes = Mapping[str, str | float]


def element(tag: str, attributes: Attributes, *inside: str) -> Markup:
    """An element; what it holds is escaped unless it is markup. `tag` and the names of attributes are ours."""
    pairs = "".join(f' {name}="{_value(value)}"' for name, value in attributes.items())
    return Markup(f"<{tag}{pairs}>{joined(inside)}</{tag}>")


def image(url: str, words: str) -> Markup:
    """A picture; `words` stand for it where it cannot be seen."""
    return Markup(f'<img src="{escaped(url)}" alt="{escaped(words)}"/>')


def joined(parts: Iterable[str]) -> Markup:
    """Parts one after the other, each escaped unless it is markup."""
    return Markup("".join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def escaped(text: str) -> str:
    """Text without any character that means something to a browser, or nothing to anybody."""
    return html.escape(_NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def _value(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escaped(str(value))


def text(x: float, y: float, words: str, **attributes: str | float) -> Markup:
    """A text at a place; underscores in names of attributes are hyphens."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return element("text", {"x": float(x), "y": float(y), **named}, words)


def line(x: float, y: float, to_x: float, to_y: float, **attributes: str | float) -> Markup:
    """A straight line."""
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    ends = {"x1": float(x), "y1": float(y), "x2": float(to_x), "y2": float(to_y)}
    return element("line", {**ends, **named})


def picture(width: float, height: float, *inside: str) -> Markup:
    """A whole SVG of some pixels, as a part of a page."""
    size = {"width": float(width), "height": float(height)}
    view = f"0 0 {width:g} {height:g}"
    return element("svg", {"viewBox": view, "role": "img", **size}, *inside)
