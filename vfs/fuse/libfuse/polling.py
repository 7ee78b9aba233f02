"""A stand-in for the trio functions pyfuse3 waits with.

pyfuse3's loop takes a lock, registers with epoll and reschedules around every request; that is its largest cost per request
(about a third, `make bench`). It looks its scheduler up in the module attribute `pyfuse3.trio` (its asyncio mode replaces it
likewise), so this module puts a cheaper one there: the lock is not handed over, and the descriptor is polled with a
zero timeout before the task suspends. A burst is bounded, so that other tasks (fetches, control) run.
"""

import select
import time
from types import SimpleNamespace
from typing import Any, Final

import trio
import trio.lowlevel

BURST: Final = 64
"""Requests answered in a row before the loop runs other tasks (about 5 ms of work)."""

SPIN: Final = 30e-6
"""Seconds to poll for the next request: about what a client needs to wake up and send it."""


class Lock:
    """A mutual exclusion lock for tasks of which any will do, as pyfuse3's workers are.

    Letting go wakes one waiter but does not hand the lock over: whoever comes first takes it. A worker that answers without
    waiting for anything is back before the woken one has run, so a run of such requests costs no switch of tasks at all; when it
    does wait, the woken one goes on reading. INV: while the lock is free and somebody waits, one waiter is awake.
    """

    def __init__(self) -> None:
        self._held = False
        self._woken = False  # a waiter is awake and has not looked yet
        self._waiting = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> None:
        """Take the lock; no checkpoint when it is free."""
        while self._held:
            await self._waiting.park()
            self._woken = False
        self._held = True

    async def __aexit__(self, *_exc: object) -> None:
        """Let go; never a checkpoint."""
        self._held = False
        if not self._woken and self._waiting.unpark():
            self._woken = True


class Poller:
    """`wait_readable` that polls first.

    Attributes:
        spin: seconds to poll before suspending; 0 polls once.
    """

    def __init__(self, spin: float = SPIN, burst: int = BURST) -> None:
        self.spin = spin
        self.burst = burst
        self._left = burst
        self._polls: dict[int, select.poll] = {}

    async def wait_readable(self, descriptor: int) -> None:
        """Return when the descriptor has a request; runs other tasks at least every `burst` requests."""
        if self._left > 0:
            poll = self._polls.get(descriptor) or self._register(descriptor)
            if poll.poll(0):
                self._left -= 1
                return
            if self.spin:
                until = time.perf_counter() + self.spin
                while time.perf_counter() < until:
                    if poll.poll(0):
                        self._left -= 1
                        return
        self._left = self.burst
        await trio.lowlevel.wait_readable(descriptor)

    def _register(self, descriptor: int) -> select.poll:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        self._polls[descriptor] = poll
        return poll


class _Lowlevel:
    """`trio.lowlevel` with another `wait_readable`."""

    def __init__(self, poller: Poller) -> None:
        self.wait_readable = poller.wait_readable

    def __getattr__(self, name: str) -> Any:
        return getattr(trio.lowlevel, name)


def stand_in(poller: Poller) -> SimpleNamespace:
    """The object to put into `pyfuse3.trio`."""
    return SimpleNamespace(
        Lock=Lock,
        lowlevel=_Lowlevel(poller),
        open_nursery=trio.open_nursery,
        ClosedResourceError=trio.ClosedResourceError,
        from_thread=trio.from_thread,
        to_thread=trio.to_thread,
    )
