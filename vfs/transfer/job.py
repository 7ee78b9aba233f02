"""`Job`: one ranged GET, from the moment it is wanted to its end. `Waiter`: somebody who needs certain blocks."""

import copy
import threading
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import trio

from vfs.core.ranges import run_length
from vfs.errors import VfsError
from vfs.transfer.place import Body
from vfs.types import BLOCK_SIZE

if TYPE_CHECKING:
    from vfs.transfer.state import BlobState, Source

Data = bytes | bytearray | memoryview

PART_BLOCKS: Final = 4 * 1024 * 1024 // BLOCK_SIZE
"""Blocks of the longest GET: 4 MiB keeps 16 of them within a quarter of the byte budget."""


class Level(IntEnum):
    """Rank of a job; the lower number goes first."""

    DEMAND = 0
    AHEAD = 1
    WARM = 2


class Job:
    """A run of blocks [`first`, `stop`) of one blob, asked of one place after the other.

    Attributes:
        state: the blob it belongs to.
        level: its rank.
        whole: it brings the whole blob, which is verified before any byte is handed out; never cut off.
        stop: the end; the loop may lower it while the job runs, its thread looks before each block.
        cancelled: nobody wants the rest; the thread looks before each block.
        progress: the first block that has not been announced yet.
        attempt: how many places (or versions) have been asked, this one included.
        held: bytes it holds of the budget.
        running: a thread works on it.
        source: the place asked now.
        body: the answer being read, for who wants to end it from outside.
        ended: set by the thread when it lets go of everything.
    """

    __slots__ = (
        "attempt",
        "body",
        "cancelled",
        "ended",
        "first",
        "held",
        "level",
        "progress",
        "running",
        "source",
        "state",
        "stop",
        "whole",
    )

    def __init__(
        self, state: "BlobState", run: range, level: Level, *, whole: bool = False
    ) -> None:
        self.state = state
        self.first = run.start
        self.stop = run.stop
        self.level = level
        self.whole = whole
        self.cancelled = False
        self.progress = run.start
        self.source: Source | None = None
        self.body: Body | None = None
        self.ended = threading.Event()
        self.attempt = 1
        self.held = 0
        self.running = False

    @property
    def run(self) -> range:
        """The blocks it covers now."""
        return range(self.first, self.stop)

    @property
    def size(self) -> int:
        """Bytes of those blocks."""
        return run_length(self.state.blob.size, self.run)

    def __repr__(self) -> str:
        kind = f"{self.level.name}{' running' if self.running else ''}"
        return f"<Job {self.state.blob.digest} [{self.first}, {self.stop}) {kind}>"


class Waiter:
    """A task that waits for blocks; keeps their bytes, so that what becomes of them elsewhere does not matter.

    Attributes:
        pending: blocks that have not arrived.
        data: those that have (empty if `keep` is false).
        keep: whether the bytes are wanted, or only that they are in the store.
        error: why one of them will not come.
        unstored: the store did not take some block (waiters that do not keep wait until a block is stored or not).
    """

    __slots__ = ("_event", "data", "error", "keep", "pending", "unstored")

    def __init__(self, blocks: set[int], *, keep: bool = True) -> None:
        self.pending = blocks
        self.data: dict[int, Data] = {}
        self.keep = keep
        self.error: VfsError | None = None
        self.unstored = False
        self._event = trio.Event()

    def arrive(self, block: int, data: Data) -> None:
        """One of the blocks is here."""
        self.pending.discard(block)
        if self.keep:
            self.data[block] = data
        if not self.pending:
            self._event.set()

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
