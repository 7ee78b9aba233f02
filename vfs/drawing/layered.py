"""Where the boxes and lines of a directed graph lie: layers from top to bottom, lines of right angles.

Purpose: one layout for the terminal and for SVG. A unit is a cell of text; a box is three high.

How: each part that hangs together by itself, one below the other. Layers by longest path; a line that passes a layer holds a
place in it (one for all lines of a source); order by the mean of the neighbours; columns by least squares under that order; lines of
one source share a row between two layers, and rows are ordered so that lines of different sources never lie on each other.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vfs.drawing.routing import Net, tracks

_SWEEPS = 12
_GAP = 3
_PART_GAP = 1
BOX_HEIGHT = 3

Segment = tuple[int, int, int, int]
"""x, y of both ends; one of the two is equal."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node is: its left upper cell and width."""

    node: int
    x: int
    y: int
    width: int


@dataclass(slots=True)
class Layout:
    """A drawn graph.

    Attributes:
        heads: cells in which a line enters the box below.
        knots: cells in which a line branches; where lines only cross there is none.
    """

    boxes: list[Box] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    heads: list[tuple[int, int]] = field(default_factory=list)
    knots: list[tuple[int, int]] = field(default_factory=list)
    width: int = 0
    height: int = 0


def layout(labels: Sequence[str], edges: Iterable[tuple[int, int]]) -> Layout:
    """Lay out a graph without cycles.

    Args:
        labels: of the nodes.
        edges: (upper, lower) node numbers.
    """
    below: list[list[int]] = [[] for _ in labels]
    for upper, lower in sorted(set(edges)):
        below[upper].append(lower)
    made = Layout()
    for part in _parts(below):
        _draw(_Part(part, labels, below), made)
    return made


def _parts(below: Sequence[Sequence[int]]) -> list[list[int]]:
    """Nodes that hang together, by their first."""
    near: list[set[int]] = [set(nodes) for nodes in below]
    for upper, nodes in enumerate(below):
        for lower in nodes:
            near[lower].add(upper)
    seen: set[int] = set()
    parts = []
    for first in range(len(below)):
        if first in seen:
            continue
        seen.add(first)
        part = [first]
        for node in part:  # grows while it is read
            part += sorted(near[node] - seen)
            seen |= near[node]
        parts.append(sorted(part))
    return parts


class _Part:
    """One part: its layers of places. A place is (node, layer): the node's own, or where a line of it passes."""

    def __init__(
        self, nodes: Sequence[int], labels: Sequence[str], below: Sequence[Sequence[int]]
    ) -> None:
        self.layer = _layers(nodes, below)
        self.rows: list[list[tuple[int, int]]] = [[] for _ in range(max(self.layer.values()) + 1)]
        self.down: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.up: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for node in nodes:
            self._place(node, below[node])
        self.width = {
            place: self._box_width(place, labels[place[0]]) if self.is_box(place) else 1
            for row in self.rows
            for place in row
        }
        for number in range(_SWEEPS):
            self._order(downwards=number % 2 == 0)
        self.centre = self._columns()

    def _box_width(self, place: tuple[int, int], label: str) -> int:
        """Odd, so that there is a middle; wide enough for a column for each line that comes in."""
        return max(len(label) + 4, 2 * len(self.up.get(place, ())) + 3) | 1

    def entries(self, place: tuple[int, int]) -> dict[tuple[int, int], int]:
        """The column in which the line of each place above comes in: no two meet, and one may run straight."""
        near = sorted(self.up.get(place, ()), key=self.centre.__getitem__)
        middle, half = self.centre[place], self.width[place] // 2
        if not near or not half:
            return dict.fromkeys(near, middle)
        distances = [abs(self.centre[other] - middle) for other in near]
        first = -2 * distances.index(min(distances))
        first = max(1 - half, min(first, half - 1 - 2 * (len(near) - 1)))
        return {other: middle + first + 2 * number for number, other in enumerate(near)}

    def is_box(self, place: tuple[int, int]) -> bool:
        """Whether a place is the node's own."""
        return self.layer[place[0]] == place[1]

    def _place(self, node: int, below: Sequence[int]) -> None:
        first = self.layer[node]
        deepest = max((self.layer[lower] for lower in below), default=first + 1)
        for layer in range(first, deepest):
            place = (node, layer)
            self.rows[layer].append(place)
            nexts = [(lower, layer + 1) for lower in below if self.layer[lower] == layer + 1]
            if layer + 1 < deepest:
                nexts.append((node, layer + 1))
            self.down[place] = nexts
            for other in nexts:
                self.up.setdefault(other, []).append(place)

    def _order(self, *, downwards: bool) -> None:
        """Sort each layer by the mean position of what its places are joined with in the layer before."""
        rows = self.rows if downwards else self.rows[::-1]
        near = self.up if downwards else self.down
        for before, row in itertools.pairwise(rows):
            position = {place: number for number, place in enumerate(before)}
            mean = {}
            for number, place in enumerate(row):
                joined = [position[other] for other in near.get(place, ()) if other in position]
                mean[place] = sum(joined) / len(joined) if joined else number
            row.sort(key=mean.__getitem__)

    def _columns(self) -> dict[tuple[int, int], int]:
        centre: dict[tuple[int, int], float] = {}
        for row in self.rows:
            at = 0
            for place in row:
                centre[place] = at + self.width[place] // 2
                at += self.width[place] + _GAP
        for number in range(_SWEEPS):
            for row in self.rows if number % 2 == 0 else self.rows[::-1]:
                wanted = []
                for place in row:
                    near = [*self.up.get(place, ()), *self.down.get(place, ())]
                    mean = sum(centre[other] for other in near) / len(near) if near else 0.0
                    wanted.append(mean if near else centre[place])
                centre.update(zip(row, self._spread(row, wanted), strict=True))
        left = min(centre[place] - self.width[place] // 2 for row in self.rows for place in row)
        return {place: int(value - left) for place, value in centre.items()}

    def _spread(self, row: Sequence[tuple[int, int]], wanted: Sequence[float]) -> list[int]:
        """Whole columns nearest to the wanted ones that keep order and distance (pool adjacent violators)."""
        offsets = [0]
        for one, other in itertools.pairwise(row):
            offsets.append(offsets[-1] + self.width[one] // 2 + _GAP + self.width[other] // 2 + 1)
        pools: list[tuple[float, int]] = []
        for want, offset in zip(wanted, offsets, strict=True):
            total, count = want - offset, 1
            while pools and pools[-1][0] / pools[-1][1] > total / count:
                before = pools.pop()
                total, count = total + before[0], count + before[1]
            pools.append((total, count))
        levels = [round(total / count) for total, count in pools for _ in range(count)]
        return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _layers(nodes: Sequence[int], below: Sequence[Sequence[int]]) -> dict[int, int]:
    """The layer of each node: below all that leads to it; what nothing leads to, right above what it leads to."""
    waiting = dict.fromkeys(nodes, 0)
    for node in nodes:
        for lower in below[node]:
            waiting[lower] += 1
    ready = [node for node in nodes if not waiting[node]]
    sources = list(ready)
    layer = dict.fromkeys(nodes, 0)
    for node in ready:  # grows while it is read
        for lower in below[node]:
            layer[lower] = max(layer[lower], layer[node] + 1)
            waiting[lower] -= 1
            if not waiting[lower]:
                ready.append(lower)
    if len(ready) != len(nodes):
        raise ValueError("a graph with a cycle has no layers")
    for node in sources:
        if below[node]:
            layer[node] = min(layer[lower] for lower in below[node]) - 1
    return layer


def _draw(part: _Part, made: Layout) -> None:
    """Add a part below what is there."""
    y = made.height + (_PART_GAP if made.boxes else 0)
    for row in part.rows:
        for place in row:
            centre, width = part.centre[place], part.width[place]
            if part.is_box(place):
                made.boxes.append(Box(place[0], centre - width // 2, y, width))
                made.width = max(made.width, centre + width // 2 + 1)
            else:
                made.segments.append((centre, y, centre, y + BOX_HEIGHT - 1))
        y = _draw_lines(part, row, y + BOX_HEIGHT, made)
    made.height = y


def _draw_lines(part: _Part, row: Sequence[tuple[int, int]], top: int, made: Layout) -> int:
    """Add the lines below a layer, which ends above row `top`; the first row of the next layer."""
    centre = part.centre
    entries = {other: part.entries(other) for place in row for other in part.down[place]}
    nets = [
        Net(centre[place], tuple(entries[other][place] for other in part.down[place]))
        for place in row
        if part.down[place]
    ]
    if not nets:
        return top
    found = tracks(nets)
    bottom = top + max(found, default=-1) + 1
    for net, track in zip(nets, found, strict=True):
        y = top + max(track, 0)
        made.segments.append((net.source, top - 1, net.source, y))
        if track >= 0:
            ends = (net.source, *net.targets)
            made.segments.append((min(ends), y, max(ends), y))
            made.knots += [(column, y) for column in net.branches]
        made.segments += [(target, y, target, bottom + 1) for target in net.targets]
    made.width = max(made.width, *(max(net.source, *net.targets) + 1 for net in nets))
    made.heads += [
        (column, bottom)
        for other, columns in sorted(entries.items())
        if part.is_box(other)
        for column in columns.values()
    ]
    return bottom + 1
