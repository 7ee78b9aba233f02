"""What the store does not keep is compared with its digest as well."""

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import trio

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of, leave
from vfs.errors import ContentMismatch
from vfs.store import BAD, VERIFIED, ChunkStore, Taken
from vfs.testing.places import FaultyPlace
from vfs.transfer import verification
from vfs.transfer.blocks import Keys
from vfs.transfer.proof import Proof
from vfs.transfer.proving import prove
from vfs.transfer.waiter import Data
from vfs.types import BLOCK_SIZE, Blob

pytestmark = pytest.mark.slow


async def _refused_once(bench: Bench) -> None:
    """Let the fetcher learn that the store takes nothing; until then it fetches further ahead than memory keeps."""
    content = content_of(MIB, 1)
    await bench.read(blob_of(content), [FaultyPlace(content)], 0, MIB)
    await bench.until(lambda: not bench.fetcher._engine.taking)


@pytest.mark.parametrize("limit", [0, 12 * MIB])
@pytest.mark.parametrize("good", [True, False])
async def test_what_does_not_stay_in_the_store_is_proved_too(
    bench: Bench, limit: int, good: bool
) -> None:
    content = content_of(30 * MIB)
    blob = blob_of(content)
    place = FaultyPlace(content if good else content[:-1] + bytes([content[-1] ^ 1]))
    bench.limit_store(limit)
    bench.store.set_verdict(blob.key, BAD)
    await bench.start(memory_limit=64 * MIB)
    if not limit:
        await _refused_once(bench)
    assert bench.fetcher._engine.state(blob, list).suspect
    if good:
        assert await bench.read(blob, [place], 0, 10) == content[:10]
        for offset in range(0, len(content), MIB):
            assert await bench.read(blob, [place], offset, MIB) == content[offset:][:MIB]
        await bench.quiet()  # a block that comes later has not been compared
        await bench.fetcher.verify(blob, lambda: [place])
        if not limit:
            assert place.sent <= 66 * MIB, "once to be compared, once to be read"
    else:
        with pytest.raises(ContentMismatch):
            await bench.read(blob, [place], 0, 10)
    assert bench.verdict(blob) == (1 if good else 2)


async def _wrong_at_its_end(bench: Bench, limit: int) -> tuple[bytes, Blob, FaultyPlace]:
    """A content, its blob, and a place whose last byte is another one, beside a store of a size."""
    content = content_of(48 * MIB)
    bench.limit_store(limit)
    await bench.start(memory_limit=32 * MIB)
    return content, blob_of(content), FaultyPlace(content[:-1] + bytes([content[-1] ^ 1]))


async def _found_wrong(bench: Bench, blob: Blob, place: FaultyPlace) -> None:
    """Read it in order, until that is refused: the last read at the latest."""
    with pytest.raises(ContentMismatch):  # noqa: PT012 - whichever it is
        for offset in range(0, blob.size, MIB):
            await bench.read(blob, [place], offset, MIB)


@pytest.mark.parametrize("limit", [0, 12 * MIB, 1 << 30])
async def test_what_is_read_in_order_is_checked_whatever_the_store_keeps(
    bench: Bench, limit: int
) -> None:
    """It is hashed before it leaves memory, at the pace of hashing at worst; the last block waits for the verdict."""
    content, blob, place = await _wrong_at_its_end(bench, limit)
    engine = bench.fetcher._engine
    with pytest.raises(ContentMismatch):  # noqa: PT012 - the last read at the latest
        for offset in range(0, len(content), MIB):
            await bench.read(blob, [place], offset, MIB)
            assert engine.budget.held + engine.budget.owed <= 32 * MIB
    await bench.quiet()
    assert bench.bad == [blob]
    assert (engine.budget.held, engine.budget.owed, engine.memory.weight) == (0, 0, 0)


async def test_who_reads_in_order_does_not_outrun_a_thread_that_stores(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers have what has come, stored or not; what comes behind it waits to be hashed, and must not be pushed out by what they ask for."""
    _, blob, place = await _wrong_at_its_end(bench, 12 * MIB)
    engine, append, begun, go = bench.fetcher._engine, bench.store.append, threading.Event(), threading.Event()  # fmt: skip
    first = (16).to_bytes(4, "big")

    def held_up(chunks: Sequence[tuple[bytes, Data]], **options: Any) -> Taken:
        if any(key.endswith(first) for key, _ in chunks):
            begun.set()
            go.wait(60)
        return append(chunks, **options)

    monkeypatch.setattr(bench.store, "append", held_up)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_found_wrong, bench, blob, place)
        await bench.until(begun.is_set)
        state = engine.known(blob)
        assert state is not None
        await bench.until(lambda: bool(state.storing))  # somebody waits for that
        go.set()
    await bench.quiet()
    assert bench.bad == [blob]


async def test_what_is_hashed_from_the_store_and_lost_there_is_still_in_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker may have found blocks in the store before it is told that they came; they may be evicted before it reads them."""
    _, blob, place = await _wrong_at_its_end(bench, 12 * MIB)
    append, stored, reached, lost = bench.store.append, threading.Event(), threading.Event(), threading.Event()  # fmt: skip

    def told_late(chunks: Sequence[tuple[bytes, Data]], **options: Any) -> Taken:
        taken = append(chunks, **options)
        if chunks[0][0].endswith(bytes(4)):
            stored.wait(60)
        return taken

    def hashed_late(
        store: ChunkStore, blob: Blob, keys: Keys, proof: Proof, run: range, memory: Any
    ) -> int | bool | None:
        if run.start == 0 and 0 not in memory and not reached.is_set():
            reached.set()
            lost.wait(60)
        return prove(store, blob, keys, proof, run, memory)

    monkeypatch.setattr(bench.store, "append", told_late)
    monkeypatch.setattr(verification, "prove", hashed_late)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_found_wrong, bench, blob, place)
        await bench.until(reached.is_set)
        state = bench.fetcher._engine.known(blob)
        assert state is not None
        stored.set()
        await bench.until(lambda: 0 not in state.arrived)
        bench.evict(blob, range(64))
        lost.set()
    await bench.quiet()
    assert bench.bad == [blob]
    assert bench.fetcher._engine.memory.weight == 0


@pytest.mark.parametrize("limit", [0, 12 * MIB, 1 << 30])
async def test_what_is_read_backwards_is_checked_if_the_store_keeps_it(
    bench: Bench, limit: int
) -> None:
    """Else the rest is gone when its first block comes; it is not fetched once more for this."""
    content, blob, place = await _wrong_at_its_end(bench, limit)
    if not limit:
        await _refused_once(bench)
    for offset in range(47 * MIB, 0, -MIB):
        await bench.read(blob, [place], offset, MIB)
    with pytest.raises(ContentMismatch) if limit > len(content) else nullcontext():
        await bench.read(blob, [place], 0, MIB)
    assert place.sent == len(content)
    assert bench.fetcher.statistics().cut_off == 0
    await bench.quiet()


async def test_a_suspect_blob_that_loses_a_block_is_fetched_on(bench: Bench) -> None:
    """Another process may evict what is about to be compared."""
    content = content_of(40 * MIB)
    blob = blob_of(content)
    bench.store.set_verdict(blob.key, BAD)
    await bench.start()
    place = FaultyPlace(content)
    place.hold_at(38 * MIB)  # 2 MiB are stored at once
    got: list[bytes] = []

    async def read() -> None:
        got.append(await bench.read(blob, [place], 0, 10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await bench.until(lambda: len(bench.resident(blob)) >= 38 * 4)
        bench.evict(blob, range(4, 152))
        place.release()
    assert got == [content[:10]]


@pytest.mark.parametrize("limit", [0, 12 * MIB])
async def test_what_may_be_lost_is_hashed_while_others_fetch(
    bench: Bench, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what stays in the store waits for a quiet moment."""
    monkeypatch.setattr("vfs.transfer.checker.PATIENCE", 1000)
    content, other = content_of(20 * MIB), FaultyPlace(content_of(1000, 1))
    bench.limit_store(limit)
    await bench.start()
    other.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob_of(other.content), [other], 0, 10)
        await begun(other, 1)
        blob, place = blob_of(content), FaultyPlace(content)
        for offset in range(0, len(content), MIB):
            await bench.read(blob, [place], offset, MIB)
        # the verdict goes again if a block comes that was evicted before it was read
        # One that was evicted before it was hashed has to be read once more; it may evict another one.
        with trio.fail_after(100):
            while limit and not bench.fetcher.statistics().verified:
                with trio.move_on_after(5):
                    await bench.until(lambda: bench.fetcher.statistics().verified > 0)
                    break
                for block in set(range(80)) - set(bench.resident(blob)):
                    await bench.read(blob, [place], block * BLOCK_SIZE, 10)
        await bench.until(lambda: bench.fetcher.statistics().verified > 0)
        other.release()


async def test_a_gap_that_is_given_up_keeps_nothing_in_memory(bench: Bench) -> None:
    content = content_of(9 * MIB)
    blob, first, second = (
        blob_of(content),
        FaultyPlace(content),
        FaultyPlace(content, label="second"),
    )
    first.hold()
    first.break_at = lambda number, request: 1000
    bench.limit_store(8 * MIB)
    await bench.start()
    budget = bench.fetcher._engine.budget
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob, [first], 0, 10)
        await begun(first, 1)
        bench.fetcher.places_changed()
        await bench.read(blob, [second], 5 * MIB, 10)
        await bench.until(lambda: budget.waiting == BLOCK_SIZE)
        nursery.cancel_scope.cancel()
    first.release()
    await bench.quiet()
    assert budget.waiting == 0


async def test_what_waits_to_be_hashed_is_not_fetched_again(bench: Bench) -> None:
    """A block that comes once more takes the verdict back, as nobody has compared it."""
    content = content_of(9 * MIB)
    blob, first, second = blob_of(content), FaultyPlace(content), FaultyPlace(content, label="two")
    first.hold()
    bench.limit_store(16 * MIB)  # with 7 of another it has no room for 9, and those go first
    assert leave(bench.store, blob_of(content[: 7 * MIB]), content, range(28))
    await bench.start()
    budget = bench.fetcher._engine.budget
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob, [first], 0, 10)
        await begun(first, 1)
        bench.fetcher.places_changed()
        await bench.read(blob, [second], 5 * MIB, 10)
        await bench.until(lambda: budget.waiting == BLOCK_SIZE)
        bench.evict(blob, [20])
        nursery.start_soon(bench.fetcher.verify, blob, lambda: [second])
        await bench.until(lambda: budget.waiting + budget.owed > 6 * MIB)
        asked = [start for start, length in second.ranges if start <= 5 * MIB < start + length]
        assert len(asked) == 1
        first.release()
    assert bench.verdict(blob) == VERIFIED


async def test_what_comes_while_nothing_is_stored_is_not_verified(bench: Bench) -> None:
    """Until all of it was compared once more."""
    content = content_of(9 * MIB)
    blob = blob_of(content)
    bench.refuse_to_store()
    bench.store.set_verdict(blob.key, VERIFIED)
    await bench.start()
    await bench.read(blob, [FaultyPlace(content)], 0, 10)
    await bench.quiet()
    assert bench.verdict(blob) != VERIFIED
    await bench.fetcher.verify(blob, lambda: [FaultyPlace(content)])
    assert bench.verdict(blob) == VERIFIED
