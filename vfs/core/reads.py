"""What one program has opened, and when it is worth guessing what it opens next.

Rules:
  * Only first touches count, `MOST` of them at most.
  * A guess is due after `FIRST` touches, then each time their number has doubled, at most `STRIDE` later; never while one is followed.
  * A guess is right as long as not more than `ASTRAY` touches in a row were none of it.

Invariants: no clock, no I/O; a touch costs a look into a set.
"""

from array import array
from collections.abc import Sequence
from typing import Final

FIRST: Final = 4
STRIDE: Final = 256
ASTRAY: Final = 16
MOST: Final = 50_000


class Reads:
    """See the module.

    Attributes:
        touches: inodes, in the order of their first touch.
        following: whether a guess is followed.
    """

    __slots__ = ("_astray", "_due", "_seen", "following", "touches")

    def __init__(self) -> None:
        self.touches: array[int] = array("Q")
        self.following = False
        self._seen: set[int] = set()
        self._due = FIRST
        self._astray = 0

    def touch(self, inode: int) -> bool:
        """Take note of an open; returns whether it is the first of that file."""
        if inode in self._seen or len(self.touches) >= MOST:
            return False
        self._seen.add(inode)
        self.touches.append(inode)
        return True

    def guess_now(self) -> bool:
        """Whether a guess is due."""
        count = len(self.touches)
        if self.following or count < self._due:
            return False
        self._due = count + min(count, STRIDE)
        return True

    def foretold(self, right: bool) -> bool:
        """A touch was foretold, or was not; returns whether the guess is still to be followed."""
        self._astray = 0 if right else self._astray + 1
        return self._astray <= ASTRAY

    def begin(self) -> None:
        """A guess is followed from now on."""
        self.following, self._astray = True, 0

    def end(self) -> None:
        """It is not any more."""
        self.following = False


def goes_on(touched: Sequence[int], foretold: Sequence[int], within: int) -> int:
    """Whether what was touched begins a series: all of it in order among its first `within`; the position after it, 0 if not."""
    at = 0
    head = foretold[:within]
    for inode in touched:
        try:
            at = head.index(inode, at) + 1
        except ValueError:
            return 0
    return at
