"""Histograms: what is shown of them is exact for their bounds."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vfs.metrics import BOUNDS, Distribution, Histogram

durations = st.lists(st.floats(0, 1000) | st.sampled_from(BOUNDS), max_size=100)


def _made(of: list[float]) -> Distribution:
    histogram = Histogram()
    for seconds in of:
        histogram.add(seconds)
    return histogram.distribution()


@given(durations)
def test_each_duration_is_in_its_bucket(of: list[float]) -> None:
    made = _made(of)
    for number, bound in enumerate(BOUNDS):
        assert sum(made.counts[: number + 1]) == sum(seconds <= bound for seconds in of)
    assert made.number == len(of)
    assert math.isclose(made.seconds, math.fsum(of), abs_tol=1e-9)


@given(durations, durations)
def test_what_came_since(before: list[float], after: list[float]) -> None:
    since = _made(before + after).since(_made(before))
    assert since.counts == _made(after).counts


@given(durations.filter(bool), st.integers(1, 100))
def test_percentiles_are_upper_bounds(of: list[float], percent: int) -> None:
    bound = _made(of).percentile(percent)
    exact = sorted(of)[math.ceil(len(of) * percent / 100) - 1]
    assert exact <= bound
    assert bound <= max(2 * exact, BOUNDS[0]) or exact > BOUNDS[-1]


def test_nothing_has_no_percentile() -> None:
    assert _made([]).percentile(99) == 0.0
