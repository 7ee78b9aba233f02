"""Which row between two layers each line takes.

Rule: the lines of one source (a net) share a row. Two nets whose spans overlap take different rows; a net that begins in the
column where another one ends runs above it, so that their verticals do not meet. Where such wishes form a circle, one is not met.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Net(NamedTuple):
    """Lines from one column above to columns below."""

    source: int
    targets: tuple[int, ...]

    @property
    def straight(self) -> bool:
        """Whether it needs no row."""
        return set(self.targets) == {self.source}

    @property
    def span(self) -> tuple[int, int]:
        """Its columns, from, to."""
        ends = (self.source, *self.targets)
        return min(ends), max(ends)

    @property
    def branches(self) -> list[int]:
        """The columns in which three or four of its pieces meet."""
        low, high = self.span
        return [
            column
            for column in sorted({self.source, *self.targets})
            if (low < column) + (column < high) + (column == self.source) + (column in self.targets)
            > 2
        ]


def tracks(nets: Sequence[Net]) -> list[int]:
    """The row of each net, 0 is the uppermost; -1 for one that runs straight down."""
    bent = [number for number, net in enumerate(nets) if not net.straight]
    above: dict[int, set[int]] = {
        number: {
            other
            for other in bent
            if other != number and nets[other].source in nets[number].targets
        }
        for number in bent
    }
    found = [-1] * len(nets)
    taken: list[list[tuple[int, int]]] = []
    while above:
        free = min(above, key=lambda number: (len(above[number]), nets[number].span))
        del above[free]
        for others in above.values():
            others.discard(free)
        found[free] = _row(nets, free, bent, found, taken)
    return found


def _row(
    nets: Sequence[Net],
    number: int,
    bent: Sequence[int],
    found: Sequence[int],
    taken: list[list[tuple[int, int]]],
) -> int:
    """The first row with room for a net, below those that must run above it."""
    net = nets[number]
    least = max(
        (found[other] + 1 for other in bent if nets[other].source in net.targets and other != number),
        default=0,
    )  # fmt: skip
    low, high = net.span
    row = least
    while row < len(taken) and any(low <= end and start <= high for start, end in taken[row]):
        row += 1
    taken += [[] for _ in range(row + 1 - len(taken))]
    taken[row].append((low, high))
    return row
