"""Appending: payload into this process's own segment, then its index entries.

Invariants:
- A segment is written by the one process that holds the lock (flock) of its file; the lock goes
  when the process dies, and the next writer continues where the index says that data ends.
- An index entry is written only after its payload is in the file.
- Nothing is appended to a file that was deleted or is shorter than what was committed to it: what
  was cut off would become a hole.
- Any number of threads append at once: each gets its own range under a lock, writes it without
  one, and commits it in one transaction.
"""

import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from vfs.errors import StoreError, StoreFull
from vfs.lmdb.lease import open_file, try_lock
from vfs.store.index import Index
from vfs.store.items import Buffer, Item, Placed, write_all
from vfs.store.layout import (
    DATA_START,
    RECORD_HEADER,
    Entry,
    SegmentInfo,
    parse_segment_header,
    record_header,
    segment_header,
    segment_name,
    unpack_info,
)
from vfs.store.segments import SegmentTable
from vfs.store.verdicts import note_unproven

_MOST_BUFFERS: Final = 512  # pieces of one pwritev
_LARGE_WRITE: Final = 512 * 1024  # bytes after which one is ended: 4 MiB at once are 4 times slower
_MOST_CANDIDATES: Final = 16  # abandoned segments looked at before a new one is made
_PADDING: Final = bytes(512)
_log = logging.getLogger("vfs.store")


@dataclass(eq=False)
class Active:
    """The segment this process appends to.

    Attributes:
        end: where the next range begins.
        committed: end of the last chunk that is in the index.
    """

    number: int
    info: SegmentInfo
    descriptor: int
    end: int
    committed: int
    users: int = 0
    full: bool = False
    lost: bool = False


@dataclass
class Batch:
    """Items that go into one segment, one after the other."""

    active: Active
    start: int
    items: list[Item] = field(default_factory=list)
    end: int = 0
    done: bool = False

    def entries(self) -> list[Placed]:
        """Where each item will be."""
        placed = []
        position = self.start
        for item in self.items:
            offset = position + RECORD_HEADER + len(item.key)
            entry = Entry(self.active.number, offset, len(item.payload), item.stamp, item.digest)
            placed.append(Placed(item.key, entry))
            position += item.room
        return placed


class Appender:
    """The writing side of one store in one process."""

    def __init__(self, index: Index, table: SegmentTable, capacity: int) -> None:
        self.capacity = capacity
        self._index = index
        self._table = table
        self._directory = table.directory
        self._lock = threading.Lock()
        self._active: Active | None = None
        self._end_seen = 0

    def append(
        self, items: Sequence[Item], *, unproven: bytes = b"", was: Entry | None = None
    ) -> list[Placed]:
        """Store items, blocks of an `unproven` object or what needs no proof; returns where they are (those that fit no segment are left out).

        With `was`, a single item is left out if that is not its entry any more.

        Raises:
            StoreFull: no room on the disk.
            StoreError: the index failed, or the store was emptied or deleted meanwhile.
        """
        placed: list[Placed] = []
        batches = self._reserve(items)
        try:
            for batch in batches:
                self._write(batch)
                if self._commit(batch, was, unproven=unproven):
                    placed += batch.entries()
                    batch.done = True
        except OSError as error:
            raise self._failed(error) from error
        finally:
            with self._lock:
                for batch in reversed(batches):
                    if batch.done:
                        batch.active.committed = max(batch.active.committed, batch.end)
                    else:
                        self._give_back(batch)
                    self._release(batch.active)
        return placed

    # -- ranges ------------------------------------------------------------------------------------

    def _reserve(self, items: Sequence[Item]) -> list[Batch]:
        """Give every item a place; each batch counts as a user of its segment until released."""
        batches: list[Batch] = []
        with self._lock:
            if self._active is not None:
                self._examine(self._active)
            try:
                for item in items:
                    self._place(item, batches)
            except (StoreError, OSError) as error:
                for batch in batches:
                    self._release(batch.active)
                if isinstance(error, OSError):
                    raise self._failed(error) from error
                raise
        return batches

    def _failed(self, error: OSError) -> StoreError:
        """What became of an append: the directory was taken away, or it has no room."""
        where = f"cache segment in {self._directory}: {error.strerror}"
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        return StoreError(where) if gone else StoreFull(where)

    def _examine(self, active: Active) -> None:
        """Leave a file that somebody deleted or cut."""
        found = os.fstat(active.descriptor)
        if found.st_size < active.committed:
            self._table.lost.add(active.number)
            _log.warning("cache segment %d was cut to %d bytes", active.number, found.st_size)
        active.lost |= not found.st_nlink or found.st_size < active.committed

    def _place(self, item: Item, batches: list[Batch]) -> None:
        active = self._active
        if active is not None and (active.lost or active.end + item.room > active.info.capacity):
            self._retire(active)
            active = None
        if active is None:
            if DATA_START + item.room > self.capacity:
                return
            active = self._active = self._adopt(item.room) or self._create()
        if not batches or batches[-1].active is not active:
            active.users += 1
            batches.append(Batch(active, active.end))
        batches[-1].items.append(item)
        active.end += item.room
        batches[-1].end = active.end

    def _give_back(self, batch: Batch) -> None:
        """Cut a failed range off the segment if nothing follows it; else it stays as a hole."""
        active = batch.active
        if active.end == batch.end:
            active.end = batch.start
            with suppress(OSError):
                os.ftruncate(active.descriptor, batch.start)

    def _release(self, active: Active) -> None:
        active.users -= 1
        if active.users == 0 and active is not self._active:
            self._finish(active)

    def _retire(self, active: Active) -> None:
        """Stop appending to a segment; it is finished when its last range is written."""
        active.full = True
        self._active = None
        if active.users == 0:
            self._finish(active)

    # -- bytes -------------------------------------------------------------------------------------

    def _write(self, batch: Batch) -> None:
        active = batch.active
        segment = self._table.get(active.number, active.info)
        if segment is None:
            self._write_pieces(batch)
            return
        with segment.writing(active.descriptor, [entry.offset for _, entry in batch.entries()]):
            self._write_pieces(batch)

    def _write_pieces(self, batch: Batch) -> None:
        pieces: list[Buffer] = []
        position = batch.start
        waiting = 0
        nonce = batch.active.info.nonce
        for item in batch.items:
            pieces.append(record_header(item.key, len(item.payload), item.digest, nonce))
            pieces.append(item.payload)
            used = RECORD_HEADER + len(item.key) + len(item.payload)
            if item.room > used:
                pieces.append(_PADDING[: item.room - used])
            waiting += item.room
            if len(pieces) >= _MOST_BUFFERS or waiting >= _LARGE_WRITE:
                position = write_all(batch.active.descriptor, pieces, position)
                pieces = []
                waiting = 0
        write_all(batch.active.descriptor, pieces, position)

    def _commit(self, batch: Batch, was: Entry | None, *, unproven: bytes) -> bool:
        placed = batch.entries()

        def write(transaction: Any) -> bool | None:
            number = batch.active.number.to_bytes(4, "big")
            info = unpack_info(transaction.get(number, db=self._index.segments) or b"")
            if info is None or info.nonce != batch.active.info.nonce:
                return None
            if was is not None:
                (only, _), *_ = placed
                if transaction.get(only, db=self._index.chunks) != was.pack():
                    return False
            if unproven:
                note_unproven(transaction, self._index, unproven)
            for key, entry in placed:
                transaction.put(key, entry.pack(), db=self._index.chunks)
                member = number + entry.offset.to_bytes(4, "big")
                transaction.put(member, key, db=self._index.members)
            size = max(info.size, batch.end)
            transaction.put(number, info._replace(size=size).pack(), db=self._index.segments)
            state = self._index.state_in(transaction)
            state = state._replace(total=state.total + size - info.size)
            self._index.put_state(transaction, state)
            return True

        # Who makes room (`was`) has the locks of all: it must not hang.
        done = (self._index.write_here if was is None else self._index.write)(write)
        if done is None:
            batch.active.lost = True
            raise StoreError("the cache was emptied while it was being written to")
        return done

    # -- segments ----------------------------------------------------------------------------------

    def _create(self) -> Active:
        """Make a new segment. Raises OSError, StoreError."""
        number = self._index.write(self._take_number)
        nonce = secrets.randbits(64)
        info = SegmentInfo(nonce, DATA_START, self.capacity, int(time.time()), 0)
        path = self._directory / segment_name(number, nonce)
        descriptor = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            if not try_lock(descriptor):
                raise StoreError(f"{path} is locked by another process")
            write_all(descriptor, [segment_header(number, info)], 0)
            self._register(number, info)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return Active(number, info, descriptor, DATA_START, DATA_START)

    def _take_number(self, transaction: Any) -> int:
        state = self._index.state_in(transaction)
        following = state._replace(next_segment=state.next_segment + 1)
        self._index.put_state(transaction, following)
        return state.next_segment

    def _register(self, number: int, info: SegmentInfo) -> None:
        def write(transaction: Any) -> None:
            transaction.put(number.to_bytes(4, "big"), info.pack(), db=self._index.segments)
            state = self._index.state_in(transaction)
            self._index.put_state(transaction, state._replace(total=state.total + info.size))

        self._index.write(write)

    def _adopt(self, room: int) -> Active | None:
        """Continue a young segment whose writer has ended, so that short runs leave no litter."""
        for number, info in self._abandoned():
            if info.size + room > info.capacity:
                continue
            path = self._directory / segment_name(number, info.nonce)
            try:
                descriptor = open_file(path, os.O_RDWR)
            except OSError:
                continue
            if try_lock(descriptor) and self._continue(number, info, descriptor):
                return Active(number, info, descriptor, info.size, info.size)
            os.close(descriptor)
        return None

    def _abandoned(self) -> list[tuple[int, SegmentInfo]]:
        def read(transaction: Any) -> list[tuple[int, SegmentInfo]]:
            found = []
            with transaction.cursor(self._index.segments) as cursor:
                for key, value in cursor.iterprev():
                    info = unpack_info(value)
                    if info is not None and not info.sealed:
                        found.append((int.from_bytes(key, "big"), info))
                    if len(found) == _MOST_CANDIDATES:
                        break
            return found

        return self._index.read(read)

    def _continue(self, number: int, info: SegmentInfo, descriptor: int) -> bool:
        """With the lock held: is the segment still what the index said? Cuts its unindexed tail."""
        now = unpack_info(self._index.get(self._index.segments, number.to_bytes(4, "big")) or b"")
        if now != info:
            return False
        parsed = parse_segment_header(os.pread(descriptor, 64, 0))
        found = os.fstat(descriptor)
        if parsed is None or parsed[1].nonce != info.nonce or not found.st_nlink:
            return False
        if found.st_size < info.size:
            return False
        os.ftruncate(descriptor, info.size)
        return True

    def _finish(self, active: Active) -> None:
        """Seal a segment nobody writes to any more, if it is full, and let its lock go."""

        def write(transaction: Any) -> None:
            number = active.number.to_bytes(4, "big")
            info = unpack_info(transaction.get(number, db=self._index.segments) or b"")
            if info is not None and info.nonce == active.info.nonce:
                sealed = info._replace(sealed=1)
                transaction.put(number, sealed.pack(), db=self._index.segments)

        try:
            if active.full and not active.lost:
                self._index.write(write)
        except StoreError as error:
            _log.warning("cache segment %d could not be sealed: %s", active.number, error)
        finally:
            os.close(active.descriptor)

    def rest(self, *, idle_only: bool) -> None:
        """Let go of the segment, unless it is in use; it may be evicted then, or continued.

        With `idle_only`, only if nothing was appended since the last call.
        """
        with self._lock:
            active = self._active
            idle = active is not None and active.end == self._end_seen
            self._end_seen = active.end if active is not None else 0
            if active is not None and active.users == 0 and (idle or not idle_only):
                self._active = None
                self._finish(active)

    def forget(self) -> None:
        """Leave the segment now written to; the next append starts another one."""
        with self._lock:
            active, self._active = self._active, None
            if active is not None:
                active.lost = True
                if active.users == 0:
                    self._finish(active)

    def close(self) -> None:
        """Let go of the segment; another process may continue it."""
        with self._lock:
            active, self._active = self._active, None
            if active is not None and active.users == 0:
                self._finish(active)
