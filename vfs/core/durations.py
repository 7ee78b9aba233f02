"""How long things took: counts in buckets whose bounds grow by 2^(1/4), so a percentile is right to about 9 %.

Rule: pure and bounded; two pictures of one histogram can be subtracted.
"""

import math
from typing import Final, Self

_PER_OCTAVE: Final = 4
_SMALLEST: Final = 1e-5  # seconds
_BUCKETS: Final = _PER_OCTAVE * 25  # up to about 330 s


class Histogram:
    """Counts of durations."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def add(self, seconds: float) -> None:
        """Count one duration."""
        position = math.log2(max(seconds, _SMALLEST) / _SMALLEST) * _PER_OCTAVE
        self._counts[min(int(position), _BUCKETS - 1)] += 1
        self._total += 1

    def percentile(self, percent: float) -> float:
        """The duration that `percent` of all do not exceed (middle of its bucket); 0 without any."""
        wanted = max(1, math.ceil(self._total * percent / 100))
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(_SMALLEST * 2 ** ((bucket + 0.5) / _PER_OCTAVE))
        return 0.0

    def copy(self) -> Self:
        """A picture of now."""
        return self.since(type(self)())

    def since(self, earlier: "Histogram") -> Self:
        """What came after an earlier picture."""
        found = type(self)()
        found._counts = [
            now - before for now, before in zip(self._counts, earlier._counts, strict=True)
        ]
        found._total = self._total - earlier._total
        return found
