"""A place that fails for a passing reason is asked again until the deadline of who waits."""

import functools
import re
import time

import pytest
import trio
from trio.testing import MockClock

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of
from vfs.errors import AccessDenied, ConfigError, DataUnavailable, RemoteUnavailable
from vfs.testing.places import FaultyPlace
from vfs.transfer.state import Level
from vfs.types import BLOCK_SIZE

RATE = 10
"""Seconds of trio's clock in a real one."""


@pytest.fixture
def fast(mock_clock: MockClock) -> MockClock:
    mock_clock.rate = RATE
    return mock_clock


def down(content: bytes, label: str = "store") -> FaultyPlace:
    place = FaultyPlace(content, label=label)
    place.fail = lambda number, request: RemoteUnavailable("HTTP 503")
    return place


def come_back(place: FaultyPlace) -> None:
    place.fail = lambda number, request: None


@pytest.mark.parametrize("size", [MIB, 9 * MIB])
async def test_readers_outlast_an_outage(bench: Bench, fast: MockClock, size: int) -> None:
    content = content_of(size)
    place = down(content)
    await bench.start()
    results: list[bytes] = []

    async def reader(offset: int) -> None:
        results.append(await bench.read(blob_of(content), [place], offset, 10))

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader, 0)
        await bench.until(lambda: trio.current_time() > began + 10)
        nursery.start_soon(reader, MIB // 2)
        await bench.until(lambda: trio.current_time() > began + 20)
        asked = len(place.requests)
        come_back(place)
        back = trio.current_time()
    assert sorted(results) == sorted([content[:10], content[MIB // 2 :][:10]])
    assert 7 < asked < 60, "neither idle nor busy"
    assert trio.current_time() - back < 8
    assert bench.fetcher.statistics().timeouts == 0


async def test_rests_end_when_places_change(bench: Bench, mock_clock: MockClock) -> None:
    content = content_of(MIB)
    old, new = FaultyPlace(content), FaultyPlace(content, label="new")
    busy = RemoteUnavailable("HTTP 503")
    busy.retry_after = 60
    old.fail = lambda number, request: busy
    found = [old]
    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.read, blob_of(content), lambda: found, 0, 10)
        await begun(old, 1)
        await bench.until(lambda: bench.fetcher.statistics().queued == 1)
        found = [new]
        bench.fetcher.places_changed()
        await bench.until(lambda: len(new.requests) == 1)
    assert len(old.requests) == 1


async def test_another_place_is_asked_at_once(bench: Bench, fast: MockClock) -> None:
    content = content_of(MIB)
    first = down(content, "first")
    await bench.start()
    assert (
        await bench.read(blob_of(content), [first, FaultyPlace(content, label="second")], 0, 10)
        == (content[:10])
    )
    assert len(first.requests) == 1


async def test_passing_failures_that_become_final(bench: Bench, fast: MockClock) -> None:
    content = content_of(MIB)
    denied, away = FaultyPlace(content, label="denied"), down(content, "away")
    denied.fail = lambda number, request: AccessDenied("no")
    await bench.start()
    errors: list[str] = []

    async def reader() -> None:
        with pytest.raises(DataUnavailable) as caught:
            await bench.read(blob_of(content), [denied, away], 0, 10)
        errors.append(str(caught.value))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        await begun(away, 5)
        away.fail = lambda number, request: AccessDenied("nor here")
    assert "denied: no; away: nor here" in errors[0]


async def test_the_error_names_place_key_attempts_and_cause(bench: Bench, fast: MockClock) -> None:
    content = content_of(9 * MIB)
    place = down(content)
    await bench.start(deadline=20)
    with pytest.raises(RemoteUnavailable) as caught:
        await bench.read(blob_of(content), [place], 5 * MIB, 10)
    told = re.search(r"store: object: attempt (\d+): HTTP 503", str(caught.value))
    assert told is not None
    assert 1 < int(told[1]) <= len(place.requests) <= int(told[1]) + 1, "one may just have begun"
    assert "within 20 s" in str(caught.value)
    assert blob_of(content).digest.hex in str(caught.value)


async def test_the_same_page_is_refused_at_once_after_the_deadline(
    bench: Bench, fast: MockClock
) -> None:
    """The kernel asks again for a page that its read-ahead did not get."""
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    await bench.start(deadline=20)
    blob = blob_of(content)
    await bench.read(blob, [place], 0, 10)
    place.hold()
    with pytest.raises(RemoteUnavailable):
        await bench.read(blob, [place], 5 * MIB, 10)
    failed = trio.current_time()
    with pytest.raises(RemoteUnavailable):
        await bench.read(blob, [place], 5 * MIB, 10)
    assert trio.current_time() - failed < 3
    assert await bench.read(blob, [place], 0, 10) == content[:10], "what is here is served"
    place.release()
    await bench.until(lambda: trio.current_time() - failed > 4)
    assert await bench.read(blob, [place], 5 * MIB, 10) == content[5 * MIB :][:10]


async def test_who_waits_for_a_batch_that_does_not_get_full_has_a_deadline_too(
    bench: Bench, fast: MockClock
) -> None:
    """Some of what is hashed next has come, its GET hangs, and other readers have taken all room there is."""
    content, other = content_of(12 * MIB), content_of(13 * MIB, seed=1)
    blob, place, busy = blob_of(content), FaultyPlace(content), FaultyPlace(other, label="busy")
    await bench.start(memory_limit=16 * MIB, deadline=10)
    await bench.read(blob, [place], 0, 16 * BLOCK_SIZE)
    await bench.quiet()
    place.hold_at(17 * BLOCK_SIZE + 1)
    busy.hold()
    engine = bench.fetcher._engine
    state = engine.known(blob)
    assert state is not None

    async def read(block: int, count: int) -> None:
        with pytest.raises(RemoteUnavailable, match="block 17: not there within 10 s"):
            await bench.read(blob, [place], block * BLOCK_SIZE, count * BLOCK_SIZE)

    async def take_all_room() -> None:
        with pytest.raises(RemoteUnavailable):
            await bench.read(blob_of(other), [busy], 0, len(other))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, 16, 3)
            await bench.until(lambda: 16 in state.arrived)
            nursery.start_soon(take_all_room)
            await bench.until(lambda: not engine.budget.allows(Level.AHEAD, BLOCK_SIZE))
            await read(17, 1)
        with pytest.raises(RemoteUnavailable):  # at once
            await bench.read(blob, [place], 17 * BLOCK_SIZE, BLOCK_SIZE)
    place.release()
    busy.release()
    await bench.quiet()


async def test_nobody_waits_any_more(bench: Bench, fast: MockClock) -> None:
    content = content_of(9 * MIB)
    place = down(content)
    await bench.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob_of(content), [place], 0, 10)
        await begun(place, 3)
        nursery.cancel_scope.cancel()
    await bench.quiet()
    asked, now = len(place.requests), trio.current_time()
    await bench.until(lambda: trio.current_time() > now + 10)
    assert len(place.requests) == asked


async def test_prefetch_outlasts_an_outage(bench: Bench, fast: MockClock) -> None:
    content = content_of(9 * MIB)
    place = down(content)
    await bench.start()
    async with trio.open_nursery() as nursery:
        prefetch = functools.partial(bench.fetcher.prefetch, [(blob_of(content), lambda: [place])])
        nursery.start_soon(prefetch)
        await begun(place, 20)
        come_back(place)
    assert bench.stored(blob_of(content)) == content


async def test_prefetch_reports_what_stays_away(bench: Bench, fast: MockClock) -> None:
    """Each content is waited for until the deadline; but a place that is down is not waited for by each in turn."""
    contents = [content_of(1000, seed) for seed in range(100)]
    places = [down(content) for content in contents]
    items = [(blob_of(c), lambda p=p: [p]) for c, p in zip(contents, places, strict=True)]
    await bench.start(deadline=20)
    began = trio.current_time()
    report = await bench.fetcher.prefetch(items)
    assert report.failed_files == 100
    assert "store: object: attempt" in report.problems[0][1]
    assert "HTTP 503" in report.problems[0][1]
    assert 20 <= trio.current_time() - began < 70, "not one deadline after the other"


async def test_an_outage_of_the_morning_is_not_held_against_the_evening(
    bench: Bench, fast: MockClock
) -> None:
    first, second = content_of(1000), content_of(1001)
    away = down(first)
    await bench.start(deadline=20)
    await bench.fetcher.prefetch([(blob_of(first), lambda: [away])])
    fast.jump(3600)
    for content, place in ((first, away), (second, down(second))):
        asked = len(place.requests)
        async with trio.open_nursery() as nursery:
            items = [(blob_of(content), lambda place=place: [place])]
            nursery.start_soon(bench.fetcher.prefetch, items)
            await begun(place, asked + 3)
            come_back(place)
        assert bench.stored(blob_of(content)) == content


async def test_a_reader_beside_a_prefetch_has_its_own_deadline(
    bench: Bench, fast: MockClock
) -> None:
    content = content_of(MIB)
    place = down(content)
    await bench.start(deadline=20)
    result: list[bytes] = []

    async def reader() -> None:
        result.append(await bench.read(blob_of(content), [place], 0, 10))

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.fetcher.prefetch, [(blob_of(content), lambda: [place])])
        await bench.until(lambda: trio.current_time() > began + 12)
        nursery.start_soon(reader)
        await bench.until(lambda: trio.current_time() > began + 25)
        come_back(place)
    assert result == [content[:10]]


async def test_places_that_cannot_be_found_yet(bench: Bench, fast: MockClock) -> None:
    content = content_of(1000)
    asked: list[float] = []

    def places() -> list[FaultyPlace]:
        asked.append(time.monotonic())
        if len(asked) < 5:
            raise RemoteUnavailable("the source of the import does not answer")
        return [FaultyPlace(content)]

    await bench.start()
    assert await bench.fetcher.read(blob_of(content), places, 0, 10) == content[:10]

    def broken() -> list[FaultyPlace]:
        raise ConfigError("for good")

    with pytest.raises(ConfigError):
        await bench.fetcher.read(blob_of(b"y"), broken, 0, 1)


async def test_places_that_are_never_found(bench: Bench, fast: MockClock) -> None:
    def never() -> list[FaultyPlace]:
        raise RemoteUnavailable("the source does not answer")

    await bench.start(deadline=20)
    with pytest.raises(RemoteUnavailable, match=r"within 20 s .*the source does not answer"):
        await bench.fetcher.read(blob_of(b"x"), never, 0, 1)


async def test_read_ahead_that_fails_is_not_repeated_for_nobody(
    bench: Bench, fast: MockClock
) -> None:
    content = content_of(32 * MIB)
    place = FaultyPlace(content)
    place.fail = lambda number, request: (
        RemoteUnavailable("HTTP 503") if request.start >= MIB else None
    )
    await bench.start()
    blob = blob_of(content)
    for offset in range(0, MIB, 128 * 1024):
        await bench.read(blob, [place], offset, 128 * 1024)
    await bench.quiet()
    come_back(place)
    for offset in range(MIB, 4 * MIB, 128 * 1024):
        assert await bench.read(blob, [place], offset, 10) == content[offset : offset + 10]
