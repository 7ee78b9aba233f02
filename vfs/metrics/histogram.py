"""Histograms of durations: a fixed number of buckets, four to an octave, so a percentile is right to about 9 %.

Rule: adding costs a logarithm and two additions; whoever adds from several threads holds a lock of its own. What is shown has one bucket an
octave (`BOUNDS`), few enough for a scraper; bounds are part of what is published and do not change.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

_PER_OCTAVE: Final = 4
_LOWEST: Final = -17
_OCTAVES: Final = 26
_SMALLEST: Final = 2.0**_LOWEST
"""Seconds, about 8 microseconds; the longest that is told apart is 512 s."""

BOUNDS: Final = tuple(2.0**power for power in range(-12, 8))
"""Upper bounds of the buckets that are shown: 0.24 ms to 128 s. A last one has whatever is longer."""


class Distribution(NamedTuple):
    """A histogram at one moment.

    Attributes:
        counts: by bucket: up to each of `BOUNDS`, then beyond them; not cumulative.
        seconds: sum of all durations.
    """

    counts: tuple[int, ...]
    seconds: float

    @property
    def number(self) -> int:
        """How many durations."""
        return sum(self.counts)

    def percentile(self, percent: float) -> float:
        """A bound that `percent` of all do not exceed; 0 without any, infinite beyond the last bound."""
        return quantile(self.counts, percent)

    def since(self, earlier: "Distribution") -> "Distribution":
        """What was added after an earlier moment of the same histogram."""
        pairs = zip(self.counts, earlier.counts, strict=True)
        return Distribution(
            tuple(max(0, now - then) for now, then in pairs),
            max(0.0, self.seconds - earlier.seconds),
        )


def quantile(counts: Sequence[int], percent: float) -> float:
    """The upper bound of the bucket that holds a percentile."""
    wanted = max(1, math.ceil(sum(counts) * percent / 100))
    seen = 0
    for bound, count in zip((*BOUNDS, math.inf), counts, strict=True):
        seen += count
        if count and seen >= wanted:
            return bound
    return 0.0


class Histogram:
    """Counts of durations in buckets whose bounds grow by 2^(1/4).

    With `keep`, all counts are halved whenever so many are there: what was seen lately counts more, and what has changed is known after about as many.

    Attributes:
        count: durations that are counted now.
    """

    __slots__ = ("_counts", "_keep", "_seconds", "count")

    def __init__(self, keep: int | None = None) -> None:
        self._counts = [0] * (_PER_OCTAVE * _OCTAVES)
        self._keep = keep
        self._seconds = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        position = math.ceil(math.log2(max(seconds, _SMALLEST) / _SMALLEST) * _PER_OCTAVE) - 1
        self._counts[min(max(position, 0), len(self._counts) - 1)] += 1
        self.count += 1
        self._seconds += seconds
        if self.count == self._keep:
            self._counts = [count // 2 for count in self._counts]
            self.count = sum(self._counts)

    def percentile(self, percent: float) -> float:
        """The duration that `percent` of all do not exceed (middle of its bucket)."""
        wanted = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(_SMALLEST * 2 ** ((bucket + 0.5) / _PER_OCTAVE))
        return 0.0

    def distribution(self) -> Distribution:
        """What it holds now, one bucket an octave."""
        counts, start = [], 0
        for bound in BOUNDS:
            stop = round(math.log2(bound / _SMALLEST)) * _PER_OCTAVE
            counts.append(sum(self._counts[start:stop]))
            start = stop
        counts.append(sum(self._counts[start:]))
        return Distribution(tuple(counts), self._seconds)

    def copy(self) -> Self:
        """A picture of now."""
        return self.since(type(self)())

    def since(self, earlier: "Histogram") -> Self:
        """What came after an earlier picture of one that keeps all counts."""
        found = type(self)()
        found._counts = [
            now - before for now, before in zip(self._counts, earlier._counts, strict=True)
        ]
        found.count = self.count - earlier.count
        found._seconds = self._seconds - earlier._seconds
        return found
