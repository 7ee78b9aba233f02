"""What the jumps of the readers of one content have in common: how long their walks are, and how far apart they begin.

Purpose: tensors, column chunks, slices of an array are read one after the other, each from its start to its end, with a jump to the
next; so is a file that is read backwards. Without memory of the last jumps each begins with two reads that wait.

Rules:
  * A *run* is one walk, from where a stream began to where it stands. How long the next will be is the (lower) median of the last `RUNS`,
    once there are `FEWEST`, and `LONGEST` at most.
  * That is believed if they are *regular*, of about one length, or while what was asked for and not read is less than half of what was
    read; so two thirds of what is fetched are used.
  * Two jumps of one width, give or take `SHIFT` or a quarter of it, are a *stride*: the runs that will follow are told, half as many as there were,
    `STRIDES` at most, and again when less than half of them lie ahead, so that neighbours are fetched together. The
    width may be negative.

Invariants: pure; no clock, no I/O. Nothing here costs anything while a stream goes on: all of it happens at a jump.
"""

from collections.abc import Iterable, Sequence
from statistics import median_low
from typing import Final

RUNS: Final = 8
"""Runs remembered."""

FEWEST: Final = 2
"""Runs that tell something."""

LONGEST: Final = 8 * 1024 * 1024
"""Bytes of a run that is foretold; a longer one has a window by then."""

LATELY: Final = 4
"""Runs that show whether they are regular: headers and indexes that were read before are soon forgotten."""

SHIFT: Final = 256 * 1024
"""Bytes by which a run may begin elsewhere than expected: the kernel reads whole pages, and ahead."""

STRIDES: Final = 16
"""Runs that are foretold at most."""


def typical(lengths: Sequence[int], unread: int) -> int:
    """How long the next run will be, in bytes; 0 if that cannot be told.

    Args:
        lengths: of the last runs, in the order of their beginning.
        unread: bytes that were asked for ahead of them and not read (yet).
    """
    if regular(lengths):
        return min(median_low(lengths[-LATELY:]), LONGEST)
    if len(lengths) < FEWEST or 2 * unread > sum(lengths):
        return 0
    return min(median_low(lengths), LONGEST)


def regular(lengths: Sequence[int]) -> bool:
    """Whether the last runs are of about one length, so that nothing behind it will be read."""
    lately = lengths[-LATELY:]
    return len(lately) >= FEWEST and 4 * max(lately) <= 5 * min(lately)


class Strides:
    """How far apart the runs of one content begin.

    Attributes:
        width: bytes from the start of a run to the next, 0 before there are two; negative backwards.
    """

    __slots__ = ("_asked", "_begun", "_count", "_last", "width")

    def __init__(self) -> None:
        self.width = 0
        self._begun = False
        self._last = 0
        self._count = 0
        self._asked = 0

    @property
    def steady(self) -> bool:
        """Whether the last jumps were of one width."""
        return self._count >= 2

    def begin(self, start: int) -> bool:
        """A run begins; returns whether it was foretold."""
        step = start - self._last
        expected = self.width and abs(step - self.width) <= min(abs(self.width) // 4, SHIFT)
        foretold = bool(expected) and self.steady and not self._beyond(start)
        if expected:
            self._count += 1
        else:
            self.width = step if self._begun else 0
            self._count = 1 if self._begun else 0
            self._asked = start
        self._begun, self._last = True, start
        return foretold

    def ahead(self, length: int, size: int, most: int) -> list[range]:
        """The runs that will follow and were not told yet: of `length` bytes within a content of `size`, `most` bytes in all."""
        if not self.steady:
            return []
        told: list[range] = []
        count = min(self._count // 2 + 1, STRIDES, max(1, most // length))
        if 2 * (self._asked - self._last) // self.width > count:
            return []
        for number in range(1, count + 1):
            start = self._last + number * self.width
            if start + length <= 0 or start >= size:
                break
            if self._beyond(start):
                told.append(range(max(0, start), min(start + length, size)))
                self._asked = start
        return told

    def _beyond(self, start: int) -> bool:
        """Whether a run lies a good part of a width behind the last that was told."""
        return abs(start - self._asked) * 2 > abs(self.width) and (start > self._asked) == (
            self.width > 0
        )


def merged(ranges: Iterable[range]) -> list[range]:
    """The same bytes in ascending order, ranges that touch made one."""
    found: list[range] = []
    for piece in sorted((r for r in ranges if r), key=lambda r: r.start):
        if found and piece.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, piece.stop))
        else:
            found.append(piece)
    return found
