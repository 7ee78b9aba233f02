"""What contents cost: counted one by one while there are few, the cheapest summed by directory once there are many.

Rules:
  * A content costs something only if it was not at hand: whoever counts is on a path that waits for a disk or a network anyway.
  * Sums only grow: what leaves the table of contents is added to its directory, so a difference of two pictures is what came between them.
  * At most `most` contents and `most` directories; the cheapest go first, directories into the one above.

Pure: no clock, no I/O.
"""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Final, Self

from vfs.types import Blob

MOST: Final = 1024
UNKNOWN: Final = b"?"
"""The directory of a content that the kernel never looked up; no path of a snapshot is compared with it."""

_SECOND: Final = 50e6
"""Bytes that weigh as much as a second of waiting, and `_REQUEST` of them as much as a request."""
_REQUEST: Final = 256e3


@dataclass(slots=True)
class Cost:
    """What one content cost, or several.

    Attributes:
        reads: reads that were not answered from the chunk store at once.
        asked: bytes of those.
        waits: of those, the ones that had to wait for a place.
        stalled: seconds of waiting.
        requests: GETs asked of remotes; of packed ones each stands for less than a request, since neighbours come along.
        demand, ahead, warm: bytes that came, by the rank of who asked for them.
        along: of directories, bytes of files that came with others.
    """

    reads: int = 0
    asked: int = 0
    waits: int = 0
    stalled: float = 0.0
    requests: int = 0
    demand: int = 0
    ahead: int = 0
    warm: int = 0
    along: int = 0

    @property
    def fetched(self) -> int:
        """Bytes that came."""
        return self.demand + self.ahead + self.warm + self.along

    @property
    def weight(self) -> float:
        """How much it matters."""
        return self.stalled * _SECOND + self.fetched + self.requests * _REQUEST

    def __bool__(self) -> bool:
        return any(astuple(self))

    def add(self, other: Self) -> None:
        """Add what something else cost."""
        self.reads += other.reads
        self.asked += other.asked
        self.waits += other.waits
        self.stalled += other.stalled
        self.requests += other.requests
        self.demand += other.demand
        self.ahead += other.ahead
        self.warm += other.warm
        self.along += other.along

    def since(self, earlier: Self) -> Self:
        """What came after an earlier picture; all of it if that has more (the content was forgotten in between)."""
        mine, theirs = astuple(self), astuple(earlier)
        if any(now < before for now, before in zip(mine, theirs, strict=True)):
            return replace(self)
        return type(self)(*(now - before for now, before in zip(mine, theirs, strict=True)))


Costs = Mapping[Blob, Cost]
Sums = Mapping[bytes, Cost]


class CostTable:
    """See the module. `place_of` says in which directory a content was looked up; None if that is not known."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._files: dict[Blob, Cost] = {}
        self._places: dict[Blob, bytes] = {}
        self._gone: dict[bytes, Cost] = {}
        self.place_of: Callable[[Blob], bytes | None] = lambda blob: None

    def of(self, blob: Blob) -> Cost:
        """Where what a content costs is to be added."""
        cost = self._files.get(blob)
        if cost is None:
            if len(self._files) >= self._most:
                self._thin()
            cost = self._files[blob] = Cost()
        return cost

    def known(self, blob: Blob) -> Cost:
        """What a content cost, as far as that is still known by content."""
        return replace(self._files.get(blob) or Cost())

    def files(self) -> Costs:
        """A picture of all that are known by content."""
        return {blob: replace(cost) for blob, cost in self._files.items()}

    def directory(self, blob: Blob) -> bytes:
        """The directory that a content is counted in: the first in which it was looked up."""
        place = self._places.get(blob)
        if place is None:
            place = self.place_of(blob)
            if place is None:
                return UNKNOWN
            if blob in self._files:
                self._places[blob] = place
        return place

    def along(self, blob: Blob, size: int) -> None:
        """Bytes of others came with a content: its directory is charged with them."""
        self._gone.setdefault(self.directory(blob), Cost()).along += size
        fold(self._gone, self._most)

    def directories(self) -> Sums:
        """The sums of all directories, of their own files."""
        found = {path: replace(cost) for path, cost in self._gone.items()}
        for blob, cost in self._files.items():
            found.setdefault(self.directory(blob), Cost()).add(cost)
        return found

    def _thin(self) -> None:
        """Let the cheaper half of the contents go into their directories."""
        cheapest = sorted(self._files, key=lambda blob: self._files[blob].weight)
        for blob in cheapest[: max(1, self._most // 2)]:
            place = self.directory(blob)
            self._gone.setdefault(place, Cost()).add(self._files.pop(blob))
            self._places.pop(blob, None)
        fold(self._gone, self._most)


def fold(sums: dict[bytes, Cost], most: int) -> None:
    """Let the cheapest directories go into those above them until there are at most `most`."""
    while len(sums) > most:
        below = [path for path in sums if path not in (b"", UNKNOWN)]
        below.sort(key=lambda path: (-path.count(b"/"), sums[path].weight))
        if not below:
            return
        for path in below[: len(sums) - most]:
            above = path.rpartition(b"/")[0]
            sums.setdefault(above, Cost()).add(sums.pop(path))
