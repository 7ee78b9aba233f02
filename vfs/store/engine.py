"""The parts of a store that belong to one open directory.

A `ChunkStore` replaces its engine when the directory was deleted under it and made anew.
"""

import os
import threading
from pathlib import Path
from typing import Any

from vfs.lmdb.lease import OPENING
from vfs.store.directory import prepare
from vfs.store.evict import Evictor
from vfs.store.layout import Entry, unpack_entry, unpack_info
from vfs.store.pins import Pins
from vfs.store.segments import Segment, SegmentTable
from vfs.store.shared import Shared, acquire, release
from vfs.store.verdicts import Verdicts
from vfs.store.writer import Appender


class Engine:
    """Index, segments, writer and eviction of one directory.

    Attributes:
        writable: whether chunks can be appended at all.
        strays: keys whose index value is no entry, to be removed when it may take a while.
    """

    def __init__(self, shared: Shared, capacity: int) -> None:
        self.directory = shared.directory
        self.writable = shared.writable
        self.shared = shared
        self.index = shared.index
        segments = shared.directory / "segments"
        self.table = SegmentTable(segments, writable=self.writable)
        self.appender = Appender(self.index, self.table, capacity)
        self.evictor = Evictor(self.index, shared.directory, self.appender.append)
        self.pins = Pins(self.index)
        self.verdicts = Verdicts(self.index)
        self.strays: set[bytes] = set()
        self._generation = self.index.state().generation
        self._refresh = threading.Lock()

    @classmethod
    def open(
        cls, directory: Path, *, capacity: int, map_size: int, patience: float = OPENING
    ) -> "Engine":
        """Open or create the store in a directory. Raises StoreError, Busy after `patience` seconds (`Lease.enter`)."""
        shared = acquire(directory, map_size, writable=prepare(directory), patience=patience)
        try:
            return cls(shared, capacity)
        except BaseException:
            release(shared)
            raise

    # -- places ------------------------------------------------------------------------------------

    def segment(self, number: int) -> Segment | None:
        """A segment not at hand yet, opened; None if it is gone. Raises StoreError."""
        value = self.index.get(self.index.segments, number.to_bytes(4, "big"))
        info = unpack_info(value) if value is not None else None
        return self.table.get(number, info) if info is not None else None

    def free(self) -> int:
        """Bytes free for ordinary users on the file system of the store."""
        try:
            found = os.statvfs(self.directory)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize

    # -- upkeep ------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Let go of segments that have been dropped since the last look. Raises StoreError."""
        generation = self.index.state().generation
        if generation == self._generation:
            return
        with self._refresh:
            self.table.retire({number for number, _ in self.evictor.segments()})
            self._generation = generation

    def tidy(self) -> None:
        """Write what was used; forget segments whose file is gone, foreign or cut, and values that are no entries."""
        self.table.flush_touches()
        if not self.writable:
            return
        self.appender.rest(idle_only=True)
        self.table.notice_cut(self.evictor.segments())
        for number in list(self.table.lost):
            info = self.evictor.drop(number)
            if info is not None:
                self.table.remove_file(number, info.nonce)
        while self.strays:
            key = self.strays.pop()
            self.index.write(lambda t, k=key: self._remove_stray(t, k))  # type: ignore[misc]
        self.refresh()
        self.table.lost.clear()

    def _remove_stray(self, transaction: Any, key: bytes) -> None:
        value = transaction.get(key, db=self.index.chunks)
        if value is not None and unpack_entry(value) is None:
            transaction.delete(key, db=self.index.chunks)

    def forget(self, key: bytes, entry: Entry | None) -> None:
        """Remove a chunk; with `entry` only if it is still the one meant. Raises StoreError."""

        def write(transaction: Any) -> None:
            if entry is None or transaction.get(key, db=self.index.chunks) == entry.pack():
                transaction.delete(key, db=self.index.chunks)

        self.index.write(write)

    def clear(self) -> None:
        """Remove every chunk and verdict; pins stay. Raises StoreError."""

        def write(transaction: Any) -> None:
            for table in (self.index.chunks, self.index.members, self.index.verdicts):
                transaction.drop(table, delete=False)
            transaction.drop(self.index.segments, delete=False)
            state = self.index.state_in(transaction)
            state = state._replace(generation=state.generation + 1, total=0)
            self.index.put_state(transaction, state)

        segments = self.evictor.segments()
        self.index.write(write)
        self.appender.forget()
        for number, info in segments:
            self.table.remove_file(number, info.nonce)
        self.refresh()

    def close(self) -> None:
        """Close everything; later use raises StoreError or finds nothing."""
        self.appender.close()
        self.table.close()
        release(self.shared)
