"""Which of the files to come are fetched ahead of who reads them in a known order.

Purpose: somebody says in which order files will be read. Files have positions, counted from 0. A *window* of them, from the cursor (where
readers are) on, is fetched, and no more.

Rules:
  * Taken, in order, are files within `files` of the cursor, as long as all that is taken and not passed weighs at most `size` bytes.
  * A file that alone weighs more than `size` is never taken, and does not hold up what follows: who reads it streams it.
  * The cursor only moves on. What it passes gives its share back; what it passes before it was taken never is.
  * Told are at most `reserve` files beyond the window, so an order of any length costs the same memory.

Invariants: no clock, no I/O. Each position is taken at most once. Bytes taken and not passed never exceed the largest `size` in force when
they were taken. `known - cursor <= files + reserve` if whoever tells heeds `until`.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

RESERVE: Final = 2048
"""Files told beyond the window: what is needed to take more at once when readers jump."""


class Window:
    """See the module.

    Attributes:
        files, size: how far ahead; may be changed at any time.
        reserve: how much more may be told.
        cursor: the first position that is not passed.
        head: the first position that is not taken.
        known: the first position that is not told.
        held: bytes of what is taken and not passed.
    """

    __slots__ = ("_sizes", "cursor", "files", "head", "held", "known", "reserve", "size")

    def __init__(self, files: int, size: int, reserve: int = RESERVE) -> None:
        self.files = files
        self.size = size
        self.reserve = reserve
        self.cursor = self.head = self.known = self.held = 0
        self._sizes: deque[int] = deque()  # of [cursor, known); 0 for what counts for nothing

    @property
    def until(self) -> int:
        """Positions before this one may be told."""
        return self.cursor + self.files + self.reserve

    def add(self, sizes: Iterable[int]) -> None:
        """The files that come next in the order, by their sizes; 0 for those that need not be fetched."""
        for size in sizes:
            if self.known >= self.cursor:
                self._sizes.append(size)
            self.known += 1

    def take(self, most: int) -> list[int]:
        """At most so many positions that are to be fetched now, in order; empty if there is nothing to do before something changes."""
        taken: list[int] = []
        stop = min(self.known, self.cursor + self.files)
        while self.head < stop and len(taken) < most:
            size = self._sizes[self.head - self.cursor]
            if size > self.size:
                self._sizes[self.head - self.cursor] = size = 0
            if self.held + size > self.size:
                break
            if size:
                taken.append(self.head)
                self.held += size
            self.head += 1
        return taken

    def skip(self, position: int) -> range:
        """What comes next in the order has this position, and what lies before it is passed; returns that."""
        passed = self.move(position)
        self.known = max(self.known, position)
        return passed

    def move(self, position: int) -> range:
        """Readers are at a position, which may lie anywhere; returns the positions that are passed by that."""
        passed = range(self.cursor, max(self.cursor, position))
        for number in passed:
            if not self._sizes:
                break
            size = self._sizes.popleft()
            if number < self.head:
                self.held -= size
        self.cursor = passed.stop
        self.head = max(self.head, self.cursor)
        return passed
