"""`lock.mdb` of an environment: this process has one descriptor of it for as long as it uses the environment.

LMDB's locks on that file are record locks, and a process that closes any descriptor of a file gives up all that it holds on it (POSIX, `close`).
Others then take the process for dead: they clear its slots in the table of readers, so that pages which it reads are overwritten, and make
the writers' mutex anew, so that two write at a time.

Rule: the descriptor is opened before LMDB opens the environment and closed after LMDB has closed it; whoever wants the file meanwhile shares it.

Known in LMDB 0.9: the file is sparse, and mapped for writing.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

LOCK_FILE: Final = 1 << 17
"""Bytes of a table of 1,024 readers, rounded up."""

_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


class LockFile:
    """See the module; to be had from `use`. Thread-safe.

    Attributes:
        numbers: descriptors of it; none if it can neither be written nor read.
        uses: how many were given out.
        identity: device and inode.
    """

    def __init__(self, number: int, refused: OSError | None) -> None:
        """`number`: a descriptor, -1 for none; `refused`: why it is not open for writing."""
        self.numbers = [] if number < 0 else [number]
        self.uses = 0
        self.identity = (0, 0)
        if self.numbers:
            found = os.fstat(number)
            self.identity = found.st_dev, found.st_ino
        self._refused = refused

    def allocate(self) -> None:
        """Give the table of readers its blocks before it is mapped: on a full disk the first store into it would be a SIGBUS.

        Raises:
            OSError: no room (ENOSPC), or the file cannot be made or written.
        """
        if self._refused is not None:
            raise self._refused
        if os.fstat(self.numbers[0]).st_blocks * 512 < LOCK_FILE:
            os.posix_fallocate(self.numbers[0], 0, LOCK_FILE)

    def head(self, size: int) -> bytes:
        """The first bytes; none if it cannot be read, or nobody here uses it any more. Raises OSError."""
        with _guard:
            return os.pread(self.numbers[0], size, 0) if self.numbers else b""


_guard = threading.Lock()
_used: Final[dict[tuple[int, int], LockFile]] = {}


def use(path: Path) -> LockFile:
    """The file at a path, made if it can be; to be given back with `let_go`."""
    with _guard:
        file = _known(path) or _open(path)
        file.uses += 1
        return file


def let_go(file: LockFile) -> None:
    """The environment is closed, or was never opened."""
    with _guard:
        file.uses -= 1
        if not file.uses:
            _used.pop(file.identity, None)
            while file.numbers:
                os.close(file.numbers.pop())


def _known(path: Path) -> LockFile | None:
    with suppress(OSError):
        found = os.lstat(path)
        return _used.get((found.st_dev, found.st_ino))
    return None


def _open(path: Path) -> LockFile:
    number, refused = -1, None
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    except OSError as error:
        refused = error
        with suppress(OSError):
            number = os.open(path, os.O_RDONLY | _FLAGS)
    file = LockFile(number, refused)
    if not file.numbers:
        return file
    known = _used.setdefault(file.identity, file)
    if known is not file:  # another process has just put a file in its place that is used here
        known.numbers += file.numbers
    return known


def _forget() -> None:
    """In a forked child: a thread that is no more may hold the guard. What was in use stays open, and has no locks of the child's."""
    global _guard
    _guard = threading.Lock()


os.register_at_fork(after_in_child=_forget)
