"""When a request counts as late, and how many may be sent a second time.

Source: "The Tail at Scale" (Dean, Barroso, 2013): a second request after the time that nearly all answers take costs little
and takes the tail away. Rules:
  * late is what takes longer than the 99th percentile of its kind, and than four medians, and than 50 ms; nothing is before
    so many of its kind were answered;
  * only answers count, each with its own time: what was given up says nothing but that it was late already, and would raise
    the limit that it was measured by;
  * second requests are a share of all requests, with a small reserve;
  * none is sent while most of what is under way is late: that is the link, and not a connection.
Invariants: pure; callers that share one between threads lock around it.
"""

import math
from typing import Final, NamedTuple

from vfs.metrics import Histogram

FLOOR: Final = 0.05  # seconds
MEDIANS: Final = 4
WARM_UP: Final = 20  # answers
KEEP: Final = 1024  # answers, before older ones count half
RESERVE: Final = 8.0  # second requests that may be saved up
_RECKONED_EVERY: Final = 16  # answers

SMALL: Final = 64 << 10
MEDIUM: Final = 1 << 20


class Kind(NamedTuple):
    """Requests that take about equally long.

    Attributes:
        what: is waited for: `head`, `get` (the head of an answer), `rest` (the next bytes of its body).
        size: class of the bytes asked for: 0, 1 or 2.
    """

    what: str
    size: int = 0


def size_class(length: int | None) -> int:
    """The class of a number of bytes; None is all there are."""
    if length is None or length > MEDIUM:
        return 2
    return int(length > SMALL)


class Lateness:
    """When requests of one kind are late.

    Attributes:
        after: seconds; infinity while too little is known.
    """

    __slots__ = ("_durations", "_fresh", "after")

    def __init__(self) -> None:
        self._durations = Histogram(KEEP)
        self._fresh = 0
        self.after = math.inf

    def add(self, seconds: float) -> None:
        """An answer took so long."""
        self._durations.add(seconds)
        self._fresh += 1
        known = self._durations.count
        if known >= WARM_UP and (self._fresh >= _RECKONED_EVERY or self.after == math.inf):
            self._fresh = 0
            usual = self._durations.percentile(50)
            self.after = max(FLOOR, MEDIANS * usual, self._durations.percentile(99))


class Allowance:
    """How many second requests may be sent: every request earns a share of one."""

    __slots__ = ("_left", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._left = min(1.0, share * RESERVE * 10)

    def earn(self) -> None:
        """A first request is sent."""
        self._left = min(RESERVE, self._left + self._share)

    def take(self) -> bool:
        """Whether a second request may be sent, which then is."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def link_is_slow(late: int, waiting: int) -> bool:
    """Whether it is not single connections that are late, among so many requests that wait."""
    return waiting >= 4 and 2 * late > waiting
