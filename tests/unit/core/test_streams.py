"""Streams: what is fetched ahead of readers, for every history of reads."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.core.streams import KIB, MIB, Policy, StreamTable

HUGE = 1 << 40


def walk(table: StreamTable, start: int, step: int, count: int, *, stalled: bool) -> list[range]:
    return [
        table.observe(start + i * step, step, stalled=stalled, ceiling=HUGE) for i in range(count)
    ]


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
    burst = [
        table.observe(window + i * 64 * KIB, 64 * KIB, stalled=True, ceiling=HUGE) for i in range(8)
    ]
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
    starts = [0, 100 * MIB, 200 * MIB, 300 * MIB]
    asked: dict[int, list[range]] = {start: [] for start in starts}
    for i in range(40):
        for start in starts:
            got = table.observe(start + i * 128 * KIB, 128 * KIB, stalled=True, ceiling=HUGE)
            if got:
                asked[start].append(got)
    for start, ranges in asked.items():
        assert ranges
        assert all(start <= r.start and r.stop <= start + 40 * 128 * KIB + 64 * MIB for r in ranges)


def test_ceiling_bounds_what_lies_ahead() -> None:
    table = StreamTable(HUGE)
    for i in range(500):
        got = table.observe(i * 128 * KIB, 128 * KIB, stalled=True, ceiling=2 * MIB)
        assert not got or got.stop <= (i + 1) * 128 * KIB + 2 * MIB


def test_what_failed_may_be_asked_for_again() -> None:
    table = StreamTable(HUGE)
    walk(table, 0, 128 * KIB, 2, stalled=True)
    table.retract(512 * KIB)
    again = table.observe(256 * KIB, 128 * KIB, stalled=True, ceiling=HUGE)
    assert again.start == 512 * KIB


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60, unique=True))
def test_random_access_costs_exactly_what_it_asks_for(places: list[int]) -> None:
    table = StreamTable(HUGE)
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
        got = table.observe(offset, length, stalled=stalled, ceiling=ceiling)
        if not got:
            continue
        assert 0 <= got.start < got.stop <= size
        assert len(got) <= min(ceiling, policy.maximum)
        nearest = min(abs(s.position + min(s.window, ceiling) - got.stop) for s in table._streams)
        assert nearest == 0 or got.stop == size
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
