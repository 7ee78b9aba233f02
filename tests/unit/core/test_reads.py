"""What a program opened, and when to guess what comes."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.reads import ASTRAY, FIRST, MOST, STRIDE, Reads, goes_on


def test_guesses_are_rarer_and_rarer_and_none_is_due_while_one_is_followed() -> None:
    reads, due = Reads(), []
    for inode in range(2000):
        assert reads.touch(inode)
        assert not reads.touch(inode)
        if reads.guess_now():
            due.append(len(reads.touches))
    assert due[:6] == [FIRST, 8, 16, 32, 64, 128]
    assert max(b - a for a, b in pairwise(due)) == STRIDE
    reads.begin()
    for inode in range(2000, 4000):
        reads.touch(inode)
        assert not reads.guess_now()
    reads.end()
    assert reads.guess_now()


def test_a_guess_survives_what_is_astray_now_and_then() -> None:
    reads = Reads()
    reads.begin()
    for _ in range(5):
        assert all(reads.foretold(False) for _ in range(ASTRAY))
        assert reads.foretold(True)
    assert [reads.foretold(False) for _ in range(ASTRAY + 1)][-1] is False


def test_no_more_is_remembered_than_agreed() -> None:
    reads = Reads()
    for inode in range(MOST + 10):
        reads.touch(inode)
    assert len(reads.touches) == MOST


@given(st.lists(st.integers(0, 9), max_size=8), st.lists(st.integers(0, 9), max_size=30))
def test_a_series_goes_on_behind_the_last_that_was_found(
    touched: list[int], foretold: list[int]
) -> None:
    at = goes_on(touched, foretold, 12)
    assert 0 <= at <= min(12, len(foretold))
    rest = iter(foretold[:at])
    if at:
        assert all(inode in rest for inode in touched)
        assert foretold[at - 1] == touched[-1]
