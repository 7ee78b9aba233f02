"""`HandedOut`: what this process has handed out of a large blob that nobody has compared yet."""

from array import array
from typing import Final

_TORN: Final = 1
"""The mark of a block that was handed out with different bytes."""


class HandedOut:
    """Checksums of unproven blocks that were handed out since the whole was last found right; true if there are any.

    Rule: noted on the loop; the checker's thread only looks.
    """

    __slots__ = ("_count", "_marks")

    def __init__(self, count: int) -> None:
        self._count = count
        self._marks: array[int] | None = None

    def __bool__(self) -> bool:
        return self._marks is not None

    def note(self, block: int, checksum: int) -> None:
        """A block goes out."""
        marks = self._marks
        if marks is None:
            marks = self._marks = array("Q", bytes(8 * self._count))
        marks[block] = checksum if marks[block] in (0, checksum) else _TORN

    def contradicts(self, block: int, checksum: int) -> bool:
        """Whether a block was handed out with other bytes than these."""
        marks = self._marks
        return marks is not None and marks[block] not in (0, checksum)

    def clear(self) -> None:
        """All of it was right, or nobody keeps it any more."""
        self._marks = None
