"""Segments as this process reads them: descriptors, what was verified, what was used.

Invariants:
- A descriptor is closed when its last user lets go of it (`Descriptor` closes itself), so a read
  never meets a number that the system has given to another file.
- At most a share of what the process may have is kept (`vfs.descriptors`); the ones opened first are let go first.
- A dropped segment lets go of its descriptor as soon as this process hears of the drop, so that
  the disk space returns although extents that name the segment are still held.
- `verified` has a bit per chunk, set only after this process has seen its bytes agree with its
  checksum, or has written them, and only while the file is what it was then: `stamp` is the time
  of the file's last change that `verified` knows of. Whoever uses a verified chunk reads `stamp`,
  then `verified`, then the bytes, then the file's time of change; bits go before `stamp` moves.
"""

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from vfs.descriptors import Descriptor, register, share
from vfs.lmdb.lease import open_file
from vfs.store.layout import (
    ALIGNMENT_SHIFT,
    DATA_START,
    TOUCH_SHIFT,
    TOUCH_SLOTS,
    TOUCH_START,
    SegmentInfo,
    parse_segment_header,
    segment_name,
)

MOST_PENDING: Final = 256
_FEWEST_OPEN: Final = 16
_MOST_OPEN: Final = 1024
# Reasons not to open a file that say nothing about the file.
_PASSING: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EINTR)


class Segment:
    """One segment file.

    Attributes:
        number: its number in the index.
        nonce: the random number in its name and header.
        file: the descriptor, None while it is closed.
        dropped: it is no longer part of the store.
        verified: a bit for each place where a chunk may start.
        stamp: the file's time of change (ctime, ns) up to which `verified` holds.
        touched: one byte for each mark of the touch map that this process has set.
        pending: marks not yet written to the file.
    """

    __slots__ = (
        "_lock",
        "_writers",
        "dropped",
        "file",
        "nonce",
        "number",
        "pending",
        "stamp",
        "touched",
        "verified",
    )

    def __init__(self, number: int, nonce: int, capacity: int) -> None:
        self.number = number
        self.nonce = nonce
        self.file: Descriptor | None = None
        self.dropped = False
        self.verified = bytearray((capacity >> ALIGNMENT_SHIFT >> 3) + 1)
        self.stamp = 0
        self.touched = bytearray(TOUCH_SLOTS)
        self.pending: list[int] = []
        self._lock = threading.Lock()
        self._writers = 0  # writes of this process that have begun and not ended

    def is_verified(self, offset: int) -> bool:
        """Whether this process knows the chunk at `offset` to be sound."""
        slot = offset >> ALIGNMENT_SHIFT
        byte = slot >> 3
        return byte < len(self.verified) and self.verified[byte] & (1 << (slot & 7)) != 0

    def set_verified(self, offset: int, stamp: int) -> None:
        """Remember that the chunk at `offset` was sound when `look` gave `stamp`."""
        with self._lock:
            if stamp == self.stamp:
                self._set(offset)

    def _set(self, offset: int) -> None:
        slot = offset >> ALIGNMENT_SHIFT
        if slot >> 3 < len(self.verified):
            self.verified[slot >> 3] |= 1 << (slot & 7)

    def clear_all(self) -> None:
        """Check every chunk again before its next use: the disk is being read, ahead of what was asked for too."""
        with self._lock:
            self.verified = bytearray(len(self.verified))

    def look(self, descriptor: int) -> int:
        """Forget what was verified if another process has changed the file.

        Returns:
            `stamp`, for `set_verified`.

        Raises:
            OSError: the file cannot be asked.
        """
        with self._lock:
            changed = os.fstat(descriptor).st_ctime_ns
            if changed != self.stamp and not self._writers:
                self.verified = bytearray(len(self.verified))
                self.stamp = changed
            return self.stamp

    @contextmanager
    def writing(self, descriptor: int, offsets: Iterable[int] = ()) -> Iterator[None]:
        """Around a write of this process: what was verified stays so, and `offsets` become so."""
        self.look(descriptor)
        with self._lock:
            self._writers += 1
        try:
            yield
            with self._lock:
                for offset in offsets:
                    self._set(offset)
        finally:
            with self._lock:
                self._writers -= 1
                self.stamp = os.fstat(descriptor).st_ctime_ns

    def clear_verified(self, offset: int) -> None:
        """Check the chunk at `offset` again before its next use."""
        slot = offset >> ALIGNMENT_SHIFT
        with self._lock:
            if slot >> 3 < len(self.verified):
                self.verified[slot >> 3] &= ~(1 << (slot & 7)) & 0xFF

    def touch(self, offset: int) -> None:
        """Note that the chunk at `offset` is in use (no I/O)."""
        slot = min(offset >> TOUCH_SHIFT, TOUCH_SLOTS - 1)
        if not self.touched[slot]:
            self.touched[slot] = 1
            self.pending.append(slot)

    def flush_touches(self) -> None:
        """Write the marks to the file, for whoever evicts. Failure loses a second chance only."""
        file = self.file
        pending, self.pending = self.pending, []
        if file is None:
            return
        with suppress(OSError), self.writing(file.number):
            for slot in pending:
                os.pwrite(file.number, b"\1", TOUCH_START + slot)


class Extent(NamedTuple):
    """Where a chunk is.

    Attributes:
        segment: the file that holds it.
        offset: first byte of the payload in that file.
        length: bytes.
        checksum: xxh3-64 of the payload.
        key: the chunk's key.
        stamp: of its entry in the index.
    """

    segment: Segment
    offset: int
    length: int
    checksum: int
    key: bytes
    stamp: int


class SegmentTable:
    """The segments this process has met, by number."""

    def __init__(self, directory: Path, *, writable: bool) -> None:
        self.directory = directory
        self._flags = os.O_RDWR if writable else os.O_RDONLY
        self._segments: dict[int, Segment] = {}
        self._open: dict[int, Segment] = {}
        self._lock = threading.RLock()  # opening one may let go of all
        self.lost: set[int] = set()  # segments whose file is missing or foreign
        register(self)

    def known(self, number: int) -> Segment | None:
        """The segment if it is at hand and open (loop-safe)."""
        segment = self._segments.get(number)
        return segment if segment is not None and segment.file is not None else None

    def get(self, number: int, info: SegmentInfo) -> Segment | None:
        """The segment, opened if need be; None if its file is missing or not what it should be."""
        with self._lock:
            segment = self._segments.get(number)
            if segment is None or segment.nonce != info.nonce:
                segment = Segment(number, info.nonce, info.capacity)
            if not self._reopen(segment):
                return None
            self._segments[number] = segment
            return segment

    def reopen(self, segment: Segment) -> Descriptor | None:
        """A descriptor of a segment whose own was let go; None if it is gone."""
        with self._lock:
            if segment.dropped or not self._reopen(segment):
                return None
            return segment.file

    def _reopen(self, segment: Segment) -> bool:
        if segment.file is not None:
            return True
        file = self._validated(segment)
        if file is None:
            return False
        segment.file = file
        self._open[segment.number] = segment
        if len(self._open) > _FEWEST_OPEN:
            self._thin(max(_FEWEST_OPEN, share(_MOST_OPEN)))
        return True

    def _thin(self, left: int) -> None:
        while len(self._open) > left:
            oldest = self._open.pop(next(iter(self._open)))
            oldest.flush_touches()
            oldest.file = None

    def let_go(self) -> None:
        """Close all of them until they are read again; not if another thread is opening one just now."""
        if self._lock.acquire(blocking=False):
            try:
                self._thin(0)
            finally:
                self._lock.release()

    def _validated(self, segment: Segment) -> Descriptor | None:
        """Open the file and make sure that it is the segment the index speaks of."""
        path = self.directory / segment_name(segment.number, segment.nonce)
        try:
            file = Descriptor(open_file(path, self._flags))
            found = os.fstat(file.number)
            parsed = parse_segment_header(os.pread(file.number, 64, 0))
        except OSError as error:
            if error.errno not in _PASSING:
                self.lost.add(segment.number)
            return None
        expected = (segment.number, segment.nonce)
        if _is_ours(found) and parsed is not None and (parsed[0], parsed[1].nonce) == expected:
            return file
        self.lost.add(segment.number)
        return None

    def retire(self, alive: set[int]) -> None:
        """Forget every segment that is not among `alive` and let its descriptor go."""
        with self._lock:
            for number in [known for known in self._segments if known not in alive]:
                segment = self._segments.pop(number)
                segment.dropped = True
                segment.file = None
                self._open.pop(number, None)
            self.lost &= alive

    def notice_cut(self, segments: Iterable[tuple[int, SegmentInfo]]) -> None:
        """Note as lost each open segment whose file is shorter than the index says."""
        for number, info in segments:
            segment = self.known(number)
            file = segment.file if segment is not None else None
            if file is not None and os.fstat(file.number).st_size < info.size:
                self.lost.add(number)

    def remove_file(self, number: int, nonce: int) -> None:
        """Unlink the file of a segment that left the index."""
        with suppress(OSError):
            (self.directory / segment_name(number, nonce)).unlink()

    def flush_touches(self) -> None:
        """Write what was used to the segment files."""
        for segment in list(self._open.values()):
            if segment.pending:
                segment.flush_touches()

    def close(self) -> None:
        """Let go of everything."""
        self.flush_touches()
        self.retire(set())


def _is_ours(found: os.stat_result) -> bool:
    return (
        stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_size >= DATA_START
    )
