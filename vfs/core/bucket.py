"""`Bucket`: how many bytes may move now, at a rate.

Rule: what is not used is saved up for a quarter of a second, so no burst is larger. Invariants: pure; over any stretch of
time, what was taken is at most the rate times its length, plus the burst.
"""

from typing import Final

BURST: Final = 0.25  # seconds' worth


class Bucket:
    """See the module.

    Args:
        rate: bytes a second.
        now: seconds.
    """

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._level = 0.0
        self._at = now

    def wait(self, now: float, size: int) -> float:
        """Seconds until so many bytes may move; 0 if they may now. More than the burst wait until it is full."""
        self._level = min(self.rate * BURST, self._level + (now - self._at) * self.rate)
        self._at = now
        return max(0.0, (min(size, self.rate * BURST) - self._level) / self.rate)

    def take(self, size: int) -> None:
        """So many bytes move."""
        self._level -= size

    def give_back(self, size: int) -> None:
        """They did not."""
        self._level += size
