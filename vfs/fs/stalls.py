"""Reads that could not be answered at once: how many wait, how long they took, and under which id the log tells of them.

Rule: what is answered from memory meets none of this. The event loop alone changes it; figures may be read in any thread.
"""

import time
from contextvars import Token
from types import TracebackType

from vfs.fs.heat import Heat
from vfs.log.requests import begin, end
from vfs.metrics import Histogram


class Stalls:
    """All such reads of a mount.

    Attributes:
        waiting: reads that wait now.
        missed: reads that had to ask for bytes which were not on this machine.
        served: reads that ended, of those that did not.
        lasted: how long those took that ended.
    """

    def __init__(self, heat: Heat) -> None:
        self.heat = heat
        self.waiting = 0
        self.missed = 0
        self.served = 0
        self.lasted = Histogram()
        self._ended = 0.0
        self._began = 0.0  # the sum of when those began that wait now

    def seconds(self) -> float:
        """How long readers have waited, all together, those that wait now included."""
        return self._ended + max(0.0, self.waiting * time.monotonic() - self._began)

    def begins(self, now: float) -> None:
        """A read begins to wait."""
        self.waiting += 1
        self._began += now

    def ends(self, inode: int, began: float, now: float, *, missed: bool) -> None:
        """It has its bytes, or an error."""
        self.waiting -= 1
        self._began = self._began - began if self.waiting else 0.0
        self._ended += now - began
        self.lasted.add(now - began)
        self.heat.waits(inode, now - began)
        if missed:
            self.missed += 1
        else:
            self.served += 1


class Stall:
    """One read that waits, as a context.

    Attributes:
        missed: its bytes were not on this machine.
    """

    __slots__ = ("_began", "_inode", "_stalls", "_token", "missed")

    _token: Token[str]

    def __init__(self, stalls: Stalls, inode: int) -> None:
        self._stalls = stalls
        self._inode = inode
        self._began = 0.0
        self.missed = False

    def __enter__(self) -> "Stall":
        self._token = begin()
        self._began = time.monotonic()
        self._stalls.begins(self._began)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stalls.ends(self._inode, self._began, time.monotonic(), missed=self.missed)
        end(self._token, error)
