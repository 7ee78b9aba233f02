"""`HandedOut`: what this process has handed out of a large blob that nobody has compared yet, and which of its blocks readers have had."""

from collections.abc import Iterable
from typing import Final

from vfs.core.sparse import Sparse

_TORN: Final = 1
"""The mark of a block that was handed out with different bytes."""


class HandedOut:
    """Checksums of unproven blocks that were handed out since the whole was last found right; true if there are any.

    Rules: noted on the loop; the checker's thread only looks. Costs by what was handed out. What would complete the blocks that readers have had
    is never counted as had: whoever asks for it waits for the verdict, however often.
    """

    __slots__ = ("_count", "_had", "_marks")

    def __init__(self) -> None:
        self._marks = Sparse("Q")
        self._had = Sparse("B")
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._marks)

    def note(self, block: int, checksum: int) -> None:
        """A block goes out."""
        self._marks[block] = checksum if self._marks[block] in (0, checksum) else _TORN

    def contradicts(self, block: int, checksum: int) -> bool:
        """Whether a block was handed out with other bytes than these."""
        return self._marks[block] not in (0, checksum)

    def completes(self, run: range, blocks: int) -> bool:
        """Whether a reader who gets a run of blocks would have had all `blocks` of the blob, be it together with others; if not, it is noted."""
        fresh = [block for block in run if not self._had[block]]
        if self._count + len(fresh) >= blocks:
            return True
        self.had(fresh)
        return False

    def had(self, blocks: Iterable[int]) -> None:
        """Readers have these, wherever from."""
        for block in blocks:
            self._count += not self._had[block]
            self._had[block] = 1

    @property
    def blocks(self) -> int:
        """How many blocks readers have had."""
        return self._count

    def lacking(self, blocks: int) -> list[int]:
        """Those of the blob's `blocks` that readers have not had, ascending."""
        return [block for block in range(blocks) if not self._had[block]]

    @property
    def weight(self) -> int:
        """Bytes it takes, about."""
        return self._marks.weight + self._had.weight

    def clear(self) -> None:
        """Nobody keeps any of it any more."""
        self._marks.clear()
        self._had.clear()
        self._count = 0

    def found_right(self) -> None:
        """All of it was right: what readers have had is of no concern, but they have it."""
        self._marks.clear()
