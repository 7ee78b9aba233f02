"""How long the read waits with which readers have had all of a large blob."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.unit.transfer.bench import MIB, Bench, blob_of, content_of
from vfs.testing.places import FaultyPlace
from vfs.transfer.proof import Proof
from vfs.transfer.state import BlobState


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
