"""Reads that could not be answered at once: how many wait, how long they took, and under which id the log tells of them.

Rule: what is answered from memory meets none of this. The event loop alone changes it; figures may be read in any thread.
"""

import time
from contextvars import Token
from types import TracebackType

from vfs.fs.heat import Heat
from vfs.log.requests import begin, end
from vfs.metrics import Waits


class Stalls(Waits):
    """All such reads of a mount.

    Attributes:
        missed: reads that had to ask for bytes which were not on this machine.
        served: reads that ended, of those that did not.
    """

    def __init__(self, heat: Heat) -> None:
        super().__init__()
        self.heat = heat
        self.missed = 0
        self.served = 0

    def ended(self, inode: int, began: float, *, missed: bool) -> None:
        """A read has its bytes, or an error."""
        self.heat.waits(inode, self.ends(began, time.monotonic()))
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
        self._stalls.ended(self._inode, self._began, missed=self.missed)
        end(self._token, error)
