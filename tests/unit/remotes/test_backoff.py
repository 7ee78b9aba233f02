from hypothesis import given
from hypothesis import strategies as st

from vfs.remotes.backoff import Backoff, Pace

CHANCE = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10**6), CHANCE)
def test_delay_is_full_jitter_below_a_growing_bound(attempt: int, chance: float) -> None:
    backoff = Backoff(base=0.5, cap=30.0)
    bound = min(30.0, 0.5 * 2.0 ** min(attempt - 1, 60))
    assert 0 <= backoff.delay(attempt, chance) == chance * bound
    assert backoff.delay(attempt, 0.0) == 0.0


@given(st.integers(1, 100), CHANCE, st.floats(0, 60))
def test_what_the_server_asked_for_is_never_undercut(
    attempt: int, chance: float, asked: float
) -> None:
    assert Backoff().delay(attempt, chance, asked) >= asked


def test_pace_of_a_dripping_stream() -> None:
    pace = Pace(window=10.0, minimum=100, now=0.0)
    assert [pace.stalled(1, t) for t in (1.0, 5.0, 10.0, 10.5)] == [False, False, False, True]


def test_pace_of_a_slow_but_moving_stream() -> None:
    pace = Pace(window=10.0, minimum=100, now=0.0)
    assert not any(pace.stalled(60, t * 4.0) for t in range(100))


@given(st.lists(st.tuples(st.integers(100, 10**7), st.floats(0, 1e6)), max_size=30))
def test_pace_never_leaves_a_stream_that_moves_enough_at_once(
    moves: list[tuple[int, float]],
) -> None:
    pace, now = Pace(window=1.0, minimum=100, now=0.0), 0.0
    for count, gap in moves:
        now += gap
        assert not pace.stalled(count, now)
