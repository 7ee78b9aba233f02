"""`Waiter`: a task that needs certain blocks."""

import copy

import trio

from vfs.errors import VfsError
from vfs.store import Taken

Data = bytes | bytearray | memoryview


class Waiter:
    """A task that waits for blocks; keeps their bytes, so that what becomes of them elsewhere does not matter.

    Attributes:
        pending: blocks that have not arrived.
        data: those that have (empty if `keep` is false).
        keep: whether the bytes are wanted, or only that they are in the store.
        error: why one of them will not come.
        taken: what became of the blocks in the store, the worst of all (waiters that do not keep wait for that).
    """

    __slots__ = ("_event", "data", "error", "keep", "pending", "taken")

    def __init__(self, blocks: set[int], *, keep: bool = True) -> None:
        self.pending = blocks
        self.data: dict[int, Data] = {}
        self.keep = keep
        self.error: VfsError | None = None
        self.taken = Taken.YES
        self._event = trio.Event()

    def arrive(self, block: int, data: Data) -> None:
        """One of the blocks is here."""
        self.pending.discard(block)
        if self.keep:
            self.data[block] = data
        if not self.pending:
            self._event.set()

    def settle(self, block: int, taken: Taken) -> None:
        """One of the blocks is in the store, or is not."""
        self.taken &= taken
        self.arrive(block, b"")

    def fail(self, error: VfsError) -> None:
        """One of the blocks will not come."""
        self.error = error
        self._event.set()

    async def wait(self) -> None:
        """Until everything is here; raises the error otherwise (a copy: many may be waiting for one failure)."""
        if self.pending:
            await self._event.wait()
        if self.error is not None:
            raise copy.copy(self.error)
