"""Pools of worker threads."""

import threading

import pytest
import trio

from vfs.threads import THREADS, Pool, run_within


async def test_work_that_hangs_gives_its_slot_back() -> None:
    end = threading.Event()
    most = int(THREADS[Pool.LOCAL])
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(most):
                nursery.start_soon(_too_slow, end)
        assert await run_within(10, Pool.LOCAL, lambda: "free") == "free"
    finally:
        end.set()


async def _too_slow(end: threading.Event) -> None:
    with pytest.raises(trio.TooSlowError):
        await run_within(0.05, Pool.LOCAL, end.wait, 30)
