"""Whole files into the store."""

import fcntl
import os
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import trio

from tests.unit.transfer.bench import MIB, SCOPE, Bench, begun, blob_of, content_of
from vfs.errors import ObjectMissing, StoreFull
from vfs.store import Taken
from vfs.store.items import Buffer
from vfs.testing.places import FaultyPlace
from vfs.transfer import Place, PlacesOf, PrefetchReport, Wanted
from vfs.transfer.blocks import scoped
from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest


def places(*found: Place) -> PlacesOf:
    return lambda: found


async def test_everything_is_there_afterwards(bench: Bench) -> None:
    contents = [content_of(size, size) for size in (0, 1, 1000, MIB, 5 * MIB + 7, 40 * MIB)]
    found = [(blob_of(c), FaultyPlace(c)) for c in contents]
    told: list[tuple[int, int]] = []
    await bench.start()
    report = await bench.fetcher.prefetch(
        [(blob, places(place)) for blob, place in found],
        lambda done, total: told.append((done, total)),
    )
    total = sum(map(len, contents))
    assert (report.files, report.bytes) == (6, total)
    assert (report.fetched_files, report.fetched_bytes) == (5, total)
    assert report.resident_files == 1, "an empty file needs nothing"
    assert told[-1] == (total, total)
    assert all(a[0] <= b[0] for a, b in pairwise(told))
    for blob, place in found:
        assert bench.fetcher.resident_percent(blob) == 100
        data = await bench.read(blob, [], 0, blob.size)
        assert data == place.content


async def test_what_is_here_is_skipped(bench: Bench, tmp_path: Path) -> None:
    resident, local, fresh = (content_of(MIB, seed) for seed in range(3))
    file = tmp_path / "object"
    file.write_bytes(local)
    remote = FaultyPlace(resident)
    cache = FaultyPlace(local, label="dvc-cache", local=True)
    cache.file = os.fspath(file)
    await bench.start()
    await bench.fetcher.prefetch([(blob_of(resident), places(remote))])
    report = await bench.fetcher.prefetch(
        [
            (blob_of(resident), places(remote)),
            (blob_of(local), places(remote, cache)),
            (blob_of(fresh), places(FaultyPlace(fresh))),
        ]
    )
    assert (report.resident_files, report.local_files, report.fetched_files) == (1, 1, 1)
    assert len(remote.requests) == 1


async def test_failures_are_counted_and_named(bench: Bench) -> None:
    place = FaultyPlace(b"")
    place.fail = lambda number, request: ObjectMissing("gone for good")
    good = content_of(MIB)
    await bench.start()
    report = await bench.fetcher.prefetch(
        [(blob_of(content_of(10, 5)), places(place)), (blob_of(good), places(FaultyPlace(good)))]
    )
    assert (report.failed_files, report.fetched_files) == (1, 1)
    assert "gone for good" in report.problems[0][1]


async def test_full_store_ends_it(bench: Bench) -> None:
    contents = [content_of(MIB, seed) for seed in range(50)]
    bench.refuse_to_store()
    await bench.start()
    with pytest.raises(StoreFull):
        await bench.fetcher.prefetch([(blob_of(c), places(FaultyPlace(c))) for c in contents])


async def test_a_store_in_which_another_process_makes_room_is_not_full(bench: Bench) -> None:
    contents = [content_of(MIB, seed) for seed in range(30)]
    items: list[Wanted] = [(blob_of(c), places(FaultyPlace(c))) for c in contents]
    told: list[tuple[int, int]] = []
    bench.limit_store(16 * MIB)
    await bench.start()
    for first in (items[:10], items[10:20]):
        await bench.fetcher.prefetch(first)
    await bench.quiet()
    with (bench.store.directory / "evict").open("r+b") as evicting:
        fcntl.flock(evicting, fcntl.LOCK_EX)
        reports: list[PrefetchReport] = []

        async def prefetch() -> None:
            reports.append(await bench.fetcher.prefetch(items[20:], lambda *now: told.append(now)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(prefetch)
            await bench.until(lambda: bench.fetcher.statistics().bytes_unstored >= MIB)
            evicting.close()
    (report,) = reports
    assert (report.fetched_files, report.fetched_bytes, report.failed_files) == (10, 10 * MIB, 0)
    assert all(a[0] <= b[0] for a, b in pairwise(told))
    assert told[-1] == (10 * MIB, 10 * MIB)
    assert all(bench.fetcher.resident_percent(blob) == 100 for blob, _ in items[20:])


async def test_another_process_that_makes_room_for_ever_ends_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.warmup.ROOM_SECONDS", 0.3)
    contents = [content_of(MIB, seed) for seed in range(12)]
    items: list[Wanted] = [(blob_of(c), places(FaultyPlace(c))) for c in contents]
    bench.limit_store(8 * MIB)
    await bench.start()
    await bench.fetcher.prefetch(items[:6])
    with (bench.store.directory / "evict").open("w+b") as evicting:
        fcntl.flock(evicting, fcntl.LOCK_EX)
        with pytest.raises(StoreFull, match="another process"):
            await bench.fetcher.prefetch(items[6:])


async def test_more_than_the_cache_may_take_is_refused_before_anything_is_fetched(
    bench: Bench,
) -> None:
    found = [FaultyPlace(content_of(MIB, seed)) for seed in range(20)]
    bench.limit_store(16 * MIB)
    await bench.start()
    with pytest.raises(StoreFull, match=r"20\.0 MiB") as raised:
        await bench.fetcher.prefetch([(blob_of(p.content), places(p)) for p in found])
    assert "vfs cache limit" in str(raised.value.hint)
    assert not any(place.requests for place in found)


async def test_a_file_that_is_larger_than_the_cache_fails_and_the_others_come(bench: Bench) -> None:
    large, small = FaultyPlace(content_of(9 * MIB)), FaultyPlace(content_of(MIB, 1))
    bench.limit_store(8 * MIB)
    await bench.start()
    report = await bench.fetcher.prefetch([(blob_of(p.content), places(p)) for p in (large, small)])
    assert (report.fetched_files, report.failed_files) == (1, 1)
    assert "the cache may take 8.0 MiB" in report.problems[0][1]
    assert not large.requests


async def test_what_needs_no_room_in_the_cache_does_not_count(bench: Bench, tmp_path: Path) -> None:
    items: list[Wanted] = []
    for seed in range(20):
        place = FaultyPlace(content_of(MIB, seed), label="dvc-cache", local=True)
        if seed > 4:
            (tmp_path / str(seed)).write_bytes(place.content)
            place.file = os.fspath(tmp_path / str(seed))
        items.append((blob_of(place.content), places(place)))
    bench.limit_store(16 * MIB)
    await bench.start()
    report = await bench.fetcher.prefetch(items)
    assert (report.fetched_files, report.local_files) == (5, 15)


async def test_what_was_evicted_again_before_the_end_is_told(bench: Bench) -> None:
    """Who goes offline then counts on it."""
    bench.limit_store(16 * MIB)
    await bench.start()
    last = FaultyPlace(content_of(5 * MIB, 99))

    def others(number: int, request: object) -> None:
        for seed in range(80):
            bench.store.append([(b"other %d" % seed, content_of(BLOCK_SIZE, seed))])

    first = [FaultyPlace(content_of(MIB, seed)) for seed in range(3)]
    await bench.fetcher.prefetch([(blob_of(p.content), places(p)) for p in first])
    last.fail = others
    # A part of the last may have come before the others, which push it out again.
    with pytest.raises(StoreFull, match=r"[34] of 4 files"):
        await bench.fetcher.prefetch([(blob_of(p.content), places(p)) for p in (*first, last)])


async def test_what_the_store_took_is_not_fetched_again_for_what_it_did_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it was evicted meanwhile: else two processes in a small cache fetch without end."""
    monkeypatch.setattr("vfs.core.gets.STRETCH_BLOCKS", 16)
    content = content_of(20 * MIB)
    blob = Blob(Digest(Algorithm.PLACE, b"unproven"), len(content))
    place = FaultyPlace(content)
    append = bench.store.append
    refused: list[list[int]] = []

    def crowded(
        items: Sequence[tuple[bytes, Buffer]], *, unproven: bytes = b"", sums: Sequence[int] = ()
    ) -> Taken:
        numbers = [int.from_bytes(key[-4:], "big") for key, _ in items]
        if max(numbers) >= 64 and len(refused) < 2:
            refused.append(numbers)
            bench.evict(blob, range(48))
            return Taken.LATER
        return append(items, unproven=unproven, sums=sums)

    monkeypatch.setattr(bench.store, "append", crowded)
    await bench.start()
    report = await bench.fetcher.prefetch([(blob, places(place))])
    assert len(refused) == 2
    assert report.fetched_files == 1
    assert place.sent <= 28 * MIB


class Pulled(FaultyPlace):
    """A cache whose file comes between the first look and the second."""

    looks = 0

    def open_file(self) -> int | None:
        self.looks += 1
        return super().open_file() if self.looks > 1 else None


async def test_what_is_pulled_meanwhile_is_a_local_file(bench: Bench, tmp_path: Path) -> None:
    content = content_of(MIB)
    cache = Pulled(content, label="dvc-cache", local=True)
    cache.file = os.fspath(tmp_path / "object")
    (tmp_path / "object").write_bytes(content)
    await bench.start()
    report = await bench.fetcher.prefetch([(blob_of(content), places(cache))])
    assert (report.local_files, report.fetched_files, report.failed_files) == (1, 0, 0)


async def test_cancelling_withdraws_what_was_asked_for(bench: Bench) -> None:
    contents = [content_of(MIB, seed) for seed in range(50)]
    found = [FaultyPlace(c) for c in contents]
    for place in found:
        place.hold()
    await bench.start(jobs=4)
    async with trio.open_nursery() as nursery:
        items: list[Wanted] = [(blob_of(p.content), places(p)) for p in found]
        nursery.start_soon(bench.fetcher.prefetch, items)
        await bench.until(lambda: bench.fetcher.statistics().queued > 10)
        nursery.cancel_scope.cancel()
    await bench.until(lambda: bench.fetcher.statistics().queued == 0)
    for place in found:
        place.release()
    await bench.quiet()
    assert bench.fetcher.statistics().requests <= 4
    assert not any(bench.resident(blob) for blob, _ in items), "nobody waited for what was running"


async def test_a_reader_keeps_a_cancelled_prefetch_going(bench: Bench) -> None:
    content = content_of(3 * MIB)
    place = FaultyPlace(content)
    place.hold()
    await bench.start()
    blob = blob_of(content)
    result: list[bytes] = []

    async def reader() -> None:
        result.append(await bench.read(blob, [place], 0, 10))

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.fetcher.prefetch, [(blob, places(place))])
            await begun(place, 1)
            outer.start_soon(reader)
            await bench.until(lambda: bench.fetcher.statistics().waiting_readers == 1)
            nursery.cancel_scope.cancel()
        place.release()
    assert result == [content[:10]]
    assert len(place.requests) == 1


async def test_percent_counts_blocks(bench: Bench) -> None:
    content = content_of(10 * MIB)
    blob = blob_of(content)
    await bench.start()
    assert bench.fetcher.resident_percent(blob) == 0
    await bench.read(blob, [FaultyPlace(content)], 5 * MIB, MIB)
    await bench.quiet()
    assert bench.fetcher.resident_percent(blob) == 10
    assert bench.fetcher.resident_percent(Blob(blob.digest, 0)) == 100


async def test_percent_of_a_terabyte_is_cheap(bench: Bench) -> None:
    """Four million lookups would take seconds, and as much from every other thread."""
    blob = scoped(Blob(blob_of(b"").digest, 1 << 40), SCOPE)
    await bench.start()
    bench.store.append([(blob.proven_key + n.to_bytes(4, "big"), b"x") for n in range(50_000)])
    started = time.thread_time()
    assert bench.fetcher.resident_percent(blob) == 1
    assert time.thread_time() - started < 0.5


async def test_local_file_is_opened_if_its_size_is_right(bench: Bench, tmp_path: Path) -> None:
    content = content_of(1000)
    file = tmp_path / "object"
    file.write_bytes(content)
    place = FaultyPlace(content, local=True)
    place.file = os.fspath(file)
    await bench.start()
    found = await bench.fetcher.find_local(blob_of(content), places(place))
    assert found is not None
    assert found.read(0, 1000) == content
    assert await bench.fetcher.find_local(Blob(blob_of(content).digest, 7), places(place)) is None


async def test_degraded_store_keeps_recent_blocks(bench: Bench) -> None:
    content = content_of(9 * MIB)
    place = FaultyPlace(content)
    bench.refuse_to_store()
    await bench.start()
    blob = blob_of(content)
    for offset in range(0, len(content), 64 * 1024):
        assert await bench.read(blob, [place], offset, 64 * 1024) == content[offset:][: 64 * 1024]
    await bench.quiet()
    now = bench.fetcher.statistics()
    assert now.bytes_received == len(content), "no block twice"
    assert 0 < now.memory_cached <= 64 * MIB
