"""The checker: what somebody waits for is not behind what nobody waits for."""

import os
import threading

import trio

from vfs.transfer.checker import NICENESS, Checker


async def test_an_urgent_order_does_not_wait_for_one_that_runs_and_is_not() -> None:
    checker = Checker()
    began, release, done = threading.Event(), threading.Event(), trio.Event()

    def slow() -> None:
        began.set()
        release.wait(30)

    checker.post(slow, lambda _: None)
    assert await trio.to_thread.run_sync(began.wait, 30)
    checker.post(lambda: None, lambda _: done.set(), urgent=True)
    try:
        with trio.fail_after(30):
            await done.wait()
        assert not release.is_set()
    finally:
        release.set()
        await checker.stop()


async def test_only_what_nobody_waits_for_has_a_lowered_priority() -> None:
    checker = Checker()
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    found: dict[bool, int | Exception] = {}
    both = trio.Event()

    def note(urgent: bool, priority: int | Exception) -> None:
        found[urgent] = priority
        if len(found) == 2:
            both.set()

    for urgent in (True, False):
        checker.post(
            lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()),
            lambda priority, urgent=urgent: note(urgent, priority),  # type: ignore[misc]
            urgent=urgent,
        )
    with trio.fail_after(30):
        await both.wait()
    await checker.stop()
    assert found == {True: here, False: NICENESS}


async def test_what_was_posted_is_hurried() -> None:
    checker = Checker()
    checker.fetching(True)
    done = trio.Event()
    checker.post(lambda: None, lambda _: done.set())
    checker.hurry()
    with trio.fail_after(30):
        await done.wait()
    await checker.stop()
    assert checker.pending == 0
