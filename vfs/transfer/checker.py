"""`Checker`: one thread of lowered priority for work that nobody waits for (hashing large blobs).

Rule: orders run one after the other, each once nothing is being fetched or after `PATIENCE`; the result of each is delivered
on the event loop. `stop` forgets orders not begun.
"""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

import trio

T = TypeVar("T")

NICENESS = 10

PATIENCE = 2.0
"""Seconds an order waits for a quiet moment. Hashing costs as much processor time as fetching, so it must not compete with readers
for two cores, and must not wait for ever where something is always being fetched."""

log = logging.getLogger("vfs.transfer")


class Checker:
    """See the module. Made and used on the event loop."""

    def __init__(self, quiet: threading.Event) -> None:
        """`quiet` is set while nothing is being fetched."""
        self._quiet = quiet
        self._token = trio.lowlevel.current_trio_token()
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.pending = 0

    def post(self, order: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Run `order` in the thread, then `done` with its result, or with what it raised, on the loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="vfs-checker", daemon=True)
            self._thread.start()
        self.pending += 1

        def deliver(result: T | Exception) -> None:
            self.pending -= 1
            done(result)

        def task() -> None:
            try:
                result: T | Exception = order()
            except Exception as error:  # noqa: BLE001 - handed to the loop, which knows what to do
                result = error
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(deliver, result)

        self._orders.put(task)

    async def stop(self) -> None:
        """End the thread after the order it is at."""
        self._stopping = True
        self._quiet.set()
        self._orders.put(None)
        if self._thread is not None:
            await trio.to_thread.run_sync(self._thread.join)

    def _work(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # Linux counts threads as processes here
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while (task := self._orders.get()) is not None:
            if not self._stopping:
                self._quiet.wait(PATIENCE)
            if not self._stopping:
                task()
