"""`Proof`: whether the whole of a large blob is what its digest names, found piece by piece.

Rule: blocks are hashed front to back, and no byte is hashed twice. Those that follow on the hashed part without a gap and that
the store may lose are held in memory until they are hashed; all others are read back from the store.

Rule: costs memory by the blocks that have come or were hashed, whatever size is claimed of the blob.

Invariants: while `busy`, `frontier` and the hasher belong to the checker's thread, everything else to the loop. When not,
`ordered` equals `frontier`. What is held begins at `ordered`. A block that turned out to be gone is unseen again; the
frontier stays before it.
"""

from collections.abc import Callable, Iterator
from typing import Final

from vfs.core.ranges import block_count
from vfs.core.sparse import Sparse
from vfs.formats.hashing import hasher_for
from vfs.transfer.blocks import Keys
from vfs.transfer.waiter import Data
from vfs.types import Blob

STEP_BLOCKS: Final = 16
"""Blocks worth reading back from the store (4 MiB); fewer only at the end of the blob."""

ORDER_BLOCKS: Final = 64
"""Most blocks of one order (16 MiB), which bounds the memory it keeps alive and the time it takes."""


class Proof:
    """Progress of the check of one blob.

    Attributes:
        frontier: the first block that has not been hashed.
        ordered: the first block that the checker has not been asked to hash.
        held: bytes in memory of the blocks from `ordered` on, as many as follow each other.
        busy: the checker is hashing.
        scanning, scanned: whether it is looked, or was, which blocks an earlier process has left in the store.
        hurried: the store may lose what it has of the blob before a quiet moment comes.
        late: a block has come that lies an order or more behind what is ordered: whoever reads to the end would wait long for the verdict.
        again: a block came once more after it was hashed, so the result does not tell of what is in the store.
        differs: a block was handed out with other bytes than those that were hashed, or that are proven.
        left: all is right, but the store has an unproven block that is not the one that was hashed.
        keys: where the blocks are that it is of, if they are not those of `BlobState.keys`.
    """

    __slots__ = (
        "_absent", "_blob", "_count", "_hasher", "_seen", "_stamps", "_unproven", "again", "busy", "differs", "frontier", "held", "hurried",
        "keys", "late", "left", "ordered", "scanned", "scanning",
    )  # fmt: skip

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._count = block_count(blob.size)
        self._seen = Sparse("B")  # 1: the opposite of `_absent`
        self._absent = True  # whether a block of which nothing is noted is not here
        self._stamps = Sparse("Q")  # stamp + 1; 0: not known
        self._unproven = Sparse("B")
        self._hasher = hasher_for(blob.digest, blob.size)
        self.frontier = self.ordered = 0
        self.held: dict[int, Data] = {}
        self.busy = self.scanning = self.scanned = self.hurried = self.again = False
        self.differs = self.left = self.late = False
        self.keys: Keys | None = None

    @property
    def reach(self) -> int:
        """The first block that has neither been ordered nor is held."""
        return self.ordered + len(self.held)

    def see(self, block: int) -> None:
        """A block has come: it is in the store, or at hand."""
        self.again |= block < self.ordered
        self.late = block - self.ordered >= ORDER_BLOCKS
        self.found(block)

    def found(self, block: int) -> None:
        """A block is in the store, or at hand, since who knows when."""
        self._seen[block] = self._absent

    def unseen(self) -> Iterator[int]:
        """The blocks that are yet to be hashed and have not come, ascending."""
        ahead = range(self.ordered, self._count)
        return (block for block in ahead if self._seen[block] != self._absent)

    def see_all(self) -> None:
        """Every block is in the store; nobody needs to look."""
        self._seen.clear()
        self._absent = False
        self.scanned = True

    def unsee(self, block: int) -> dict[int, Data]:
        """The block at the frontier is not in the store after all; returns what was held behind it, which is let go."""
        self._seen[block] = not self._absent
        self.ordered = self.frontier
        return self.let_go()

    def let_go(self) -> dict[int, Data]:
        """What was held, which is not any more."""
        held, self.held = self.held, {}
        return held

    def hold(self, data: Data) -> None:
        """Keep the bytes of the block at `reach` until they are hashed."""
        self.held[self.reach] = data

    def next_order(self) -> range | None:
        """Blocks to hash now; None if there are too few, or the checker is at it."""
        if self.busy or self.frontier >= self._count:
            return None
        most = min(self.frontier + ORDER_BLOCKS, self._count)
        if self.held:
            return range(self.frontier, min(self.reach, most))
        ahead = range(self.frontier, most)
        stop = next((block for block in ahead if self._seen[block] != self._absent), most)
        if stop - self.frontier < STEP_BLOCKS and stop < self._count:
            return None
        return range(self.frontier, stop) if stop > self.frontier else None

    def order(self, run: range) -> dict[int, Data]:
        """The checker is asked to hash a run; returns what of it was held, which goes with the order."""
        self.busy = True
        self.ordered = run.stop
        return {block: self.held.pop(block) for block in run if block in self.held}

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

    def took(self, block: int) -> None:
        """What is hashed for a block was proven by nobody; in the checker's thread."""
        self._unproven[block] = 1

    def unproven(self) -> list[int]:
        """Those blocks."""
        return [block for block, _ in self._unproven.items()]

    def compared(self, block: int, stamp: int) -> None:
        """What is hashed for a block is what the store has under this stamp; in the checker's thread."""
        self._stamps[block] = stamp + 1

    def stamps(self) -> Iterator[tuple[int, int]]:
        """(block, stamp) of what was compared in the store."""
        for block, known in self._stamps.items():
            yield block, known - 1

    @property
    def weight(self) -> int:
        """Bytes that it takes, about, beside what is held."""
        return self._seen.weight + self._stamps.weight + self._unproven.weight

    @property
    def complete(self) -> bool:
        """Whether every block has been hashed."""
        return self.frontier >= self._count

    def holds(self) -> bool:
        """Whether the blob is what its digest names; when complete."""
        return self._hasher.matches(self._blob.digest.value)
