"""Which windows of a pack one request brings.

Rule: pure; whoever reads windows asks by this function, and an estimate counts what it gives.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

WINDOW: Final = 512 << 10
"""Bytes of one."""

MOST_AHEAD: Final = 8
"""Windows that one request brings at most, for a reader that goes from one to the next."""


Reach = Callable[[int], int]
"""Where in a pack that ends which begins last before an offset, as far as it is read through windows; the offset itself, if that does.
Asked under a lock: it looks at nothing but what is in memory."""


def alone(offset: int) -> int:
    """The reach of what is alone in its windows."""
    return offset


def needed(offset: int, length: int, reach: Reach, held: Callable[[int], bool]) -> tuple[int, int]:
    """The first and the last window that a range of a pack needs: with one that is asked for comes all that begins in it."""
    first, last = offset // WINDOW, (offset + length - 1) // WINDOW
    comes = not held(first) and reach((first + 1) * WINDOW) >= offset + length
    return first, first if comes else last


def end_of(run: range, reach: Reach) -> int:
    """Up to where to ask for windows: with the last comes the rest of what begins in it, a window more at most."""
    stop = run.stop * WINDOW
    return min(max(stop, reach(stop)), stop + WINDOW)


class Claim(NamedTuple):
    """What to fetch, none if somebody else is about to bring the first of it; and how far the next one may go."""

    run: range
    ahead: int


def claim(
    first: int, last: int, ahead: int, held: Callable[[int], bool], pending: Callable[[int], bool]
) -> Claim:
    """The windows to fetch for a read of `first` to `last`, not all of which are held.

    Args:
        first: number of a window.
        last: the same.
        ahead: what the last claim of this pack said; 1 at first.
        held: whether a window is here.
        pending: whether somebody fetches it.
    """
    while held(first) and first < last:
        first += 1
    if pending(first):
        return Claim(range(0), ahead)
    ahead = min(MOST_AHEAD, 2 * ahead) if held(first - 1) else 1
    stop = first + 1
    for number in range(first + 1, max(first + ahead, last + 1)):
        if held(number) or pending(number):
            break
        stop = number + 1
    return Claim(range(first, stop), ahead)
