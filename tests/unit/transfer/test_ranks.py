"""Demand before read-ahead before warm-up; slots and bytes are bounded."""

import trio
from trio.testing import MockClock

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.testing.places import FaultyPlace
from vfs.transfer.state import Level
from vfs.types import BLOCK_SIZE, Blob

APART = (0, 2, 6, 24, 29, 40, 43, 55, 68, 75, 76, 85)
"""No two are as far from each other as two others: in whatever order they are read, that is no stride."""


async def test_requests_per_place_are_bounded(bench: Bench) -> None:
    content = content_of(64 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start(jobs=4)
    blob = blob_of(content)
    async with trio.open_nursery() as nursery:
        for number in APART:
            nursery.start_soon(bench.read, blob, [place], number * 3 * BLOCK_SIZE, 10)
        await begun(place, 4)
        await bench.until(lambda: bench.fetcher.statistics().queued == 8)
        assert len(place.requests) == 4
        place.release()
    assert place.most_bodies <= 4
    assert len(place.requests) == 12


async def test_demand_never_waits_for_warm_up(bench: Bench) -> None:
    contents = [content_of(1 * MIB, seed) for seed in range(40)]
    slow = [FaultyPlace(content) for content in contents]
    for place in slow:
        place.hold()
    wanted = content_of(MIB, 99)
    quick = FaultyPlace(wanted)
    await bench.start(jobs=8)
    async with trio.open_nursery() as nursery:
        items = [(blob_of(c), lambda p=p: [p]) for c, p in zip(contents, slow, strict=True)]
        nursery.start_soon(bench.fetcher.prefetch, items)
        await bench.until(lambda: bench.fetcher.statistics().in_flight_requests == 6)
        assert await bench.read(blob_of(wanted), [quick], 0, 10) == wanted[:10]
        for place in slow:
            place.release()
    assert bench.fetcher.statistics().bytes_warm_up == 40 * MIB


async def test_demand_takes_a_block_from_a_queued_prefetch(bench: Bench) -> None:
    content = content_of(40 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start(jobs=2)
    blob = blob_of(content)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob, lambda: [place])])
        await begun(place, 1)
        nursery.start_soon(bench.read, blob, [place], 30 * MIB, 10)
        await begun(place, 2)
        assert place.ranges[1] == (30 * MIB, BLOCK_SIZE)
        place.release()
    await bench.quiet()
    asked = sorted(place.ranges)
    assert sum(length for _, length in asked) == len(content), "every byte once"
    assert bench.fetcher.statistics().bytes_received == len(content)


async def test_demand_far_down_a_running_request_cuts_it_off(bench: Bench) -> None:
    content = content_of(40 * MIB)
    place = FaultyPlace(content)
    place.hold_at(BLOCK_SIZE)
    await bench.start()
    blob = blob_of(content)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob, [place], 0, 4 * MIB)
        await begun(place, 1)
        nursery.start_soon(bench.read, blob, [place], 3 * MIB, 10)
        await begun(place, 2)
        place.release()
    await bench.quiet()
    assert (3 * MIB, BLOCK_SIZE) in place.ranges
    assert bench.fetcher.statistics().cut_off == 1
    assert bench.fetcher.statistics().bytes_received == 4 * MIB


async def test_a_walk_that_has_caught_up_with_a_running_request_waits_for_it(bench: Bench) -> None:
    """The kernel asks for two megabytes ahead of a reader: what is under way comes no sooner if it is asked for once more."""
    content = content_of(5 * MIB)
    place = FaultyPlace(content)
    place.hold_at(BLOCK_SIZE)
    await bench.start()
    blob = blob_of(content)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob, lambda: [place])])
        await begun(place, 2)
        for start in range(0, 4 * MIB, MIB):
            nursery.start_soon(bench.read, blob, [place], start, MIB)
            await bench.until(lambda at=start: bench.fetcher.statistics().reads == at // MIB + 1)  # type: ignore[misc]
        place.release()
    await bench.quiet()
    assert sorted(place.ranges) == [(0, 4 * MIB), (4 * MIB, MIB)]
    assert bench.fetcher.statistics().cut_off == 0


async def test_what_a_request_has_read_already_is_not_asked_for_again(bench: Bench) -> None:
    """Its thread may be megabytes ahead of what the loop has heard of."""
    content = content_of(5 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob, engine = blob_of(content), bench.fetcher._engine
    place.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob, lambda: [place])])
        await begun(place, 2)
        place.hold_at(3 * MIB)
        state = engine.known(blob)
        assert state is not None
        with place._changed:
            place._hold_all = False
            place._changed.notify_all()
        place.wait_for(lambda: place.sent >= 3 * MIB)  # the loop hears nothing meanwhile
        engine.request(state, [11], Level.DEMAND)
        place.release()
    await bench.quiet()
    assert place.sent == len(content)
    assert engine.counters.cut_off == 0


async def test_budget_bounds_bytes_in_flight(bench: Bench) -> None:
    content = content_of(64 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start(memory_limit=16 * MIB)
    blob = blob_of(content)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob, lambda: [place])])
        await begun(place, 2)
        await bench.until(lambda: bench.fetcher.statistics().queued > 0)
        assert bench.fetcher.statistics().in_flight_bytes <= 8 * MIB
        nursery.start_soon(bench.read, blob, [place], 60 * MIB, 4 * MIB)
        await begun(place, 3)
        assert bench.fetcher.statistics().in_flight_bytes <= 16 * MIB
        place.release()
    await bench.quiet()
    assert len(bench.resident(blob)) == 64 * 4


async def test_a_read_larger_than_the_budget_comes_through(bench: Bench) -> None:
    content = content_of(40 * MIB)
    place = FaultyPlace(content)
    await bench.start(memory_limit=2 * MIB)
    assert await bench.read(blob_of(content), [place], 0, len(content)) == content


async def test_sequential_reader_is_read_ahead_of(bench: Bench) -> None:
    content = content_of(32 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    for offset in range(0, len(content), 128 * 1024):
        data = await bench.read(blob, [place], offset, 128 * 1024)
        assert data == content[offset : offset + 128 * 1024]
    await bench.quiet()
    now = bench.fetcher.statistics()
    assert now.bytes_received == len(content), "every byte once"
    assert now.bytes_read_ahead > len(content) // 2
    assert now.requests < 64


async def test_reads_served_elsewhere_keep_the_window_open(bench: Bench) -> None:
    content = content_of(32 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.read(blob, [place], 0, 128 * 1024)
    await bench.read(blob, [place], 128 * 1024, 128 * 1024)
    await bench.quiet()
    before = len(place.requests)
    for offset in range(256 * 1024, 3 * MIB, 128 * 1024):
        bench.fetcher.advance(blob, offset, 128 * 1024)
    await bench.quiet()
    assert len(place.requests) > before
    assert bench.fetcher.statistics().waits == 1 or bench.fetcher.statistics().misses <= 2


async def test_random_reads_fetch_only_their_blocks(bench: Bench) -> None:
    content = content_of(64 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    for offset in (50, 3, 27, 61, 12, 40):
        await bench.read(blob, [place], offset * MIB + 5, 10)
    await bench.quiet()
    assert bench.fetcher.statistics().bytes_received == 6 * BLOCK_SIZE


async def begin(bench: Bench, seed: int) -> Blob:
    """Read the first bytes of a large file in order, as a reader does that then closes it."""
    content = content_of(8 * MIB, seed)
    place, blob = FaultyPlace(content), blob_of(content)
    for offset in (0, 128 * 1024, 256 * 1024):
        await bench.read(blob, [place], offset, 128 * 1024)
    return blob


async def furthest(bench: Bench, seed: int) -> int:
    """How far ahead of a reader that always waits the place is asked."""
    content = content_of(48 * MIB, seed)
    place, blob = FaultyPlace(content), blob_of(content)
    most = 0
    for offset in range(0, 24 * MIB, BLOCK_SIZE):
        await bench.read(blob, [place], offset, BLOCK_SIZE)
        await bench.quiet()
        bench.store.clear()  # so that the next read waits as well
        most = max(most, *(start + length - offset for start, length in place.ranges))
    bench.fetcher.leave(blob)
    return most


async def test_files_begun_and_closed_take_nothing_from_later_ones(bench: Bench) -> None:
    await bench.start(memory_limit=16 * MIB)
    alone = await furthest(bench, 100)
    assert alone > 7 * MIB
    for seed in range(20):
        bench.fetcher.leave(await begin(bench, seed))
    assert await furthest(bench, 101) == alone


async def test_files_begun_and_left_are_forgotten_after_a_while(
    bench: Bench, mock_clock: MockClock
) -> None:
    await bench.start(memory_limit=16 * MIB)
    alone = await furthest(bench, 100)
    left = [await begin(bench, seed) for seed in range(20)]
    mock_clock.jump(60)
    assert await furthest(bench, 101) == alone
    assert len(bench.fetcher._flows) <= 1
    before = bench.fetcher.statistics().requests
    for blob in left:
        bench.fetcher.advance(blob, MIB, 1)
    assert bench.fetcher.statistics().requests == before


async def test_a_file_that_is_still_read_keeps_its_share(
    bench: Bench, mock_clock: MockClock
) -> None:
    await bench.start(memory_limit=16 * MIB)
    blob = await begin(bench, 1)
    for step in range(1, 9):
        mock_clock.jump(10)
        bench.fetcher.advance(blob, 384 * 1024 + step * 1024, 1024)
    assert bench.fetcher._flows.get(blob.key) is not None
    await bench.quiet()
