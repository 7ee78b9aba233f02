"""Percentiles of durations."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.metrics import Histogram

DURATIONS = st.lists(st.floats(1e-5, 300), min_size=1, max_size=200)


@given(DURATIONS, st.sampled_from([50, 90, 99, 100]))
def test_percentiles_are_right_to_one_bucket(durations: list[float], percent: int) -> None:
    counted = Histogram()
    for duration in durations:
        counted.add(duration)
    ordered = sorted(durations)
    exact = ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
    assert exact / 1.1 <= counted.percentile(percent) <= exact * 1.1


def test_nothing_and_extremes() -> None:
    counted = Histogram()
    assert counted.percentile(50) == 0.0
    for seconds in (0.0, -1.0, 1e9):
        counted.add(seconds)
    assert counted.percentile(1) < 1e-4
    assert counted.percentile(99) > 300


@given(st.floats(0.001, 0.1), st.floats(2, 50))
def test_what_was_seen_lately_counts_more(before: float, factor: float) -> None:
    counted = Histogram(keep=100)
    for _ in range(1000):
        counted.add(before)
    assert counted.count <= 100
    for _ in range(100):
        counted.add(before * factor)
    assert counted.percentile(50) > before * factor / 1.1
