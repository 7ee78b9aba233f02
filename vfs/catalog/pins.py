"""Which trees are in use by which process: locks on single bytes of one file.

Every tree has a byte. A process holds it shared for as long as it reads the tree; the collector
needs it exclusively to forget the tree. One more byte is held while trees are built, because a
builder counts on pages that it finds. The kernel gives the locks back when a process ends, however
that happens, and nothing is ever written. Two trees that share a byte are kept together.

Rule: blocking, for as long as a collector takes to forget what is waited for; one that takes too long may have been stopped.
"""

import errno
import fcntl
import os
import struct
import threading
import weakref
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vfs.errors import StoreError
from vfs.lmdb import Busy
from vfs.lmdb.lease import open_file
from vfs.waiting import wait_for

BUILDING: Final = b""
"""The key that is held while a tree is built."""

COLLECTING: Final = 20.0
"""Seconds that a collector is waited for."""

_LOCK: Final = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length, pid


def _place(key: bytes) -> int:
    return (int.from_bytes(key[:8], "big") >> 2) + 1 if key else 0


def _lock(descriptor: int, command: int, kind: int, key: bytes) -> None:
    """Locks of the open file description: threads of a process meet each other's. Raises OSError."""
    fcntl.fcntl(descriptor, command, _LOCK.pack(kind, os.SEEK_SET, _place(key), 1, 0))


def _try_lock(descriptor: int, kind: int, key: bytes) -> bool:
    """Whether the lock could be had at once. Raises StoreError."""
    try:
        _lock(descriptor, fcntl.F_OFD_SETLK, kind, key)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise StoreError(f"catalog: no lock: {error.strerror}") from error
    return True


class Pins:
    """What this process uses; thread-safe."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises OSError."""
        self._descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        self._owner = os.getpid()
        self._guard = threading.Lock()
        self._held: Counter[bytes] = Counter()
        self._released: deque[bytes] = deque()  # filled by finalizers, which may run anywhere

    def hold(self, key: bytes) -> None:
        """Keep a key from collectors until `release` was called as often. Raises StoreError, Busy if a collector does not end."""
        if os.getpid() != self._owner:
            raise StoreError("the catalog was opened before a fork")

        def take() -> bool:
            return _try_lock(self._descriptor, fcntl.F_RDLCK, key)

        with self._guard:
            self._settle()
            if not (self._held[key] or wait_for(take, COLLECTING)):
                raise Busy("catalog: a process that was stopped, or is slow, is forgetting trees")
            self._held[key] += 1

    def release(self, key: bytes) -> None:
        """Undo one `hold`, at the latest when the next one comes. May be called from anywhere."""
        self._released.append(key)
        if os.getpid() == self._owner and self._guard.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self._guard.release()

    def _settle(self) -> None:
        while self._released:
            key = self._released.popleft()
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
                if self._descriptor >= 0:
                    _lock(self._descriptor, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, key)

    @contextmanager
    def holding(self, key: bytes) -> Iterator[None]:
        """Hold a key for a while."""
        self.hold(key)
        try:
            yield
        finally:
            self.release(key)

    def hold_for(self, key: bytes, user: object) -> None:
        """Let an earlier `hold` end with the life of an object."""
        weakref.finalize(user, self.release, key).atexit = False

    def keys(self) -> list[bytes]:
        """What this process holds now."""
        with self._guard:
            self._settle()
            return [key for key in self._held if key]

    @contextmanager
    def claims(self) -> Iterator["Claims"]:
        """For the collector: take keys that nobody holds, and give them back at the end."""
        # This file, whatever lies at its path now.
        descriptor = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDWR | os.O_CLOEXEC)
        try:
            yield Claims(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of everything."""
        with self._guard:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)


class Claims:
    """Keys that a collector has for itself; see `Pins.claims`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self, key: bytes) -> bool:
        """Whether nobody holds the key; then nobody can before the end. Raises StoreError."""
        return _try_lock(self._descriptor, fcntl.F_WRLCK, key)
