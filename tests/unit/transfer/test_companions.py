"""Blobs that come along with an answer are stored if they are what they should be."""

import threading
import time
from functools import partial

import pytest
import trio

from tests.unit.transfer.bench import Bench, blob_of, content_of
from vfs.core.costs import UNKNOWN
from vfs.errors import ContentMismatch
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace
from vfs.transfer import companions
from vfs.transfer.place import Companion
from vfs.types import BLOCK_SIZE, Blob

WANTED, GOOD, LIE, LOST = (content_of(8000, seed) for seed in (1, 2, 3, 4))


class Parcelled(FaultyPlace):
    def parcel(self) -> str:
        return "all of it"


class GenerousPlace(Parcelled):
    def companions(self, most: int) -> list[Companion]:
        return [
            Companion(blob_of(LOST), _damaged),
            Companion(blob_of(LIE), lambda: LIE[:-1] + b"x"),
            Companion(blob_of(GOOD), lambda: GOOD),
        ]


def _damaged() -> bytes:
    raise ContentMismatch("the rest is damaged")


class GreatPlace(Parcelled):
    """Files of one chunk each; a chunk may be larger than a block."""

    SIZES = (BLOCK_SIZE, BLOCK_SIZE + 1, 1 << 20, (4 << 20) + 1)
    FILES = tuple(content_of(size, size) for size in SIZES)

    def companions(self, most: int) -> list[Companion]:
        found = [Companion(Blob(blob_of(c).digest, len(c)), partial(bytes, c)) for c in self.FILES]
        return [*found, Companion(Blob(blob_of(GOOD).digest, len(GOOD) - 1), lambda: GOOD)]


async def test_one_larger_than_a_block_is_stored_in_blocks(bench: Bench) -> None:
    """One that is not compared before it is served, or has another size than is said, is not."""
    await bench.start()
    assert await bench.read(blob_of(WANTED), [GreatPlace(WANTED)], 0, 8000) == WANTED
    await bench.quiet()
    for content in GreatPlace.FILES[:3]:
        other = FaultyPlace(content)
        assert await bench.read(blob_of(content), [other], 0, len(content)) == content
        assert not other.requests
        assert bench.stored(blob_of(content)) == content
    assert not bench.resident(blob_of(GreatPlace.FILES[3]))
    assert not bench.store.contains_many([blob_of(GOOD)._replace(size=7999).key + bytes(4)])[0]


async def test_what_came_along_is_checked_and_stored(bench: Bench) -> None:
    await bench.start()
    assert await bench.read(blob_of(WANTED), [GenerousPlace(WANTED)], 0, 8000) == WANTED
    await bench.quiet()
    other = FaultyPlace(GOOD)
    assert await bench.read(blob_of(GOOD), [other], 0, 8000) == GOOD
    assert not other.requests
    assert bench.verdict(blob_of(GOOD)) == VERIFIED
    told = bench.fetcher.statistics()
    assert (told.bytes_demand, told.bytes_along) == (8000, 8000)
    assert told.bytes_received == told.bytes_stored == sum(told.places.values()) == 16_000
    assert bench.fetcher.accounting.costs.directories()[UNKNOWN].along == 8000
    liar = FaultyPlace(LIE)
    assert await bench.read(blob_of(LIE), [liar], 0, 8000) == LIE
    assert len(liar.requests) == 1


async def test_of_what_comes_together_one_is_missing_first(bench: Bench) -> None:
    await bench.start()
    bringer = bench.fetcher.bringer
    wanted = [
        (blob_of(content), lambda content=content: [GenerousPlace(content)])
        for content in (WANTED, GOOD)
    ]
    alone = (blob_of(LIE), lambda: [FaultyPlace(LIE)])
    found = bringer.missing([*wanted, alone])
    assert [one.parcel for one in found if one is not None] == ["all of it", "all of it", None]
    await bringer.bring(*wanted[0])
    assert bringer.is_small_and_here(blob_of(GOOD))
    assert bringer.missing(wanted) == [None, None]


class SlowPlace(Parcelled):
    """What comes along is read when the test lets it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.let = threading.Event()
        self.most = 0

    def companions(self, most: int) -> list[Companion]:
        self.most = most

        def slowly(content: bytes) -> bytes:
            assert self.let.wait(60)
            return content

        return [Companion(blob_of(content), partial(slowly, content)) for content in (GOOD, LIE)]


async def test_who_wants_what_is_about_to_be_stored_waits_for_it(bench: Bench) -> None:
    fetcher, place = await bench.start(), SlowPlace(WANTED)
    assert not await fetcher.coming.awaited(blob_of(GOOD))
    assert await bench.read(blob_of(WANTED), [place], 0, 8000) == WANTED
    await bench.until(lambda: blob_of(GOOD).key in fetcher.coming)
    waited: list[bool] = []

    async def wait(content: bytes) -> None:
        waited.append(await fetcher.coming.awaited(blob_of(content)))
        waited.append(bool(bench.resident(blob_of(content))))

    async with trio.open_nursery() as nursery:
        for content in (GOOD, LIE, GOOD):
            nursery.start_soon(wait, content)
        await bench.until(lambda: fetcher.statistics().waiting_readers == 3)
        nursery.start_soon(fetcher.bringer.bring, blob_of(GOOD), lambda: [place])
        assert not waited
        place.let.set()
    assert waited == [True] * 6
    assert len(place.requests) == 1
    await bench.quiet()


async def test_a_thread_that_hangs_is_not_waited_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companions, "PATIENCE", 0.01)
    fetcher, place = await bench.start(), SlowPlace(WANTED)
    assert await bench.read(blob_of(WANTED), [place], 0, 8000) == WANTED
    await bench.until(lambda: blob_of(GOOD).key in fetcher.coming)
    assert await fetcher.coming.awaited(blob_of(GOOD))
    other = FaultyPlace(GOOD)
    assert await bench.read(blob_of(GOOD), [other], 0, 8000) == GOOD
    assert len(other.requests) == 1
    place.let.set()
    await bench.quiet()


async def test_no_more_comes_along_than_a_share_of_the_cache(bench: Bench) -> None:
    bench.limit_store(64 << 20)
    await bench.start()
    place = SlowPlace(WANTED)
    place.let.set()
    await bench.read(blob_of(WANTED), [place], 0, 8000)
    await bench.quiet()
    assert place.most == 2 << 20


class CountedPlace(Parcelled):
    """Tells how many of its companions were read."""

    FILES = tuple(content_of(companions.BATCH, seed) for seed in range(10, 14))

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.taken = 0

    def companions(self, most: int) -> list[Companion]:
        return [Companion(blob_of(content), partial(self._read, content)) for content in self.FILES]

    def _read(self, content: bytes) -> bytes:
        self.taken += 1
        return content


async def test_a_store_that_takes_nothing_is_not_tried_again(bench: Bench) -> None:
    await bench.start()
    bench.refuse_to_store()
    place = CountedPlace(WANTED)
    await bench.read(blob_of(WANTED), [place], 0, 8000)
    await bench.quiet()
    assert place.taken == 1
    assert bench.fetcher.statistics().bytes_along == 0


async def test_a_get_is_over_when_its_answer_was_read(bench: Bench) -> None:
    """What came along is stored then; that is no time of the remote."""
    fetcher, place = await bench.start(), SlowPlace(WANTED)
    await bench.read(blob_of(WANTED), [place], 0, 8000)
    await bench.until(lambda: blob_of(GOOD).key in fetcher.coming)
    first, began = fetcher.accounting.numbers(), time.monotonic()
    await bench.until(lambda: time.monotonic() > began + 0.1)
    assert fetcher.accounting.numbers() == first
    place.let.set()
    await bench.quiet()
