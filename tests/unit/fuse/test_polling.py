"""The stand-in for trio keeps trio's promises: exclusion, order, and that other tasks run."""

import os

import trio
import trio.testing

from vfs.fuse.libfuse.polling import Lock, Poller, stand_in


async def test_the_lock_excludes_and_everybody_gets_it() -> None:
    lock = Lock()
    order: list[int] = []
    inside = 0

    async def use(number: int) -> None:
        nonlocal inside
        async with lock:
            inside += 1
            assert inside == 1
            order.append(number)
            await trio.testing.wait_all_tasks_blocked()
            inside -= 1

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(use, number)
            await trio.testing.wait_all_tasks_blocked(0.0)
    assert sorted(order) == list(range(5))


async def test_who_lets_go_and_comes_back_at_once_does_not_wait_for_others() -> None:
    lock = Lock()
    turns: list[str] = []

    async def other() -> None:
        async with lock:
            turns.append("other")

    async with trio.open_nursery() as nursery:
        async with lock:
            nursery.start_soon(other)
            await trio.testing.wait_all_tasks_blocked()
        for _ in range(3):
            async with lock:
                turns.append("same")
    assert turns == ["same", "same", "same", "other"]


async def test_a_free_lock_always_has_a_waiter_awake() -> None:
    """A woken waiter that finds the lock taken again is woken again."""
    lock = Lock()
    served = 0

    async def use() -> None:
        nonlocal served
        for _ in range(50):
            async with lock:
                served += 1
                if served % 3 == 0:
                    await trio.lowlevel.checkpoint()
            if served % 2:
                await trio.lowlevel.checkpoint()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(use)
    assert served == 200


async def test_a_waiter_that_is_cancelled_does_not_keep_the_lock() -> None:
    lock = Lock()
    async with trio.open_nursery() as nursery:
        async with lock:
            with trio.CancelScope() as scope:
                scope.cancel()
                async with lock:
                    raise AssertionError("the lock was held")
        with trio.fail_after(5):
            async with lock:
                nursery.cancel_scope.cancel()


async def test_waiting_returns_when_something_can_be_read() -> None:
    reading, writing = os.pipe()
    poller = Poller(spin=0.0)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poller.wait_readable, reading)
            await trio.testing.wait_all_tasks_blocked()
            os.write(writing, b"x")
            with trio.fail_after(5):
                await poller.wait_readable(reading)
    finally:
        os.close(reading)
        os.close(writing)


async def test_other_tasks_run_within_a_burst() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x")  # always readable
    poller = Poller(spin=0.0, burst=8)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(other)
            for _ in range(100):
                await poller.wait_readable(reading)
            nursery.cancel_scope.cancel()
    finally:
        os.close(reading)
        os.close(writing)
    assert turns >= 100 // 9 - 1


async def test_closing_wakes_a_waiter() -> None:
    reading, writing = os.pipe()
    trio_like = stand_in(Poller(spin=0.0))
    closed = False

    async def wait() -> None:
        nonlocal closed
        try:
            await trio_like.lowlevel.wait_readable(reading)
        except trio_like.ClosedResourceError:
            closed = True

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            trio_like.lowlevel.notify_closing(reading)
    finally:
        os.close(reading)
        os.close(writing)
    assert closed
