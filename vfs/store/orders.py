"""`Orders`: what is to be written to the index, so that one thread at most hangs with another process, and nobody waits for it.

LMDB has one writer at a time among all processes, and waits for it without a limit: one that was stopped (^Z, a debugger) in the middle of a
transaction holds up all others until it goes on or ends.

Rules:
- A thread of its own begins transactions. Who orders one waits for its beginning `PATIENCE` seconds at most; an order that was given up then is
  never carried out.
- Chunks of a GET are put into the index by the GET's thread (`run_here`), which nobody waits for and which costs half as much; one at a time, so that one
  hangs at most.
- Once either has waited longer than that, all are refused at once. Reading needs no writer.
"""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar, cast

from vfs.errors import StoreError

T = TypeVar("T")
Transact = Callable[[Callable[[Any], T]], T]

PATIENCE: Final = 3.0

_HELD: Final = "the cache index cannot be written to now"

_log = logging.getLogger("vfs.store")


class Busy(StoreError):
    """Another process holds up all who want to write, for a while."""


class _GivenUp(Exception):
    """Nobody waits for a transaction any more that has begun at last."""


class _Order(Generic[T]):
    """A transaction: whoever takes `claim` first, the thread or the one who waits, decides whether it is carried out."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.claim = threading.Lock()
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.result: T
        self.begins: Callable[[], None]
        self._function = function
        self._begun = False

    def __call__(self, transaction: Any) -> T:
        if not (self._begun or self.claim.acquire(blocking=False)):
            raise _GivenUp
        self._begun = True  # it may be called again, after the map has grown
        self.begins()
        return self._function(transaction)


class Orders:
    """See the module. The thread is started with the first order."""

    def __init__(self, transact: Transact[Any]) -> None:
        self._transact = transact
        self._queue: SimpleQueue[_Order[Any] | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._here = threading.Lock()
        self._since: float | None = None  # when the thread began to wait
        self._since_here: float | None = None
        self._said = False
        self._ended = False

    def run_here(self, function: Callable[[Any], T]) -> T:
        """As `run`, in this thread; it hangs if it is the first one to meet a process that does not go on."""

        def begun(transaction: Any) -> T:
            self._since_here = None
            return function(transaction)

        if self._hangs() or not self._here.acquire(timeout=PATIENCE):
            raise Busy(_HELD)
        try:
            self._since_here = time.monotonic()
            return cast("T", self._transact(begun))
        finally:
            self._since_here = None
            self._here.release()

    def run(self, function: Callable[[Any], T]) -> T:
        """Call a function in a write transaction.

        Raises:
            Busy: another process has held the writer's lock for too long.
            StoreError: as the transaction.
        """
        if self._ended:
            return cast("T", self._transact(function))
        if self._hangs():
            raise Busy(_HELD)
        order = _Order(function)
        self._start()
        self._queue.put(order)
        if not order.done.wait(PATIENCE) and order.claim.acquire(blocking=False):
            raise Busy(_HELD)
        order.done.wait()
        if order.error is not None:
            raise order.error
        return order.result

    def stop(self) -> bool:
        """End the thread after what was ordered; False if it hangs."""
        self._ended = True  # who comes later is told by the index itself that it is closed
        if not self._here.acquire(timeout=0 if self._hangs() else PATIENCE):
            return False
        self._here.release()
        thread = self._thread
        if thread is None:
            return True
        self._queue.put(None)
        thread.join(0 if self._hangs() else PATIENCE)
        return not thread.is_alive()

    def _hangs(self) -> bool:
        hangs = any(
            since is not None and time.monotonic() - since > PATIENCE
            for since in (self._since, self._since_here)
        )
        if hangs and not self._said:
            _log.warning(
                "%s; a process that was stopped holds its lock: until it goes on, or ends, nothing is cached",
                _HELD,
            )
        self._said = hangs
        return hangs

    def _start(self) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._work, name="vfs-index", daemon=True
                    )
                    self._thread.start()

    def _begins(self) -> None:
        self._since = None

    def _work(self) -> None:
        while (order := self._queue.get()) is not None:
            if order.claim.locked():
                continue
            self._since = time.monotonic()
            order.begins = self._begins
            try:
                order.result = self._transact(order)
            except _GivenUp:
                pass
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                order.error = error
            self._since = None
            order.done.set()
