"""`Edges`: chunks in which ranges that are fetched begin or end, so that two neighbours fetch them once.

Rules: any thread. Kept are `EDGES` bytes, the longest unused goes first. Who begins with a chunk says so before it asks, and who ends with it waits
until that one has it, or has ended without, or `PATIENCE` is over: a chunk that comes twice costs less than a reader who waits.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from vfs.core.lru import Lru
from vfs.formats.zstd import Buffer

EDGES: Final = 32 << 20
"""Bytes of chunks that are kept."""

PATIENCE: Final = 2.0
"""Seconds to wait for a chunk that another one brings."""


class Edges:
    """See the module; chunks are known by their ids."""

    def __init__(self) -> None:
        self._chunks: Lru[bytes, bytes] = Lru(EDGES)
        self._coming: Counter[bytes] = Counter()
        self._changed = threading.Condition()

    def get(self, chunk: bytes) -> bytes | None:
        """A chunk that was kept."""
        with self._changed:
            return self._chunks.get(chunk)

    def keep(self, chunk: bytes, data: Buffer) -> None:
        """Keep a chunk of which only a part was wanted."""
        if len(data) <= EDGES // 8:
            with self._changed:
                self._chunks.put(chunk, bytes(data), len(data))
                self._changed.notify_all()

    def begin(self, chunk: bytes) -> None:
        """Somebody is about to bring a chunk as the first of a range; to be ended by `leave`."""
        with self._changed:
            self._coming[chunk] += 1

    def leave(self, chunk: bytes) -> None:
        """Who began with a chunk has ended, whatever became of it. Also wakes those who wait, to look whether they were closed."""
        with self._changed:
            self._coming[chunk] -= 1
            if self._coming[chunk] <= 0:
                del self._coming[chunk]
            self._changed.notify_all()

    def wait(self, chunk: bytes, closed: Callable[[], bool]) -> bytes | None:
        """A chunk that is kept, or is being brought by somebody; None if it has to be asked for."""
        with self._changed:
            self._changed.wait_for(
                lambda: chunk in self._chunks or chunk not in self._coming or closed(), PATIENCE
            )
            return self._chunks.get(chunk)
