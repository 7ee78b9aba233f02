"""When a request is late, and how many are sent twice."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.hedging import FLOOR, RESERVE, WARM_UP, Allowance, Lateness, link_is_slow, size_class

SECONDS = st.floats(1e-4, 20)


@given(st.lists(SECONDS, max_size=WARM_UP - 1))
def test_nothing_is_late_before_enough_is_known(durations: list[float]) -> None:
    lateness = Lateness()
    for each in durations:
        lateness.add(each)
    assert lateness.after == math.inf


@given(st.lists(SECONDS, min_size=WARM_UP, max_size=300))
def test_late_is_behind_nearly_all(durations: list[float]) -> None:
    lateness = Lateness()
    for each in durations:
        lateness.add(each)
    settled = durations[: len(durations) // 16 * 16] if len(durations) > 64 else durations
    assert FLOOR <= lateness.after <= max(FLOOR, 4.4 * max(durations))
    if len(settled) == WARM_UP:
        assert lateness.after >= max(durations) / 1.1


@given(st.floats(1e-3, 1), st.integers(2, 100))
def test_a_link_that_slows_down_is_followed(usual: float, factor: int) -> None:
    lateness = Lateness()
    for _ in range(1000):
        lateness.add(usual)
    for _ in range(64):
        lateness.add(usual * factor)
    assert lateness.after >= usual * factor / 1.1


@given(st.floats(0.01, 0.5), st.integers(0, 2000))
def test_second_requests_are_a_share(share: float, requests: int) -> None:
    """Whenever one is wanted for every request, as when all of them stall."""
    allowance, sent = Allowance(share), 0
    for _ in range(requests):
        allowance.earn()
        sent += allowance.take()
    assert sent <= share * requests + 1.0001


def test_the_reserve_is_bounded() -> None:
    allowance = Allowance(0.05)
    for _ in range(100_000):
        allowance.earn()
    assert sum(allowance.take() for _ in range(1000)) == RESERVE


def test_a_slow_link_is_no_slow_connection() -> None:
    assert not link_is_slow(1, 1)
    assert not link_is_slow(3, 3)
    assert not link_is_slow(8, 16)
    assert link_is_slow(9, 16)


def test_sizes_are_told_apart() -> None:
    assert [size_class(each) for each in (1, 64 << 10, (64 << 10) + 1, 1 << 20, None)] == [
        0,
        0,
        1,
        1,
        2,
    ]
