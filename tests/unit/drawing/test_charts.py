"""Charts of any values: a page is well formed, and nothing in data becomes markup."""

import math
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfs.drawing.axes import Axis, tick_values
from vfs.drawing.chart import MAX_POINTS, TEMPLATES, Chart, Series
from vfs.drawing.draw import draw
from vfs.drawing.page import figure, page, problem
from vfs.drawing.svg import element
from vfs.drawing.thin import smoothed, thinned

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]>",
    "javascript:alert(1)",
    "\0\x1b[2J",
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.sampled_from(HOSTILE),
    st.floats().map(str), st.lists(st.integers(), max_size=2), st.just({"a": 1}),
)  # fmt: skip
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "figure", "figcaption", "ul", "li",
    "svg", "text", "line", "polyline", "circle", "rect", "polygon",
}  # fmt: skip


class Checked(HTMLParser):
    """Fails on an element or attribute that is not ours."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, _ in attrs:
            assert not name.startswith("on"), name
            assert name not in ("href", "src"), name


def check(html: str) -> None:
    Checked().feed(html)
    body = html[html.index("<body>") : html.index("</html>")]
    ElementTree.fromstring(body)  # no element is left open


@settings(deadline=None)
@given(
    st.sampled_from((*TEMPLATES, "own.json")),
    st.lists(st.tuples(st.text(max_size=9), st.lists(st.tuples(VALUES, VALUES), max_size=9)), max_size=4),
    st.sampled_from(HOSTILE),
)  # fmt: skip
def test_any_values(
    template: str, series: list[tuple[str, list[tuple[Any, Any]]]], words: str
) -> None:
    chart = Chart(words, template, words, words, [Series(g, words, p) for g, p in series])
    drawn = draw(chart)
    html = page(words, figure(words, drawn.picture, notes=drawn.notes), problem(words))
    check(html)


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_draws(template: str) -> None:
    points = [(float(i % 3), float(i % 2)) for i in range(20)]
    drawn = draw(Chart("t", template, "x", "y", [Series("HEAD", "", points)]))
    assert "<svg" in drawn.picture
    assert drawn.notes == ()


def test_numbers_in_texts_are_numbers() -> None:
    axis = Axis.over(["1", "2.5", "10"], 0, 100)
    assert not axis.names
    assert axis.at("10") == 100


def test_many_points_are_thinned_and_said() -> None:
    points = [(i, float(i == 77_777)) for i in range(100_000)]
    chart = Chart("t", "linear", "x", "y", [Series("HEAD", "", points)])
    kept = thinned(points, MAX_POINTS, line=True)
    assert (77_777, 1.0) in kept  # a peak stays
    assert kept == sorted(kept)
    drawn = draw(chart)
    assert drawn.notes == (f"HEAD: {len(kept)} of 100000 points are drawn",)
    assert len(drawn.picture) < 400_000


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=99), st.integers(5, 30))
def test_thinned(points: list[tuple[float, float]], most: int) -> None:
    for line in (True, False):
        kept = thinned(points, most, line=line)
        assert len(kept) <= most
        assert len(kept) == len(points) or len(points) > most


@settings(deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_ticks_lie_between(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    if low == high:
        return
    found = tick_values(low, high)
    assert 1 <= len(found) <= 12
    slack = max(abs(low), abs(high)) * 1e-9
    assert all(low - slack <= tick <= high + slack and math.isfinite(tick) for tick in found)


def test_ticks_are_round() -> None:
    assert tick_values(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert tick_values(3, 97) == [20, 40, 60, 80]


def test_a_straight_line_is_smooth_already() -> None:
    points = [(float(x), 3.0 * x) for x in range(50)]
    assert all(
        math.isclose(h, 3.0 * x, abs_tol=1e-6)
        for h, (x, _) in zip(smoothed(points), points, strict=True)
    )


@settings(deadline=None)
@given(st.text())
def test_text_is_only_text(words: str) -> None:
    made = element("text", {"title": words}, words)
    parsed = ElementTree.fromstring(made)
    assert len(parsed) == 0
    assert set(parsed.attrib) == {"title"}
