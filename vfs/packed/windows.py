"""Windows of packs that were fetched for one reader, kept for the next ones.

Rules: thread-safe; a window is fetched once however many ask for it. The last of a request comes with the rest of what begins in it (`Reach`), so that
what lies across two is not asked for once more. Windows lie in a file without a name of
at most `limit` bytes, least recently used goes first; if the disk takes nothing more, every read is a request. What is in
them is not trusted: whoever takes a chunk from one checks it, and `drop`s it if it is wrong.
"""

import logging
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, cast

from vfs.core.lru import Lru
from vfs.core.windows import MOST_AHEAD, WINDOW, Reach, alone, claim, end_of, needed
from vfs.errors import ContentMismatch
from vfs.formats.packs import PackRef
from vfs.remotes import Remote
from vfs.remotes.base import read_body

log = logging.getLogger("vfs.packed")

LIMIT = 256 << 20
_SPACING = 2 * WINDOW
"""Bytes of the file for one window and what comes with it; what is not written takes no disk."""

_Key = tuple[bytes, int]


class Windows:
    """See the module.

    Args:
        remote: where the packs are.
        directory: for the file; if there can be none, every read is a request.
        limit: bytes on the disk, but for what comes with the last windows of requests.
    """

    def __init__(self, remote: Remote, directory: Path, *, limit: int = LIMIT) -> None:
        self._remote = remote
        self._slots = max(2 * MOST_AHEAD, limit // WINDOW)
        self._file = _unnamed(directory)
        self._held: OrderedDict[_Key, tuple[int, int]] = OrderedDict()  # slot, length
        self._free = list(range(self._slots - 1, -1, -1))
        self._full = self._file is None
        self._pending: set[_Key] = set()
        self._offered: dict[_Key, set[int]] = {}
        self._ahead: Lru[bytes, int] = Lru(1024)
        self._changed = threading.Condition()

    def read(self, pack: PackRef, offset: int, length: int, reach: Reach = alone) -> bytes:
        """Bytes of a pack; at most two windows.

        Raises:
            ObjectMissing: there is no such pack (any more).
            ContentMismatch: it ends before.
            RemoteError: as the remote answered.
        """
        while not self._full:
            with self._changed:
                data = self._look(pack, offset, length)
                if data is not None:
                    if len(data) < length:
                        raise self._short(pack, offset + length)
                    return data
                run = self._claim(pack, offset, length, reach)
                if run is None:
                    self._changed.wait()
                    continue
            end = end_of(run, reach)
            found = self._fetch(pack, run, end)
            begin = run.start * WINDOW
            if begin <= offset and offset + length <= begin + len(found):
                return bytes(found[offset - begin :][:length])
            if begin + len(found) < min(end, offset + length):
                raise self._short(pack, offset + length)
        found = read_body(self._remote.get(pack.key, offset, length), length)
        if len(found) < length:
            raise self._short(pack, offset + length)
        return bytes(found)

    def peek(self, pack: PackRef, offset: int, length: int) -> bytes | None:
        """Bytes of a pack if they are here."""
        with self._changed:
            return None if self._full else self._look(pack, offset, length)

    def offer(self, pack: PackRef, offset: int, length: int) -> bool | None:
        """Whether nobody was told before that a range is here; who is told deals with it. None: it is not here."""
        with self._changed:
            if self._full or self._extents(pack, offset, length) is None:
                return None
            told = self._offered.setdefault((pack.id, offset // WINDOW), set())
            if offset in told:
                return False
            told.add(offset)
            return True

    def drop(self, pack: PackRef, offset: int, length: int) -> None:
        """Forget the windows of a range: something in it was wrong."""
        with self._changed:
            for n in range(offset // WINDOW, (offset + length - 1) // WINDOW + 1):
                if (pack.id, n) in self._held:
                    self._free.append(self._let_go((pack.id, n)))

    def close(self) -> None:
        """Give the disk back."""
        with self._changed:
            self._held.clear()
            self._offered.clear()
            self._full = True
            if self._file is not None:
                self._file.close()

    def _look(self, pack: PackRef, offset: int, length: int) -> bytes | None:
        """The range if its windows are held; a read from the page cache, so the lock is held."""
        extents = self._extents(pack, offset, length)
        if extents is None:
            return None
        assert self._file is not None
        number = self._file.fileno()
        return b"".join([os.pread(number, count, position) for position, count in extents])

    def _extents(self, pack: PackRef, offset: int, length: int) -> list[tuple[int, int]] | None:
        """Where in the file a range lies (position, count), shorter if the pack ends before; None if some of it is not held."""
        found: list[tuple[int, int]] = []
        end = offset + length
        while offset < end:
            number, start = divmod(offset, WINDOW)
            window = self._held.get((pack.id, number))
            if window is None:
                return None
            self._held.move_to_end((pack.id, number))
            slot, held = window
            count = max(0, min(end - offset, held - start))
            found.append((slot * _SPACING + start, count))
            if held < WINDOW:
                break
            offset += count
        return found

    def _claim(self, pack: PackRef, offset: int, length: int, reach: Reach) -> range | None:
        """Windows for the caller to fetch with one request; None if somebody else is about to bring the first one."""

        def held(number: int) -> bool:
            return (pack.id, number) in self._held

        run, ahead = claim(
            *needed(offset, length, reach, held),
            self._ahead.get(pack.id) or 1,
            held,
            lambda number: (pack.id, number) in self._pending,
        )
        if not run:
            return None
        self._ahead.put(pack.id, ahead)
        self._pending.update((pack.id, n) for n in run)
        return run

    def _fetch(self, pack: PackRef, run: range, end: int) -> bytearray:
        try:
            start = run.start * WINDOW
            data = read_body(self._remote.get(pack.key, start, end - start), end - start)
            with self._changed:
                for n in run:
                    first = n * WINDOW - start
                    stop = first + WINDOW if n < run[-1] else len(data)
                    self._keep((pack.id, n), data[first:stop])
            return data
        finally:
            with self._changed:
                self._pending.difference_update((pack.id, n) for n in run)
                self._changed.notify_all()

    def _keep(self, key: _Key, data: bytearray) -> None:
        if not data or self._file is None or self._full:
            return
        if not self._free:
            self._free.append(self._let_go(next(iter(self._held))))
        slot = self._free.pop()
        try:
            written = os.pwrite(self._file.fileno(), data, slot * _SPACING)
        except OSError as error:
            log.warning("windows of packs are not kept: %s", error.strerror)
            written = -1
        if written == len(data):
            self._held[key] = (slot, len(data))
        else:
            self._free.append(slot)
            self._full = True

    def _let_go(self, key: _Key) -> int:
        """Forget a window; its slot."""
        self._offered.pop(key, None)
        return self._held.pop(key)[0]

    def _short(self, pack: PackRef, end: int) -> ContentMismatch:
        return ContentMismatch(f"{self._remote.url}: {pack.key} ends before {end}")


def _unnamed(directory: Path) -> BinaryIO | None:
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=directory))
    except OSError as error:
        log.warning("windows of packs are not kept: %s: %s", directory, error.strerror)
        return None
