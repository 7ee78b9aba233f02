"""The heaviest of many keys, in memory that does not grow with them (Misra and Gries 1982, merged as in Agarwal et al. 2012).

Invariant: what is told of a key is at most its true weight, and less by at most `total / (capacity + 1)`; so every key that weighs more than that
is there. Pure.
"""

import heapq
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class HeavyHitters(Generic[K]):
    """See the module.

    Attributes:
        total: weight of all that was added.
    """

    __slots__ = ("_capacity", "_kept", "total")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: Counter[K] = Counter()
        self.total = 0

    def add(self, weights: Mapping[K, int]) -> None:
        """Add the weights (positive) of many keys at once: one pass, whatever their number."""
        self.total += sum(weights.values())
        self._kept.update(weights)
        if len(self._kept) > self._capacity:
            largest = heapq.nlargest(self._capacity + 1, self._kept.values())
            less = largest[-1]
            self._kept = Counter(
                {key: weight - less for key, weight in self._kept.items() if weight > less}
            )

    def weights(self) -> Counter[K]:
        """What is kept, by key."""
        return self._kept.copy()
