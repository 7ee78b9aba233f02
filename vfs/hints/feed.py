"""The items of one epoch, pulled from their source in order, each once, by whoever needs them first.

Rule: pulled are as many as the mount wants to be told of, and not one more; what nobody takes out is forgotten once it is passed.
Thread-safe.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar

T = TypeVar("T")

LONGEST_PULL = 4096
"""Items pulled in one go, so that a thread that waits for the lock does not wait long."""


class Feed(Generic[T]):
    """See the module. Positions count paths, from 0, the first of the item with which the epoch begins.

    Args of the constructor:
        source: the items.
        names: the paths of an item, as the mount knows them.
        start: items that are left out at the beginning.
    """

    def __init__(
        self, source: Iterator[T], names: Callable[[T], Sequence[str]], start: int
    ) -> None:
        self._source = islice(source, start, None)
        self._names = names
        self._lock = threading.RLock()
        self._items: deque[tuple[T, int]] = deque()  # pulled and not dropped, each with its end
        self._untold: deque[str] = deque()
        self._first = self._next = start  # the number of the first of `_items`
        self._begin = 0  # its position
        self._failure: BaseException | None = None
        self._ended = False
        self._handing = False  # somebody iterates
        self._told = 0
        self.pulled = 0

    def pull(self, until: int) -> None:
        """Have items up to a position; what the source raises is kept for who iterates."""
        left = LONGEST_PULL
        while self.pulled < until and not self._ended and left:
            left -= 1
            with self._lock:
                self._pull_one()

    def _pull_one(self) -> None:
        if self._ended:
            return
        try:
            item = next(self._source)
            names = self._names(item)
        except StopIteration:
            self._ended = True
        except BaseException as error:  # noqa: BLE001 - raised where the item would have come
            self._ended, self._failure = True, error
        else:
            self.pulled += len(names)
            self._untold.extend(names)
            self._items.append((item, self.pulled))

    def untold(self, most: int, until: int, passed: int) -> tuple[int, list[str]]:
        """Paths that were not told yet, and the position of the first.

        Args:
            most: characters, about.
            until: a position beyond which nothing is told.
            passed: what lies before this position need not be told any more.
        """
        told: list[str] = []
        with self._lock:
            while self._untold and self._told < min(passed, self.pulled):
                self._untold.popleft()
                self._told += 1
            first = self._told
            while self._untold and most > 0 and self._told < until:
                told.append(self._untold.popleft())
                self._told += 1
                most -= len(told[-1]) + 8
        return first, told

    def next(self) -> tuple[T, int]:
        """The next item, and the position of its first path. Raises StopIteration, or what the source raised."""
        with self._lock:
            self._handing = True
            if not self._items:
                self._pull_one()
            if not self._items:
                failure, self._failure = self._failure, None
                raise failure if failure is not None else StopIteration
            position = self._begin
            return self._drop(), position

    def __iter__(self) -> Iterator[T]:
        """All that is left, handed out."""
        while True:
            try:
                item, _ = self.next()
            except StopIteration:
                return
            yield item

    def pass_items(self, number: int) -> int:
        """Forget the items before a number; the position where those that are left begin."""
        with self._lock:
            while self._items and self._next < number:
                self._drop()
            return self._begin

    def pass_position(self, position: int) -> None:
        """Forget the items before a position, unless somebody iterates."""
        with self._lock:
            while self._items and not self._handing and self._items[0][1] <= position:
                self._drop()

    def _drop(self) -> T:
        item, self._begin = self._items.popleft()
        self._next += 1
        return item

    @property
    def fresh(self) -> bool:
        """Whether nothing was handed out or forgotten."""
        with self._lock:
            return not self._handing and self._next == self._first
