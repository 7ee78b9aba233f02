"""`Proof`: whether the whole of a large blob is what its digest names, found piece by piece.

Rule: blocks are hashed front to back as far as they have been seen without a gap, so a blob that is read in order is
hashed while it arrives and no byte is hashed twice. A blob read at random is hashed once its last gap closes.

Invariants: while `busy`, `frontier` and the hasher belong to the checker's thread, everything else to the loop. A block
that turned out to be gone is unseen again; the frontier stays before it.
"""

from collections.abc import Callable
from typing import Final

from vfs.core.ranges import block_count
from vfs.formats.hashing import hasher_for
from vfs.transfer.waiter import Data
from vfs.types import Blob

STEP_BLOCKS: Final = 16
"""Blocks worth an order to the checker (4 MiB); fewer only at the end of the blob."""

ORDER_BLOCKS: Final = 64
"""Most blocks of one order (16 MiB), which bounds the memory it keeps alive and the time it takes."""


class Proof:
    """Progress of the check of one blob."""

    __slots__ = ("_blob", "_count", "_hasher", "_seen", "busy", "failed", "frontier", "scanned")

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._count = block_count(blob.size)
        self._seen = bytearray(self._count)
        self._hasher = hasher_for(blob.digest, blob.size)
        self.frontier = 0
        self.busy = False
        self.failed = False
        self.scanned = False

    def see(self, block: int) -> None:
        """A block is in the store, or at hand."""
        self._seen[block] = 1

    def see_all(self) -> None:
        """Every block is in the store; nobody needs to look."""
        self._seen[:] = b"\1" * self._count
        self.scanned = True

    def unsee(self, block: int) -> None:
        """A block is not in the store after all."""
        self._seen[block] = 0

    def next_order(self) -> range | None:
        """Blocks to hash now; None if there are too few, or the checker is at it."""
        if self.busy or self.frontier >= self._count:
            return None
        gap = self._seen.find(0, self.frontier, self.frontier + ORDER_BLOCKS)
        stop = gap if gap >= 0 else min(self.frontier + ORDER_BLOCKS, self._count)
        if stop - self.frontier < STEP_BLOCKS and stop < self._count:
            return None
        return range(self.frontier, stop) if stop > self.frontier else None

    def advance(self, run: range, read: Callable[[int], Data | None]) -> int | None:
        """Hash a run that starts at the frontier; in the checker's thread.

        Returns:
            None, or the first block that `read` had not (the frontier is there).
        """
        for block in run:
            data = read(block)
            if data is None:
                return block
            self._hasher.update(data)
            self.frontier = block + 1
        return None

    @property
    def complete(self) -> bool:
        """Whether every block has been hashed."""
        return self.frontier >= self._count

    def holds(self) -> bool:
        """Whether the blob is what its digest names; when complete."""
        return self._hasher.matches(self._blob.digest.value)
