"""Fewer points that look the same."""

from collections.abc import Sequence

from vfs.drawing.axes import number
from vfs.drawing.chart import Point


def thinned(points: Sequence[Point], most: int, *, line: bool) -> list[Point]:
    """At most `most` of the points, in their order: of a line the extremes of each stretch, else evenly chosen ones."""
    if len(points) <= most:
        return list(points)
    if not line:
        return [points[place * len(points) // most] for place in range(most)]
    buckets = max(1, (most - 2) // 2)
    kept = [0]
    for bucket in range(buckets):
        start, end = (len(points) * edge // buckets for edge in (bucket, bucket + 1))
        heights = [(number(points[place][1]), place) for place in range(start, end)]
        there = [(height, place) for height, place in heights if height is not None]
        if there:
            kept += sorted({min(there)[1], max(there)[1]})
    kept.append(len(points) - 1)
    return [points[place] for place in dict.fromkeys(kept)]


def smoothed(points: Sequence[tuple[float, float]], share: float = 0.3) -> list[float]:
    """Heights of a curve through points sorted by x: at each, a straight line through its neighbours, near ones first."""
    count = len(points)
    near = min(count, max(3, round(share * count)))
    heights = []
    first = 0
    for x, y in points:
        while first + near < count and points[first + near][0] - x < x - points[first][0]:
            first += 1
        window = points[first : first + near]
        widest = max(abs(window[0][0] - x), abs(window[-1][0] - x))
        heights.append(_at(window, x, widest) if widest and near >= 3 else y)
    return heights


def _at(window: Sequence[tuple[float, float]], x: float, widest: float) -> float:
    """The weighted straight line through a window, at x."""
    total = first = second = height = slope = 0.0
    for at, value in window:
        distance = (at - x) / widest
        weight = (1 - min(1.0, abs(distance)) ** 3) ** 3
        total += weight
        first += weight * distance
        second += weight * distance * distance
        height += weight * value
        slope += weight * distance * value
    spread = total * second - first * first
    if spread <= 1e-12 * total * total:
        return height / total
    return (second * height - first * slope) / spread
