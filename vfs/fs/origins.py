"""Origins of every snapshot a mount has shown, numbered once for all of them.

An entry carries the index of its origin within its snapshot; an inode outlives snapshots, so it carries the number given here.
"""

from collections.abc import Hashable

from vfs.fs.directories import View


class OriginTable:
    """Interns origins. Not thread-safe: the event loop only."""

    def __init__(self) -> None:
        self._origins: list[Hashable] = []
        self._numbers: dict[Hashable, int] = {}
        self._of_view: dict[int, tuple[View, tuple[Hashable, ...], list[int]]] = {}

    def intern(self, view: View, index: int) -> int:
        """The mount-wide number of origin `index` of the snapshot that `view` shows."""
        known = self._of_view.get(id(view))
        if known is None or known[1] is not view.origins:
            known = (view, view.origins, [self._number(origin) for origin in view.origins])
            self._of_view[id(view)] = known
        return known[2][index]

    def get(self, number: int) -> Hashable:
        """The origin of a number from `intern`."""
        return self._origins[number]

    def _number(self, origin: Hashable) -> int:
        number = self._numbers.setdefault(origin, len(self._origins))
        if number == len(self._origins):
            self._origins.append(origin)
        return number
