"""Which requests a reader of packs will make, without making them.

Rule: chunks, runs and windows are found by what `PackedPlace` and `Windows` use themselves; a reader is assumed that goes through contents one after
the other, and that ranges of one content come at the same time, so that a chunk at the edge of two comes with both. What many at once do is a little more:
windows that two of them want next to each other come with two requests.
"""

from collections.abc import Iterable

from vfs.core.lru import Lru
from vfs.core.windows import WINDOW, Reach, claim, end_of, needed
from vfs.formats.packs import PackRef
from vfs.packed.place import Located, Part, parts_of, runs_of
from vfs.packed.windows import LIMIT


class Plan:
    """The requests of one remote.

    Attributes:
        requests: of packs.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._bytes = 0
        self._held: Lru[tuple[bytes, int], int] = Lru(LIMIT // WINDOW)
        self._ahead: dict[bytes, int] = {}
        self._packs: dict[bytes, _Pack] = {}

    def add(self, located: Located, ranges: Iterable[tuple[int, int]]) -> None:
        """Read ranges (start, end) of a content, each with one GET of the fetcher."""
        for start, end in ranges:
            for run in runs_of(parts_of(located, start, end)):
                self._read(located.packs[run[0].chunk.pack], run, located.reach)

    def holds(self, pack: bytes, start: int, end: int) -> bool:
        """Whether reading these bytes of a pack takes no request, because what was read before has brought them."""
        while start < end:
            start = self._held.get((pack, start // WINDOW)) or -1
            if start < 0:
                return False
        return True

    @property
    def bytes(self) -> int:
        """Bytes that come; a window ends where its pack does, as far as that is known from what was read of it."""
        return self._bytes - sum(pack.overshoot for pack in self._packs.values())

    @property
    def packs(self) -> list[str]:
        """The names of the packs."""
        return [pack.ref.key for pack in self._packs.values()]

    def _read(self, ref: PackRef, run: list[Part], reach: Reach) -> None:
        pack = self._packs.setdefault(ref.id, _Pack(ref))
        first, last = run[0].chunk, run[-1].chunk
        start, end = first.offset, last.offset + last.stored
        pack.seen += sum(part.chunk.offset >= pack.end for part in run)  # the order is theirs
        pack.end = max(pack.end, end)
        if end - start <= WINDOW:
            self._through_windows(pack, start, end, reach)
        else:
            self.requests += 1
            self._bytes += end - start

    def _through_windows(self, pack: "_Pack", start: int, end: int, reach: Reach) -> None:
        name = pack.ref.id

        def held(number: int) -> bool:
            return (name, number) in self._held

        while not self.holds(name, start, end):
            needs = needed(start, end - start, reach, held)
            run, ahead = claim(*needs, self._ahead.get(name, 1), held, lambda number: False)
            self._ahead[name] = ahead
            stop = end_of(run, reach)
            self.requests += 1
            self._bytes += stop - run.start * WINDOW
            pack.fetched_to = max(pack.fetched_to, stop)
            for number in run:
                self._held.put((name, number), (number + 1) * WINDOW)
            self._held.put((name, run[-1]), stop)


class _Pack:
    """What is known of one."""

    def __init__(self, ref: PackRef) -> None:
        self.ref = ref
        self.seen = self.end = self.fetched_to = 0

    @property
    def overshoot(self) -> int:
        """Bytes of windows that lie behind its end: behind its chunks, all of which were read, comes its table."""
        if self.seen < self.ref.chunks:
            return 0
        return max(0, self.fetched_to - self.end - self.ref.table_length)
