"""Demand reads: the right bytes, each block once, no sooner and no later than they should come."""

import random

import pytest
import trio

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.core.streams import StreamTable
from vfs.errors import DataUnavailable
from vfs.testing.places import FaultyPlace
from vfs.types import BLOCK_SIZE


async def test_small_blob_comes_in_one_exact_request(bench: Bench) -> None:
    content = content_of(300_000)
    place = FaultyPlace(content)
    await bench.start()
    assert await bench.read(blob_of(content), [place], 1000, 10) == content[1000:1010]
    assert place.requests == [(0, 300_000, "")]


async def test_read_is_cut_at_the_end_and_empty_beyond(bench: Bench) -> None:
    content = content_of(1000)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    assert await bench.read(blob, [place], 990, 4096) == content[990:]
    assert await bench.read(blob, [place], 1000, 1) == b""
    assert await bench.read(blob_of(b""), [place], 0, 10) == b""
    assert len(place.requests) == 1


async def test_large_blob_is_asked_for_by_exact_blocks(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    start = 4 * MIB - 10
    assert await bench.read(blob_of(content), [place], start, 20) == content[start : start + 20]
    assert place.ranges == [(start // BLOCK_SIZE * BLOCK_SIZE, 2 * BLOCK_SIZE)]


async def test_second_read_comes_from_the_store(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    first = await bench.read(blob, [place], 5 * MIB, 4096)
    await bench.quiet()
    assert await bench.read(blob, [place], 5 * MIB, 4096) == first
    assert len(place.requests) == 1
    assert bench.fetcher.statistics().hits_store == 1


async def test_a_hundred_readers_cause_one_request(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start()
    blob = blob_of(content)
    results: list[bytes] = []

    async def reader(offset: int) -> None:
        results.append(await bench.read(blob, [place], 6 * MIB + offset, 100))

    async with trio.open_nursery() as nursery:
        for offset in range(100):
            nursery.start_soon(reader, offset)
        await begun(place, 1)
        await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 100)
        place.release()
    assert sorted(results) == sorted(content[6 * MIB + i :][:100] for i in range(100))
    assert len(place.requests) == 1


async def test_reader_gets_its_block_while_the_request_goes_on(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    place.hold_at(6 * MIB + BLOCK_SIZE)
    await bench.start()
    blob = blob_of(content)
    whole: list[bytes] = []

    async def large() -> None:
        whole.append(await bench.read(blob, [place], 6 * MIB, 2 * MIB))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(large)
        await begun(place, 1)
        assert await bench.read(blob, [place], 6 * MIB, 10) == content[6 * MIB :][:10]
        assert not whole
        assert len(place.requests) == 1
        place.release()
    assert whole == [content[6 * MIB : 8 * MIB]]


async def test_cancelled_reader_does_not_disturb_the_others(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start()
    blob = blob_of(content)
    scope = trio.CancelScope()
    results: list[bytes] = []

    async def first() -> None:
        with scope:
            await bench.read(blob, [place], 5 * MIB, 10)

    async def second() -> None:
        results.append(await bench.read(blob, [place], 5 * MIB, 10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)
        await begun(place, 1)
        await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 2)
        scope.cancel()
        await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 1)
        place.release()
    assert results == [content[5 * MIB :][:10]]
    assert len(place.requests) == 1


async def test_cancelled_before_its_turn_is_never_asked(bench: Bench) -> None:
    content = content_of(20 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start(jobs=2)
    blob = blob_of(content)
    scope = trio.CancelScope()

    async def cancelled() -> None:
        with scope:
            await bench.read(blob, [place], 19 * MIB, 10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob, [place], 5 * MIB, 10)
        nursery.start_soon(bench.read, blob, [place], 10 * MIB, 10)
        await begun(place, 2)
        nursery.start_soon(cancelled)
        await bench.until(lambda: bench.fetcher.statistics().queued == 1)
        scope.cancel()
        await bench.until(lambda: bench.fetcher.statistics().queued == 0)
        place.release()
    assert 19 * MIB not in [start for start, _ in place.ranges]


async def test_shutdown_wakes_everyone(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    place.hold_at(5 * MIB)
    await bench.start()
    blob = blob_of(content)
    errors: list[str] = []

    async def reader() -> None:
        try:
            await bench.read(blob, [place], 5 * MIB, 10)
        except DataUnavailable as error:
            errors.append(str(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await begun(place, 1)
        await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 1)
        bench.scope.cancel()
        nursery.start_soon(reader)
    await bench.until(lambda: bench.gauges() == (0, 0, 0, 0, 0))
    assert errors == ["vfs is shutting down"] * 2
    place.release()


async def test_damaged_block_of_the_store_is_fetched_again_once(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.read(blob, [place], 5 * MIB, 10)
    await bench.quiet()
    bench.damage(blob, 20)
    assert await bench.read(blob, [place], 5 * MIB, 10) == content[5 * MIB :][:10]
    assert len(place.requests) == 2
    assert bench.fetcher.statistics().corrupt == 1


async def test_read_of_which_several_blocks_are_lost(bench: Bench) -> None:
    """Also if they vanish one after the other: the second attempt does not believe the store."""
    content = content_of(8 * MIB)
    place = FaultyPlace(content)
    await bench.start()
    blob = blob_of(content)
    await bench.read(blob, [place], 0, len(content))
    await bench.quiet()
    for block in range(20, 23):
        bench.damage(blob, block)
    for _ in range(3):  # each time the store drops what it meets
        assert await bench.read(blob, [place], 5 * MIB, MIB) == content[5 * MIB :][:MIB]
        await bench.quiet()
    assert bench.stored(blob) == content


async def test_what_is_left_of_a_blob_comes_when_three_quarters_were_read_in_any_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamTable, "observe", lambda *_, **__: ())  # no streams by chance
    content = content_of(16 * MIB)
    place, blob = FaultyPlace(content), blob_of(content)
    await bench.start()
    order = list(range(64))
    random.Random(4).shuffle(order)
    for block in order[:47]:
        await bench.read(blob, [place], block * BLOCK_SIZE, BLOCK_SIZE)
    await bench.quiet()
    assert bench.fetcher.statistics().bytes_received == 47 * BLOCK_SIZE
    await bench.read(blob, [place], order[47] * BLOCK_SIZE, BLOCK_SIZE)
    await bench.read(blob, [place], order[48] * BLOCK_SIZE, BLOCK_SIZE)
    await bench.quiet()
    assert bench.fetcher.statistics().bytes_received == 16 * MIB
    asked = len(place.requests)
    for block in order[49:]:
        start = block * BLOCK_SIZE
        assert await bench.read(blob, [place], start, 10) == content[start : start + 10]
    assert len(place.requests) == asked
