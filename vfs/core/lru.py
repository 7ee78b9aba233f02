"""A map that forgets what was used longest ago once its total weight passes a limit.

Rule: pure bookkeeping, no locking (callers that share one between threads lock around it).
Invariant: the weight of what is held never exceeds the limit, except that the entry put last is
always kept, so that a caller can use what it just stored.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Least-recently-used map bounded by weight (any unit the caller likes)."""

    __slots__ = ("_items", "limit", "weight")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.weight = 0
        self._items: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def get(self, key: K) -> V | None:
        """The value, now the most recently used one; None if it is not held."""
        found = self._items.get(key)
        if found is None:
            return None
        self._items.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Hold a value (replacing one of the same key) and drop old ones beyond the limit."""
        self.discard(key)
        self._items[key] = (value, weight)
        self.weight += weight
        while self.weight > self.limit and len(self._items) > 1:
            _, (_, dropped) = self._items.popitem(last=False)
            self.weight -= dropped

    def values(self) -> list[V]:
        """What is held, the least recently used first."""
        return [value for value, _ in self._items.values()]

    def discard(self, key: K) -> None:
        """Forget one key, if it is held."""
        found = self._items.pop(key, None)
        if found is not None:
            self.weight -= found[1]

    def discard_where(self, wanted: Callable[[K], bool]) -> None:
        """Forget every key of which `wanted` is true."""
        for key in [key for key in self._items if wanted(key)]:
            self.discard(key)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self.weight = 0
