"""`Durations`: how long something takes, by percentile, in bounded memory.

Rule: counts in buckets whose bounds grow by 2^(1/4), so a percentile is right to about 9 %. With `keep`, all counts are
halved whenever so many are there: what was seen lately counts more, and a link that has changed is known after about as many.
Invariants: pure; durations from 10 µs to about 330 s are told apart.
"""

import math
from typing import Self

_PER_OCTAVE = 4
_SMALLEST = 1e-5  # seconds
_BUCKETS = _PER_OCTAVE * 25  # up to about 330 s


class Durations:
    """See the module.

    Attributes:
        count: durations that are counted now.
    """

    __slots__ = ("_counts", "_keep", "count")

    def __init__(self, keep: int | None = None) -> None:
        self._counts = [0] * _BUCKETS
        self._keep = keep
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        position = math.log2(max(seconds, _SMALLEST) / _SMALLEST) * _PER_OCTAVE
        self._counts[min(int(position), _BUCKETS - 1)] += 1
        self.count += 1
        if self.count == self._keep:
            self._counts = [count // 2 for count in self._counts]
            self.count = sum(self._counts)

    def percentile(self, percent: float) -> float:
        """The duration that `percent` of all do not exceed (middle of its bucket); 0 without any."""
        wanted = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(_SMALLEST * 2 ** ((bucket + 0.5) / _PER_OCTAVE))
        return 0.0

    def copy(self) -> Self:
        """A picture of now."""
        return self.since(type(self)())

    def since(self, earlier: "Durations") -> Self:
        """What came after an earlier picture of one that keeps all counts."""
        found = type(self)()
        found._counts = [
            now - before for now, before in zip(self._counts, earlier._counts, strict=True)
        ]
        found.count = self.count - earlier.count
        return found
