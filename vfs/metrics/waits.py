"""Waits that are timed: how many go on, how long those took that have ended, and all of them together.

Rule: times are given, all by one clock. One loop changes it; figures may be read in any thread.
"""

from vfs.metrics.histogram import Histogram


class Waits:
    """See the module.

    Attributes:
        waiting: how many go on.
        lasted: how long those took that ended.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self.lasted = Histogram()
        self._ended = 0.0
        self._began = 0.0  # the sum of when those began that go on

    def seconds(self, now: float) -> float:
        """How long all of them have taken so far, those that go on included."""
        return self._ended + max(0.0, self.waiting * now - self._began)

    def begins(self, now: float) -> None:
        """One begins."""
        self.waiting += 1
        self._began += now

    def ends(self, began: float, now: float) -> float:
        """One that began then ends; how long it took."""
        self.waiting -= 1
        self._began = self._began - began if self.waiting else 0.0
        self._ended += now - began
        self.lasted.add(now - began)
        return now - began
