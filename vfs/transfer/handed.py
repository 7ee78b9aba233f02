"""`HandedOut`: what this process has handed out of a large blob that nobody has compared yet."""

from typing import Final

from vfs.core.sparse import Sparse

_TORN: Final = 1
"""The mark of a block that was handed out with different bytes."""


class HandedOut:
    """Checksums of unproven blocks that were handed out since the whole was last found right; true if there are any.

    Rule: noted on the loop; the checker's thread only looks. Costs by what was handed out.
    """

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks = Sparse("Q")

    def __bool__(self) -> bool:
        return bool(self._marks)

    def note(self, block: int, checksum: int) -> None:
        """A block goes out."""
        self._marks[block] = checksum if self._marks[block] in (0, checksum) else _TORN

    def contradicts(self, block: int, checksum: int) -> bool:
        """Whether a block was handed out with other bytes than these."""
        return self._marks[block] not in (0, checksum)

    @property
    def weight(self) -> int:
        """Bytes it takes, about."""
        return self._marks.weight

    def clear(self) -> None:
        """All of it was right, or nobody keeps it any more."""
        self._marks.clear()
