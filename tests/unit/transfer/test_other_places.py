"""A place that hangs or is down does not keep readers from another one that works."""

import pytest
import trio
from trio.testing import MockClock

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.errors import RemoteUnavailable
from vfs.testing.places import FaultyPlace
from vfs.types import BLOCK_SIZE


@pytest.fixture
def fast(mock_clock: MockClock) -> MockClock:
    mock_clock.rate = 10
    return mock_clock


@pytest.mark.parametrize("size", [MIB, 9 * MIB])
async def test_a_place_that_hangs(bench: Bench, fast: MockClock, size: int) -> None:
    content = content_of(size)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold()
    await bench.start(deadline=20)
    began = trio.current_time()
    assert await bench.read(blob_of(content), [first, second], 0, 10) == content[:10]
    assert 5 <= trio.current_time() - began < 15
    first.release()


@pytest.mark.parametrize("size", [MIB, 9 * MIB])
async def test_a_place_that_hangs_while_others_come(
    bench: Bench, fast: MockClock, size: int
) -> None:
    """A switch makes the places of before unknown, and with them who else could be asked."""
    content = content_of(size)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold()
    places = [first]
    await bench.start(deadline=20)
    began = trio.current_time()
    got: list[bytes] = []

    async def read() -> None:
        got.append(bytes(await bench.fetcher.read(blob_of(content), lambda: list(places), 0, 10)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await begun(first, 1)
        places.append(second)
        bench.fetcher.places_changed()
    assert got == [content[:10]]
    assert trio.current_time() - began < 15
    assert len(first.requests) == 1, "it is the same place"
    first.release()


async def test_new_places_are_looked_for_at_once(bench: Bench, mock_clock: MockClock) -> None:
    """They are known by the time that a GET is found to hang."""
    content = content_of(9 * MIB)
    first = FaultyPlace(content)
    first.hold()
    looked: list[int] = []

    def places() -> list[FaultyPlace]:
        looked.append(1)
        return [first]

    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.read, blob_of(content), places, 0, 10)
        await begun(first, 1)
        bench.fetcher.places_changed()
        await bench.until(lambda: len(looked) == 2)
        first.release()


async def test_an_answer_that_stops_half_way(bench: Bench, fast: MockClock) -> None:
    content = content_of(9 * MIB)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold_at(MIB)
    await bench.start(deadline=20)
    assert await bench.read(blob_of(content), [first, second], 0, 2 * MIB) == content[: 2 * MIB]
    assert second.requests[0].start == MIB
    first.release()


async def test_each_that_hangs_is_noticed_by_the_one_watch(bench: Bench, fast: MockClock) -> None:
    """Also those that started while it slept; a GET costs one task, not two."""
    await bench.start(deadline=20)
    count = 6
    firsts = [FaultyPlace(content_of(1000, seed), label=f"first {seed}") for seed in range(count)]

    async def read(seed: int) -> None:
        content = content_of(1000, seed)
        began = trio.current_time()
        places = [firsts[seed], FaultyPlace(content, label=f"second {seed}")]
        assert await bench.read(blob_of(content), places, 0, 1000) == content
        assert 5 <= trio.current_time() - began < 15

    before = trio.lowlevel.current_statistics().tasks_living
    async with trio.open_nursery() as nursery:
        for seed, first in enumerate(firsts):
            first.hold()
            nursery.start_soon(read, seed)
            await begun(first, 1)
            await trio.sleep(0.2)
        assert trio.lowlevel.current_statistics().tasks_living - before == 2 * count
    for first in firsts:
        first.release()


async def test_what_waits_for_a_slot_there_goes_elsewhere(bench: Bench, fast: MockClock) -> None:
    contents = [content_of(1000, seed) for seed in range(8)]
    firsts = [FaultyPlace(content, label="first") for content in contents]
    for first in firsts:
        first.hold()
    await bench.start(deadline=20, jobs=2)
    began = trio.current_time()

    async def read(content: bytes, first: FaultyPlace) -> None:
        second = FaultyPlace(content, label="second")
        assert await bench.read(blob_of(content), [first, second], 0, 1000) == content

    async with trio.open_nursery() as nursery:
        for content, first in zip(contents, firsts, strict=True):
            nursery.start_soon(read, content, first)
    assert trio.current_time() - began < 15
    assert sum(len(first.requests) for first in firsts) == 2
    for first in firsts:
        first.release()


async def test_a_slow_place_may_still_answer_when_the_other_hangs(
    bench: Bench, fast: MockClock
) -> None:
    content = content_of(MIB)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold()
    second.hold()
    await bench.start(deadline=40)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob_of(content), [first, second], 0, 10)
        await begun(second, 1)
        first.release()
    assert (len(first.requests), len(second.requests)) == (1, 1)
    second.release()


async def test_a_place_that_is_down_is_asked_last_and_tried_now_and_then(
    bench: Bench, mock_clock: MockClock
) -> None:
    """Else each new file pays for all attempts there before it comes from elsewhere."""
    await bench.start()
    asked: list[int] = []

    async def read(seed: int, *, down: bool) -> None:
        content = content_of(1000, seed)
        first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
        if down:
            first.fail = lambda number, request: RemoteUnavailable("refused")
        await bench.read(blob_of(content), [first, second], 0, 10)
        asked.append(len(first.requests))

    for seed in range(4):
        await read(seed, down=True)
    assert asked == [1, 0, 0, 0]
    mock_clock.jump(31)
    for seed in range(4, 7):
        await read(seed, down=True)
    assert asked[4:] == [1, 0, 0]
    mock_clock.jump(31)
    for seed in range(7, 10):
        await read(seed, down=False)
    assert asked[7:] == [1, 1, 1], "it is back"


async def test_a_hanging_place_holds_nothing_and_ends_once_another_gives(
    bench: Bench, fast: MockClock
) -> None:
    """Its bytes of the budget are free at once; it stops before its next block when it comes back."""
    content = content_of(9 * MIB)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold_at(MIB)
    await bench.start(deadline=20)
    assert await bench.read(blob_of(content), [first, second], 0, 4 * MIB) == content[: 4 * MIB]
    await bench.until(lambda: bench.fetcher.statistics().in_flight_requests == 1)
    assert bench.fetcher.statistics().in_flight_bytes == 0
    first.release()
    await bench.quiet()
    assert first.sent <= MIB + BLOCK_SIZE


async def test_one_object_that_hangs_is_left_alone_where_others_come(
    bench: Bench, fast: MockClock
) -> None:
    """The place is not down, so only the rest of this object keeps its reader from it."""
    content, other = content_of(9 * MIB), content_of(1000, 1)
    first, second = FaultyPlace(content, label="first"), FaultyPlace(content, label="second")
    first.hold()
    await bench.start(deadline=20)
    blob = blob_of(content)
    assert await bench.read(blob, [first, second], 0, 10) == content[:10]
    assert await bench.read(blob_of(other), [FaultyPlace(other, label="first")], 0, 10)
    await trio.sleep(3)
    began = trio.current_time()
    assert await bench.read(blob, [first, second], 5 * MIB, 10) == content[5 * MIB :][:10]
    assert trio.current_time() - began < 4
    assert len(first.requests) == 1
    first.release()
