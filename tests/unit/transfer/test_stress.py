"""Many readers at random over a slow, faulty place: every byte is right, every gauge ends at zero."""

import random
from collections.abc import Callable

import pytest
import trio

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.errors import ObjectChanged, RemoteUnavailable, VfsError
from vfs.store import VERIFIED
from vfs.testing.places import FaultyPlace, Request
from vfs.testing.variants import soak
from vfs.types import BLOCK_SIZE

pytestmark = pytest.mark.slow

SIZES = [10, BLOCK_SIZE, MIB + 1, 4 * MIB, 5 * MIB + 3, 12 * MIB]


def faults(chance: random.Random) -> Callable[[int, Request], VfsError | None]:
    def fail(number: int, request: Request) -> VfsError | None:
        if chance.random() < 0.1:
            kind = chance.choice([RemoteUnavailable, ObjectChanged])
            return kind("a scripted fault")
        return None

    return fail


def breaks(chance: random.Random) -> Callable[[int, Request], int | None]:
    def break_at(number: int, request: Request) -> int | None:
        return chance.randrange(request.length) if chance.random() < 0.2 else None

    return break_at


class Readers:
    """Tasks that read at random, in order, or give up half-way."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.random = random.Random(seed)
        self.contents = [content_of(size, size) for size in SIZES]
        self.places = []
        for content in self.contents:
            chosen = [FaultyPlace(content, label=f"p{i}") for i in range(4)]
            for place in chosen[:3]:
                place.fail = faults(random.Random(self.random.random()))
                place.break_at = breaks(random.Random(self.random.random()))
                place.chunk = self.random.choice([1000, 1 << 16, 1 << 20])
            self.places.append(chosen)
        self.compared = 0

    async def check(self, which: int, offset: int, length: int) -> None:
        content = self.contents[which]
        got = await self.bench.read(blob_of(content), self.places[which], offset, length)
        assert got == content[offset : offset + length]
        self.compared += len(got)

    async def at_random(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            which = chance.randrange(len(SIZES))
            await self.check(which, chance.randrange(SIZES[which]), chance.choice([1, 4096, MIB]))

    async def in_order(self, which: int) -> None:
        step = 128 * 1024
        for offset in range(0, SIZES[which], step):
            await self.check(which, offset, step)

    async def impatient(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    which = chance.randrange(len(SIZES))
                    offset = chance.randrange(SIZES[which])
                    nursery.start_soon(self.check, which, offset, 300_000)
                    for _ in range(chance.randrange(20)):
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

    async def prefetcher(self) -> None:
        items = [
            (blob_of(content), lambda chosen=chosen: chosen)
            for content, chosen in zip(self.contents, self.places, strict=True)
        ]
        await self.bench.fetcher.prefetch(items)


@pytest.mark.parametrize(
    ("seed", "memory"), [(0, 2 * MIB), soak(1, 16 * MIB), soak(2, 256 * MIB), (3, 64 * MIB)]
)
async def test_storm(bench: Bench, seed: int, memory: int) -> None:
    if seed == 3:
        bench.refuse_to_store()
    await bench.start(memory_limit=memory, jobs=4)
    readers = Readers(bench, seed)
    with trio.fail_after(100):
        async with trio.open_nursery() as nursery:
            for task in range(6):
                nursery.start_soon(readers.at_random, seed * 100 + task)
                nursery.start_soon(readers.in_order, task % len(SIZES))
                nursery.start_soon(readers.impatient, seed * 100 + task)
            if seed != 3:
                nursery.start_soon(readers.prefetcher)
        await bench.quiet()
    assert readers.compared > 100 * MIB // 4
    assert bench.fetcher.statistics().bad == 0
    for chosen in readers.places:
        assert all(place.open_bodies == 0 for place in chosen)
    if seed != 3:
        for content in readers.contents[1:]:
            blob = blob_of(content)
            if bench.fetcher.resident_percent(blob) == 100:
                assert bench.stored(blob) == content
                assert bench.verdict(blob) == VERIFIED
