"""Which read of a large blob waits for the verdict, and for how long: that with which readers have had all of it."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.unit.transfer.bench import MIB, Bench, begun, blob_of, content_of, leave, offsets
from vfs.errors import ContentMismatch
from vfs.store import VERIFIED, Taken
from vfs.testing.places import FaultyPlace
from vfs.transfer.place import Buffer
from vfs.transfer.proof import Proof
from vfs.transfer.state import BlobState
from vfs.types import Blob


async def test_it_waits_for_as_long_as_something_is_hashed(
    bench: Bench, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes longer than the deadline to be read back is no fault of it."""
    content, turns, advance = content_of(40 * MIB), threading.Semaphore(0), Proof.advance

    def slow(proof: Proof, run: range, read: Callable[[int], Any]) -> int | None:
        assert turns.acquire(timeout=30)
        return advance(proof, run, read)

    monkeypatch.setattr(Proof, "advance", slow)
    blob, place, end = blob_of(content), FaultyPlace(content), 39 * MIB
    await bench.start()
    for offset in range(0, end, MIB):
        await bench.read(blob, [place], offset, MIB)
    await bench.until(lambda: len(bench.resident(blob)) == 160)
    got: list[bytes] = []

    async def read_on() -> None:
        got.append(await bench.read(blob, [place], end, MIB))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_on)
        await wait_all_tasks_blocked()
        state = bench.fetcher._engine.state(blob, lambda: [place])
        while (proof := state.proof) is not None:
            mock_clock.jump(bench.limits.deadline - 1)
            await hashes_on(bench, state, proof, turns)
    assert got == [content[end:]]


async def hashes_on(
    bench: Bench, state: BlobState, proof: Proof, turns: threading.Semaphore
) -> None:
    hashed = proof.frontier
    turns.release()
    await bench.until(lambda: state.proof is not proof or proof.frontier > hashed)
    await wait_all_tasks_blocked()


async def test_the_last_block_of_what_was_not_read_whole_waits_for_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfs.transfer.checker.PATIENCE", 1000)
    content, other = content_of(20 * MIB), FaultyPlace(content_of(1000, 1))
    blob, place = blob_of(content), FaultyPlace(content)
    await bench.start(deadline=5)
    other.hold()  # nothing is hashed that nobody waits for
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.read, blob_of(other.content), [other], 0, 10)
        await begun(other, 1)
        await bench.read(blob, [place], 0, 9 * MIB)
        assert await bench.read(blob, [place], len(content) - 10, 10) == content[-10:]
        assert bench.fetcher.statistics().checking
        assert bench.verdict(blob) != VERIFIED
        for offset in range(9 * MIB, len(content), MIB):
            await bench.read(blob, [place], offset, MIB)
        assert bench.verdict(blob) == VERIFIED, "the last read was told"
        other.release()


@pytest.mark.parametrize("left", [range(0), range(36), range(20, 36), range(35), range(1, 20)])
@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_who_reads_all_of_a_wrong_one_is_told(
    bench: Bench, left: range, seed: int | None
) -> None:
    """In whatever order, and whatever an earlier process has left of it."""
    content = bytearray(content_of(9 * MIB))
    blob = blob_of(bytes(content))
    content[5 * MIB] ^= 1
    place = FaultyPlace(bytes(content))
    leave(bench.store, blob, bytes(content), left)
    await bench.start()
    for offset in offsets(len(content), seed)[:-1]:
        with suppress(ContentMismatch):  # it may be told already
            await bench.read(blob, [place], offset, 1)
    for _ in range(2):
        with pytest.raises(ContentMismatch):
            await bench.read(blob, [place], offsets(len(content), seed)[-1], 1)


async def test_the_end_of_what_an_earlier_process_left_waits_for_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, hashing, gate = content_of(20 * MIB), threading.Event(), threading.Event()
    blob, place, advance = blob_of(content), FaultyPlace(content), Proof.advance

    def slow(proof: Proof, run: range, read: Callable[[int], Any]) -> int | None:
        hashing.set()
        assert gate.wait(30)
        return advance(proof, run, read)

    monkeypatch.setattr(Proof, "advance", slow)
    leave(bench.store, blob, content, range(80))
    await bench.start()
    bench.fetcher.examine(blob, lambda: [place])
    await bench.until(hashing.is_set)
    assert await bench.read(blob, [place], len(content) - 10, 10) == content[-10:]
    assert bench.fetcher.statistics().checking
    gate.set()


async def test_one_of_those_who_read_all_of_it_at_once_waits_if_nothing_is_stored_yet(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(content_of(5 * MIB))
    blob = blob_of(bytes(content))
    content[2 * MIB] ^= 1
    place, gate = FaultyPlace(bytes(content)), threading.Event()
    append, waiting = bench.store.append, set[int]()

    def late(
        items: Sequence[tuple[bytes, Buffer]], *, unproven: bytes, sums: Sequence[int]
    ) -> Taken:
        waiting.update(int.from_bytes(key[-4:], "big") for key, _ in items)
        assert gate.wait(30)
        return append(items, unproven=unproven, sums=sums)

    monkeypatch.setattr(bench.store, "append", late)
    await bench.start()
    async with trio.open_nursery() as nursery:
        place.hold()
        told: list[int] = []
        for offset in range(0, 5 * MIB, MIB):
            nursery.start_soon(_is_read, bench, blob, place, offset, told)
        await begun(place, 1)
        await wait_all_tasks_blocked()
        place.release()
        await bench.until(lambda: 19 in waiting)
        await wait_all_tasks_blocked()
        gate.set()
    assert told


async def _is_read(
    bench: Bench, blob: Blob, place: FaultyPlace, offset: int, told: list[int]
) -> None:
    try:
        await bench.read(blob, [place], offset, MIB)
    except ContentMismatch:
        told.append(offset)
