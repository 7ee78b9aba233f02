"""Streams: what is fetched ahead of readers, for every history of reads."""

import itertools
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vfs.core.streams import KIB, MIB, Policy, StreamTable

HUGE = 1 << 40


def read(
    table: StreamTable, offset: int, length: int, *, stalled: bool = True, ceiling: int = HUGE
) -> range:
    """What one read asks for ahead, of readers who walk on: one range at most."""
    told = table.observe(offset, length, stalled=stalled, ceiling=ceiling)
    assert len(told) <= 1
    return told[0] if told else range(0)


def walk(table: StreamTable, start: int, step: int, count: int, *, stalled: bool) -> list[range]:
    return [read(table, start + i * step, step, stalled=stalled) for i in range(count)]


def test_one_read_fetches_nothing_ahead() -> None:
    assert not StreamTable(HUGE).observe(0, 128 * KIB, stalled=True, ceiling=HUGE)


def test_second_read_in_order_opens_a_small_window() -> None:
    table = StreamTable(HUGE)
    first, second = walk(table, 0, 128 * KIB, 2, stalled=True)
    assert not first
    assert second == range(256 * KIB, 256 * KIB + MIB)


def test_reading_the_same_bytes_again_is_no_walk() -> None:
    table = StreamTable(HUGE)
    for _ in range(5):
        assert not table.observe(MIB, 4096, stalled=True, ceiling=HUGE)


def test_window_doubles_only_while_the_reader_stalls() -> None:
    stalling, content = StreamTable(HUGE), StreamTable(HUGE)
    wished = [r for r in walk(stalling, 0, 128 * KIB, 2000, stalled=True) if r]
    calm = [r for r in walk(content, 0, 128 * KIB, 2000, stalled=False) if r]
    assert max(map(len, calm)) <= MIB
    assert max(map(len, wished)) > 16 * MIB


def test_a_burst_of_parallel_reads_doubles_once() -> None:
    table = StreamTable(HUGE)
    walk(table, 0, 128 * KIB, 2, stalled=True)
    window = 256 * KIB + MIB
    burst = [read(table, window + i * 64 * KIB, 64 * KIB) for i in range(8)]
    reach = max(r.stop for r in burst if r)
    assert reach <= window + 8 * 64 * KIB + 2 * MIB


def test_small_skips_keep_the_stream_and_large_ones_leave_it() -> None:
    table = StreamTable(HUGE)
    walk(table, 0, 128 * KIB, 20, stalled=True)
    position = 20 * 128 * KIB
    skipped = table.observe(position + 512 * KIB, 128 * KIB, stalled=True, ceiling=HUGE)
    back = table.observe(position, 4 * KIB, stalled=False, ceiling=HUGE)
    assert skipped or back or table.flowing
    assert not table.observe(200 * MIB, 128 * KIB, stalled=True, ceiling=HUGE)


def test_kernel_requests_out_of_order_are_one_walk() -> None:
    table = StreamTable(HUGE)
    order = [1, 0, 3, 2, 5, 4, 7, 6]
    asked = [table.observe(i * 128 * KIB, 128 * KIB, stalled=True, ceiling=HUGE) for i in order]
    assert any(asked)


def test_interleaved_walks_each_have_a_window() -> None:
    table = StreamTable(HUGE)
    starts = [0, 100 * MIB, 350 * MIB, 400 * MIB]
    asked: dict[int, list[range]] = {start: [] for start in starts}
    for i in range(40):
        for start in starts:
            got = read(table, start + i * 128 * KIB, 128 * KIB)
            if got:
                asked[start].append(got)
    for start, ranges in asked.items():
        assert ranges
        assert all(start <= r.start and r.stop <= start + 40 * 128 * KIB + 64 * MIB for r in ranges)


def test_ceiling_bounds_what_lies_ahead() -> None:
    table = StreamTable(HUGE)
    for i in range(500):
        got = read(table, i * 128 * KIB, 128 * KIB, ceiling=2 * MIB)
        assert not got or got.stop <= (i + 1) * 128 * KIB + 2 * MIB


def test_what_failed_may_be_asked_for_again() -> None:
    table = StreamTable(HUGE)
    walk(table, 0, 128 * KIB, 2, stalled=True)
    table.retract(512 * KIB)
    again = read(table, 256 * KIB, 128 * KIB)
    assert again.start == 512 * KIB


@pytest.mark.parametrize("seed", range(8))
def test_pages_of_a_database_that_lie_near_by_chance_are_no_walk(seed: int) -> None:
    """Rows by an index: a few pages of 4 KiB each, anywhere in a file that has only 256 blocks."""
    block, made = 256 * KIB, random.Random(seed)
    table, touched, here = StreamTable(64 * MIB), set[int](), set[int]()
    for _ in range(400):
        offset = made.randrange(64 * MIB // 4096) * 4096
        stalled = offset // block not in here
        touched.add(offset // block)
        here.add(offset // block)
        for told in table.observe(offset, 4096, stalled=stalled, ceiling=HUGE):
            here.update(range(told.start // block, -(-told.stop // block)))
    assert len(here) <= 1.1 * len(touched)


def test_of_what_is_read_at_random_most_is_used() -> None:
    """A quarter of the blocks of 64 MiB, eight times."""
    block, fetched, wanted = 256 * KIB, 0, 0
    for seed in range(8):
        table, here = StreamTable(64 * MIB), set[int]()
        for number in random.Random(seed).sample(range(256), 64):
            stalled = number not in here
            here.add(number)
            wanted += 1
            for told in table.observe(number * block, block, stalled=stalled, ceiling=HUGE):
                here.update(range(told.start // block, -(-told.stop // block)))
        fetched += len(here)
    assert wanted / fetched >= 0.75


def test_small_reads_that_follow_each_other_are_a_walk() -> None:
    table = StreamTable(HUGE)
    asked = walk(table, 0, 4096, 3, stalled=True)
    assert any(asked)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60, unique=True), st.integers(0, 99))
def test_random_access_costs_exactly_what_it_asks_for(places: list[int], seed: int) -> None:
    table = StreamTable(HUGE)
    random.Random(seed).shuffle(places)
    steps = [b - a for a, b in itertools.pairwise(places)]
    assume(not any(a == b for a, b in itertools.pairwise(steps)))
    for place in places:
        assert not table.observe(place * 10 * MIB, 64 * KIB, stalled=True, ceiling=HUGE)
    assert not table.flowing


reads = st.lists(
    st.tuples(
        st.integers(0, 64 * MIB - 1),
        st.integers(1, 2 * MIB),
        st.booleans(),
        st.integers(256 * KIB, 128 * MIB),
        st.booleans(),
    ),
    max_size=80,
)


@given(reads)
def test_whatever_the_reads_are(history: list[tuple[int, int, bool, int, bool]]) -> None:
    size = 64 * MIB
    policy = Policy(streams=4)
    table = StreamTable(size, policy)
    end = 0
    for offset, length, stalled, ceiling, follow in history:
        offset = min(end, size - 1) if follow else offset
        end = min(offset + length, size)
        told = table.observe(offset, length, stalled=stalled, ceiling=ceiling)
        assert all(0 <= r.start < r.stop <= size for r in told)
        assert all(one.stop < other.start for one, other in itertools.pairwise(told))
        assert sum(map(len, told)) <= 2 * min(ceiling, policy.maximum)
        assert len(table._streams) <= policy.streams


@given(st.integers(1, 8), st.integers(32, 400), st.booleans())
def test_a_walk_never_asks_twice_and_misses_nothing(kib64: int, count: int, stalled: bool) -> None:
    step = kib64 * 64 * KIB
    table = StreamTable(HUGE)
    covered = 2 * step
    for got in walk(table, 0, step, count, stalled=stalled):
        if got:
            assert got.start >= covered - 2 * step
            assert got.start >= covered or covered == 2 * step
            covered = got.stop
    assert covered >= count * step - step


# -- what the jumps have in common ----------------------------------------------------------------


def play(table: StreamTable, starts: list[int], length: int, step: int) -> tuple[int, int, int]:
    """Read runs one after the other; returns (reads that waited, bytes fetched, bytes read) of a reader with a cache of everything."""
    here: list[range] = []
    waited = fetched = 0

    def fetch(piece: range) -> int:
        parts = [piece]
        for known in here:
            parts = [
                rest
                for part in parts
                for rest in (
                    range(part.start, min(part.stop, known.start)),
                    range(max(part.start, known.stop), part.stop),
                )
                if rest
            ]
        here.extend(parts)
        return sum(map(len, parts))

    for start in starts:
        for offset in range(start, start + length, step):
            new = fetch(range(offset, offset + step))
            waited += new > 0
            fetched += new
            told = table.observe(offset, step, stalled=new > 0, ceiling=128 * MIB)
            fetched += sum(map(fetch, told))
    return waited, fetched, len(starts) * length


def test_runs_of_one_length_wait_once_each() -> None:
    """Tensors of 4 MiB in any order: after some, the first read of each brings all of it."""
    starts = [n * 4 * MIB for n in range(0, 60, 2)]
    random.Random(5).shuffle(starts)
    waited, fetched, asked = play(StreamTable(HUGE), starts, 4 * MIB, 256 * KIB)
    assert waited <= len(starts) + 12
    assert asked / fetched >= 0.9


def test_short_runs_do_not_bring_what_lies_behind_them() -> None:
    """Column chunks of 768 KiB that nobody reads on from: nothing behind their end is fetched."""
    starts = [n * 8 * MIB for n in range(60)]
    random.Random(6).shuffle(starts)
    _, fetched, asked = play(StreamTable(HUGE), starts, 768 * KIB, 128 * KIB)
    assert asked / fetched >= 0.85


def test_a_header_read_before_does_not_spoil_what_the_runs_tell() -> None:
    table = StreamTable(HUGE)
    for offset in (0, 40 * MIB, 80 * MIB):
        table.observe(offset, 4096, stalled=True, ceiling=HUGE)
    starts = [n * n * 4 * MIB for n in range(30, 42)]
    _, fetched, asked = play(table, starts, MIB, 256 * KIB)
    assert asked / fetched >= 0.7


@pytest.mark.parametrize(
    ("width", "length"),
    [(17 * MIB, MIB), (17 * MIB, 256 * KIB), (-256 * KIB, 256 * KIB), (-MIB, MIB)],
)
def test_strides_are_foretold(width: int, length: int) -> None:
    starts = [(1 << 34) + n * width for n in range(100)]
    waited, fetched, asked = play(StreamTable(HUGE), starts, length, min(length, 128 * KIB))
    assert waited <= 20
    assert asked / fetched >= 0.6, "what lies ahead at the end is lost"


def test_pages_read_backwards_are_a_stride() -> None:
    """By 4 KiB, from the end of a file, through blocks of 256 KiB: a reader that waits seldom."""
    table, here, waited = StreamTable(HUGE), set[int](), 0
    for offset in range(1 << 30, (1 << 30) - 40 * MIB, -4096):
        block = offset // (256 * KIB)
        if block in here and not table.flowing:
            continue
        stalled = block not in here
        waited += stalled
        here.add(block)
        for told in table.observe(offset, 4096, stalled=stalled, ceiling=64 * MIB):
            here.update(range(told.start // (256 * KIB), -(-told.stop // (256 * KIB))))
    assert waited <= 16


def test_a_stride_that_breaks_asks_for_nothing_more() -> None:
    table = StreamTable(HUGE)
    for n in range(10):
        table.observe(n * 17 * MIB, MIB, stalled=True, ceiling=HUGE)
    assert table.flowing
    assert not table.observe(1 << 39, MIB, stalled=True, ceiling=HUGE)
    assert not table.flowing


@given(
    st.lists(st.integers(0, 4000), min_size=2, max_size=80),
    st.lists(st.integers(1, 40), min_size=80, max_size=80),
    st.integers(1, 4),
)
def test_whatever_is_foretold_two_thirds_are_read_or_little_is_lost(
    places: list[int], lengths: list[int], readers: int
) -> None:
    """Runs anywhere, of any length: what was fetched for nothing is bounded by what was read, and the window of each reader."""
    table, read_bytes, told_bytes = StreamTable(1 << 34), 0, 0
    for place, length in zip(places, lengths, strict=False):
        for part in range(length):
            read_bytes += 64 * KIB
            told = table.observe(
                place * MIB + part * 64 * KIB, 64 * KIB, stalled=False, ceiling=8 * MIB
            )
            told_bytes += sum(map(len, told))
    assert told_bytes <= 3 * read_bytes + (len(places) + readers) * 2 * MIB
