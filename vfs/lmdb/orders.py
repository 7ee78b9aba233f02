"""`Orders`: what is to be written to an environment, so that one thread at most hangs with another process, and nobody waits for it.

LMDB has one writer at a time among all processes, and waits for it without a limit: one that was stopped (^Z, a debugger) in the middle of a
transaction holds up all others until it goes on or ends.

Rules:
- A thread of its own begins transactions. Who orders one waits as long as something moves: once nothing has begun or ended for `PATIENCE` seconds,
  it is refused, and never carried out later.
- Chunks of a GET are put into the index by the GET's thread (`run_here`), which nobody waits for and which costs half as much; one at a time, so that one
  hangs at most.
- Once either has waited longer than that, all are refused at once.
- Reading needs no writer, but where another process has made the map grow: it has to grow here, which waits for the transaction that hangs (`PATIENCE`, then
  `Busy`) and holds up all readers meanwhile. So maps are as large from the start as they will hardly ever be.
- The clock runs at each beginning: after the map has grown a transaction begins again.
"""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar, cast

from vfs.errors import StoreError
from vfs.lmdb.holder import PATIENCE

T = TypeVar("T")

_log = logging.getLogger("vfs.lmdb")


class Busy(StoreError):
    """Another process holds up all who want to write, for a while."""


class Closed(StoreError):
    """An environment was used that is closed, here or because of a fork."""


class GivenUp(Exception):
    """Nobody waits for a transaction any more that has begun at last."""


class Order(Generic[T]):
    """A transaction: whoever takes `claim` first, the thread or the one who waits, decides whether it is carried out."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function = function
        self.claim = threading.Lock()
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.result: T
        self.since: float | None = None  # when it began to wait for the writer's lock
        self._begun = False

    def waits(self) -> None:
        """It begins to wait for the writer's lock, perhaps again."""
        self.since = time.monotonic()
        if self._begun:
            self._begun = False
            self.claim.release()

    def begins(self) -> None:
        """It has the lock. Raises GivenUp."""
        if not self.claim.acquire(blocking=False):
            raise GivenUp
        self._begun, self.since = True, None


class Orders:
    """See the module. The thread is started with the first order."""

    def __init__(
        self,
        transact: Callable[[Order[Any]], Any],
        held: Callable[[], str],
        closed: Callable[[], Closed],
    ) -> None:
        """`transact` carries out an order in a transaction, `held` says what cannot be written to, and who holds it, `closed` what is closed."""
        self._transact = transact
        self._held = held
        self._closed = closed
        self._queue: SimpleQueue[Order[Any] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._moved = 0.0  # when the thread last began or ended an order
        self._here = threading.Lock()
        self._current: Order[Any] | None = None
        self._current_here: Order[Any] | None = None
        self._said = False
        self._ended = False
        self._then: Callable[[], object]

    def run_here(self, function: Callable[[Any], T]) -> T:
        """As `run`, in this thread; it hangs if it is the first one to meet a process that does not go on."""
        if self.hangs() or not self._here.acquire(timeout=PATIENCE):
            raise Busy(self._held())
        try:
            self._current_here = order = Order(function)
            order.waits()
            return cast("T", self._transact(order))
        finally:
            self._current_here = None
            self._here.release()

    def run(self, function: Callable[[Any], T]) -> T:
        """Call a function in a write transaction.

        Raises:
            Busy: another process has held the writer's lock for too long.
            Closed: it was, or is being, closed.
            StoreError: as the transaction.
        """
        if self._ended:
            raise self._closed()
        if self.hangs():
            raise Busy(self._held())
        order, ordered = Order(function), time.monotonic()
        self._start()
        self._queue.put(order)
        if self._ended and order.claim.acquire(blocking=False):  # perhaps behind the last one
            raise self._closed()
        while not order.done.wait(max(0, max(ordered, self._moved) + PATIENCE - time.monotonic())):
            if time.monotonic() - max(ordered, self._moved) < PATIENCE:
                continue
            if order.claim.acquire(blocking=False):
                raise Busy(self._held())
            order.done.wait(PATIENCE)  # it is being carried out
        if order.error is not None:
            raise order.error
        return order.result

    def stop(self, then: Callable[[], object] = lambda: None) -> bool:
        """End the thread after what was ordered, and call `then` behind its last order; False if it hangs now."""
        self._ended = True
        if not self._here.acquire(timeout=0 if self.hangs() else PATIENCE):
            return False
        self._here.release()
        thread = self._thread
        if thread is None:
            then()
            return True
        self._then = then
        self._queue.put(None)
        thread.join(0 if self.hangs() else PATIENCE)
        return not thread.is_alive()

    def hangs(self) -> bool:
        """Whether somebody has waited too long for the lock, and does still."""
        hangs = any(
            order is not None
            and (since := order.since) is not None
            and time.monotonic() - since > PATIENCE
            for order in (self._current, self._current_here)
        )
        if hangs and not self._said:
            _log.warning("%s; until it goes on, or ends, nothing is kept there", self._held())
        self._said = hangs
        return hangs

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._work, name="vfs-writer", daemon=True
                    )
                    self._thread.start()

    def _work(self) -> None:
        while (order := self._queue.get()) is not None:
            if order.claim.locked():
                continue
            self._moved = time.monotonic()
            self._current = order
            order.waits()
            try:
                order.result = self._transact(order)
            except GivenUp:
                pass
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                order.error = error
            self._current = None
            self._moved = time.monotonic()
            order.done.set()
        self._then()
