"""A rate is kept, whatever is asked for and when."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.bucket import BURST, Bucket

STEPS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 100_000)), min_size=1, max_size=100)


@given(STEPS, st.integers(16_384, 10**8))
def test_no_more_than_the_rate_and_one_burst(steps: list[tuple[float, int]], rate: int) -> None:
    bucket, now, moved, largest = Bucket(rate, 0.0), 0.0, 0, 0
    for pause, size in steps:
        now += pause
        largest = max(largest, size)
        if bucket.wait(now, size) == 0:
            bucket.take(size)
            moved += size
        assert moved <= rate * (now + BURST) + largest


@given(STEPS, st.integers(16_384, 10**8))
def test_who_waits_as_long_as_told_may_go(steps: list[tuple[float, int]], rate: int) -> None:
    bucket, now, moved = Bucket(rate, 0.0), 0.0, 0
    for _, size in steps:
        now += bucket.wait(now, size)
        assert bucket.wait(now, size) < 1e-6
        bucket.take(size)
        moved += size
    assert moved >= rate * now * 0.999 - 1  # nothing is lost by waiting


def test_what_did_not_move_is_there_again() -> None:
    bucket = Bucket(1000, 0.0)
    bucket.take(100)
    bucket.give_back(100)
    assert bucket.wait(0.1, 100) == 0
