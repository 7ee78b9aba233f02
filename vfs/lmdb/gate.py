"""`Gate`: what the transactions of an environment pass, and what a resize of its map, or a fork, closes.

LMDB resizes a map only while no transaction of the process is open, and a child can close its copy only if none was.

Rule: nobody waits for a transaction that hangs with another process: `Busy`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vfs.lmdb.holder import PATIENCE
from vfs.lmdb.orders import Busy


class Gate:
    """See the module. No lock: readers in a tight loop would starve a writer of it.

    A reader shows itself and then looks at the gate; a resize closes the gate and then looks
    for readers. So one of them always sees the other.

    Attributes:
        inside: one item per open transaction.
    """

    def __init__(self, hangs: Callable[[], bool], held: Callable[[], str]) -> None:
        """`hangs` tells whether a transaction does, `held` what to say then."""
        self.inside: deque[None] = deque()
        self._hangs, self._held = hangs, held
        self._shut = False
        self._opened = threading.Event()
        self._left = threading.Event()
        self._resizing = threading.Lock()

    def enter(self) -> None:
        """Pass, once it is open."""
        while True:
            self.inside.append(None)
            if not self._shut:
                return
            self.leave()
            self._opened.wait()

    def leave(self) -> None:
        """A transaction has ended."""
        self.inside.pop()
        if self._shut:
            self._left.set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no transaction of this process is open. Raises Busy if one hangs."""
        self.shut()
        try:
            yield
        finally:
            self.open()

    def shut(self) -> None:
        """Wait until no transaction of this process is open; none begins before `open`. Raises Busy if one hangs."""
        until = time.monotonic() + PATIENCE
        if not self._resizing.acquire(timeout=PATIENCE):
            raise Busy(self._held())
        try:
            self._opened.clear()
            self._shut = True
            while True:
                self._left.clear()
                if not self.inside:
                    break
                rest = 0 if self._hangs() else until - time.monotonic()
                if not self._left.wait(max(0, rest)):
                    raise Busy(self._held())
        except BaseException:
            self.open()
            raise

    def open(self) -> None:
        """Undo `shut`."""
        self._shut = False
        self._opened.set()
        self._resizing.release()
