"""When to try again: exponential backoff with full jitter, and what counts as progress.

Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): full jitter spreads clients
that were refused together. Invariants: pure; time and randomness come in as arguments.
"""

from typing import NamedTuple


class Backoff(NamedTuple):
    """How often and how patiently.

    Attributes:
        attempts: of one request, the first included.
        base: seconds; upper bound of the first wait, doubled with every further one.
        cap: seconds; no upper bound grows beyond it: readers wait for the remote to come back.
    """

    attempts: int = 6
    base: float = 0.2
    cap: float = 2.0

    def delay(self, attempt: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds to wait after the failed attempt number `attempt` (from 1).

        Args:
            attempt: how many attempts have failed.
            chance: uniform in [0, 1).
            retry_after: what the server asked for; never undercut, and jitter comes on top so
                that not everybody returns in the same instant.
        """
        bound = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        return chance * bound + (retry_after or 0.0)


class Pace:
    """Whether a stream is fast enough to be worth waiting for.

    A connection that drips a byte now and then never times out; a stream that moves less than
    `minimum` bytes in a window of `window` seconds counts as stalled.
    """

    def __init__(self, window: float, minimum: int, now: float) -> None:
        self._window = window
        self._minimum = minimum
        self._since = now
        self._moved = 0

    def stalled(self, count: int, now: float) -> bool:
        """Note `count` bytes at time `now`; True if the window that ends now was too slow."""
        self._moved += count
        if self._moved >= self._minimum:
            self._since, self._moved = now, 0
            return False
        return now - self._since > self._window
