"""Which GETs and windows are asked for."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.gets import PART_BLOCKS, STRETCH_BLOCKS, WHOLE_SIZE, gets, stretches
from vfs.core.ranges import block_count
from vfs.core.windows import MOST_AHEAD, claim
from vfs.types import BLOCK_SIZE


@given(st.integers(1, 600 * BLOCK_SIZE), st.sets(st.integers(0, 599)))
def test_gets_bring_what_is_lacking(size: int, lacking: set[int]) -> None:
    count = block_count(size)
    wanted = sorted(block for block in lacking if block < count)
    runs = [*gets(size, wanted)]
    brought = [block for run in runs for block in run]
    assert brought == sorted(set(brought)), "each once, in order"
    if size <= WHOLE_SIZE:
        assert brought == (list(range(count)) if wanted else [])
        return
    assert brought == wanted
    assert all(len(run) <= PART_BLOCKS for run in runs)
    assert all(run.start // STRETCH_BLOCKS == (run.stop - 1) // STRETCH_BLOCKS for run in runs)


@given(st.integers(0, 1000), st.integers(0, 500))
def test_stretches(count: int, first: int) -> None:
    assert [b for run in stretches(count, first) for b in run] == list(range(first, count))


def test_a_reader_that_goes_on_gets_more_windows_each_time() -> None:
    held: set[int] = set()
    sizes, ahead, at = [], 1, 0
    while at < 40:
        run, ahead = claim(at, at, ahead, held.__contains__, lambda n: False)
        held.update(run)
        sizes.append(len(run))
        at = run.stop
    assert sizes[:5] == [1, 2, 4, 8, 8]
    assert max(sizes) == MOST_AHEAD


def test_what_others_fetch_is_left_to_them() -> None:
    assert not claim(3, 4, 1, lambda n: False, {3}.__contains__).run
    assert claim(3, 6, 1, lambda n: False, {5}.__contains__).run == range(3, 5)
    assert claim(3, 4, 1, {3}.__contains__, lambda n: False).run.start == 4
