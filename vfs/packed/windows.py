"""Windows of packs that were fetched for one reader, kept for the next ones.

Rules: thread-safe; a window is fetched once however many ask for it. Windows lie in a file without a name of
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
from vfs.core.windows import MOST_AHEAD, WINDOW, claim
from vfs.errors import ContentMismatch
from vfs.formats.packs import PackRef
from vfs.remotes import Remote
from vfs.remotes.base import read_body

log = logging.getLogger("vfs.packed")

LIMIT = 256 << 20

_Key = tuple[bytes, int]


class Windows:
    """See the module.

    Args:
        remote: where the packs are.
        directory: for the file; if there can be none, every read is a request.
        limit: bytes on the disk.
        window: bytes of one.
    """

    def __init__(
        self, remote: Remote, directory: Path, *, limit: int = LIMIT, window: int = WINDOW
    ) -> None:
        self._remote = remote
        self.window = window
        self._slots = max(2 * MOST_AHEAD, limit // window)
        self._file = _unnamed(directory)
        self._held: OrderedDict[_Key, tuple[int, int]] = OrderedDict()  # slot, length
        self._free = list(range(self._slots - 1, -1, -1))
        self._full = self._file is None
        self._pending: set[_Key] = set()
        self._offered: set[_Key] = set()
        self._ahead: Lru[bytes, int] = Lru(1024)
        self._changed = threading.Condition()

    def read(self, pack: PackRef, offset: int, length: int) -> bytes:
        """Bytes of a pack; at most two windows.

        Raises:
            ObjectMissing: there is no such pack (any more).
            ContentMismatch: it ends before.
            RemoteError: as the remote answered.
        """
        first, last = offset // self.window, (offset + length - 1) // self.window
        while not self._full:
            with self._changed:
                data = self._look(pack, offset, length)
                if data is not None:
                    if len(data) < length:
                        raise self._short(pack, offset + length)
                    return data
                run = self._claim(pack, first, last)
                if run is None:
                    self._changed.wait()
                    continue
            found = self._fetch(pack, run)
            start = offset - run.start * self.window
            if start >= 0 and start + length <= len(found):
                return bytes(found[start : start + length])
            if last in run and start + length > len(found):
                raise self._short(pack, offset + length)
        found = read_body(self._remote.get(pack.key, offset, length), length)
        if len(found) < length:
            raise self._short(pack, offset + length)
        return bytes(found)

    def peek(self, pack: PackRef, offset: int, length: int) -> bytes | None:
        """Bytes of a pack if they are here."""
        with self._changed:
            return None if self._full else self._look(pack, offset, length)

    def holds(self, pack: PackRef, offset: int, length: int) -> bool:
        """Whether the windows of a range are here."""
        with self._changed:
            run = range(offset // self.window, (offset + length - 1) // self.window + 1)
            return not self._full and all((pack.id, n) in self._held for n in run)

    def offer(self, pack: PackRef, number: int) -> bool:
        """Whether a window is here, and nobody was told so before; who is told deals with all that lies in it."""
        with self._changed:
            key = (pack.id, number)
            if key not in self._held or key in self._offered:
                return False
            self._offered.add(key)
            return True

    def drop(self, pack: PackRef, offset: int, length: int) -> None:
        """Forget the windows of a range: something in it was wrong."""
        with self._changed:
            for n in range(offset // self.window, (offset + length - 1) // self.window + 1):
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
        pieces = []
        position, end = offset, offset + length
        while position < end:
            n, start = divmod(position, self.window)
            found = self._held.get((pack.id, n))
            if found is None:
                return None
            self._held.move_to_end((pack.id, n))
            slot, held = found
            count = min(end - position, self.window - start)
            available = max(0, min(count, held - start))
            assert self._file is not None
            pieces.append(os.pread(self._file.fileno(), available, slot * self.window + start))
            position += count
        return b"".join(pieces)

    def _claim(self, pack: PackRef, first: int, last: int) -> range | None:
        """Windows for the caller to fetch with one request; None if somebody else is about to bring the first one."""
        run, ahead = claim(
            first,
            last,
            self._ahead.get(pack.id) or 1,
            lambda n: (pack.id, n) in self._held,
            lambda n: (pack.id, n) in self._pending,
        )
        if not run:
            return None
        self._ahead.put(pack.id, ahead)
        self._pending.update((pack.id, n) for n in run)
        return run

    def _fetch(self, pack: PackRef, run: range) -> bytearray:
        try:
            length = len(run) * self.window
            data = read_body(self._remote.get(pack.key, run.start * self.window, length), length)
            with self._changed:
                for i, n in enumerate(run):
                    self._keep((pack.id, n), data[i * self.window : (i + 1) * self.window])
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
            written = os.pwrite(self._file.fileno(), data, slot * self.window)
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
        self._offered.discard(key)
        return self._held.pop(key)[0]

    def _short(self, pack: PackRef, end: int) -> ContentMismatch:
        return ContentMismatch(f"{self._remote.url}: {pack.key} ends before {end}")


def _unnamed(directory: Path) -> BinaryIO | None:
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=directory))
    except OSError as error:
        log.warning("windows of packs are not kept: %s: %s", directory, error.strerror)
        return None
