"""Runs of blocks."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.ranges import (
    block_count,
    block_length,
    blocks_of,
    coalesce,
    run_length,
    without,
)
from vfs.types import BLOCK_SIZE

sizes = st.integers(1, 40 * BLOCK_SIZE)
runs = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda t: range(t[0], t[0] + t[1]))


@given(sizes, st.data())
def test_blocks_cover_exactly_the_bytes(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    run = blocks_of(start, end)
    assert run.start * BLOCK_SIZE <= start < (run.start + 1) * BLOCK_SIZE
    assert (run.stop - 1) * BLOCK_SIZE < end <= run.stop * BLOCK_SIZE


@given(sizes)
def test_lengths_add_up(size: int) -> None:
    everything = range(block_count(size))
    assert sum(block_length(size, block) for block in everything) == size
    assert run_length(size, everything) == size
    assert run_length(size, range(0)) == 0


def test_nothing_touches_no_block() -> None:
    assert not blocks_of(5, 5)
    assert block_count(0) == 0


@given(st.sets(st.integers(0, 200)), st.integers(1, 20))
def test_coalesced_runs_are_the_blocks(blocks: set[int], longest: int) -> None:
    found = list(coalesce(sorted(blocks), longest))
    assert [block for run in found for block in run] == sorted(blocks)
    assert all(0 < len(run) <= longest for run in found)
    for left, right in pairwise(found):
        assert left.stop < right.start or len(left) == longest, "neighbours share a run"


@given(runs, runs)
def test_without_is_set_difference(run: range, taken: range) -> None:
    left = without(run, taken)
    assert [block for part in left for block in part] == sorted(set(run) - set(taken))
    assert all(left)
