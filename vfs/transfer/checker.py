"""`Checker`: two threads that hash large blobs, one of them of lowered priority.

Rules: orders that somebody waits for, or that keep bytes in memory, are *urgent*: they run one after the other, at once, in a thread of
ordinary priority: on a busy machine a lowered one gets next to nothing, and the reader of a whole file waits for it. What
nobody waits for runs in the other thread, when nothing is being fetched, or after `PATIENCE`. The result of each is delivered on the event loop.
What raises there, where trio would end the process, is logged. `stop` forgets orders not begun.
"""

import contextlib
import functools
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import trio

from vfs.transfer.failures import shielded

T = TypeVar("T")

Task = Callable[[], None]

NICENESS = 10
"""Priority of the thread for what nobody waits for; lowering it is for good without privileges, hence two threads."""

LAST_SECONDS = 5.0
"""How long the end waits for an order: hashing a piece takes a fraction of that, and a local file may lie on a network that hangs."""

PATIENCE = 2.0
"""Seconds an order waits for a quiet moment. Hashing costs as much processor time as fetching, so it must not compete with readers
for two cores, and must not wait for ever where something is always being fetched."""


class Checker:
    """See the module. Made and used on the event loop."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._urgent: deque[Task] = deque()
        self._others: deque[Task] = deque()
        self._changed = threading.Condition()  # guards the queues and the flags
        self._quiet = True
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self.pending = 0

    def fetching(self, some: bool) -> None:
        """Tell whether anything is being fetched."""
        if self._quiet is some:
            with self._changed:
                self._quiet = not some
                self._changed.notify_all()

    def post(
        self,
        order: Callable[[], T],
        done: Callable[[T | Exception], None],
        *,
        urgent: bool = False,
        failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """Run `order` in a thread, then `done` with its result, or with what it raised, on the loop; `failed` if that raises."""
        if not self._threads:
            self._start("vfs-checker", self._next_urgent, 0)
            self._start("vfs-checker-later", self._next_other, NICENESS)
        self.pending += 1

        def deliver(result: T | Exception) -> None:
            self.pending -= 1
            if (error := shielded("a check", functools.partial(done, result))) is not None:
                shielded("a check", functools.partial(failed, error))

        def task() -> None:
            try:
                result: T | Exception = order()
            except Exception as error:  # noqa: BLE001 - handed to the loop, which knows what to do
                result = error
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(deliver, result)

        with self._changed:
            (self._urgent if urgent else self._others).append(task)
            self._changed.notify_all()

    def hurry(self) -> None:
        """What was posted so far is urgent now."""
        with self._changed:
            self._urgent.extend(self._others)
            self._others.clear()
            self._changed.notify_all()

    async def stop(self) -> None:
        """End the threads after the orders they are at, if those come to an end soon."""
        with self._changed:
            self._stopping = True
            self.pending -= len(self._urgent) + len(self._others)
            self._urgent.clear()
            self._others.clear()
            self._changed.notify_all()
        if self._threads:
            await trio.to_thread.run_sync(self._join)

    def _start(self, name: str, following: Callable[[], Task | None], niceness: int) -> None:
        def work() -> None:
            if niceness:
                with contextlib.suppress(OSError, AttributeError):
                    # Linux counts threads as processes here
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
            while (task := following()) is not None:
                task()

        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _join(self) -> None:
        until = time.monotonic() + LAST_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _next_urgent(self) -> Task | None:
        """The urgent order to run now; waits for one; None at the end."""
        with self._changed:
            while not self._stopping:
                if self._urgent:
                    return self._urgent.popleft()
                self._changed.wait()
        return None

    def _next_other(self) -> Task | None:
        """The order nobody waits for to run now; waits for one, and for its moment; None at the end."""
        until = 0.0
        with self._changed:
            while not self._stopping:
                if not self._others:
                    until = 0.0
                    self._changed.wait()
                    continue
                until = until or time.monotonic() + PATIENCE
                left = until - time.monotonic()
                if self._quiet or left <= 0:
                    return self._others.popleft()
                self._changed.wait(left)
        return None
