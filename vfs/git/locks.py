"""Locks between processes on the cache's repositories (flock: gone with their holder)."""

import fcntl
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vfs.waiting import wait_for

_LOOK: Final = 0.1  # seconds between two looks at a lock that somebody else holds


@contextmanager
def exclusive(path: Path, check: Callable[[], object] | None = None) -> Iterator[int]:
    """Hold the lock file `path` (created if needed) alone; yields its descriptor. While it waits, whatever `check` raises ends that."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take() -> bool:
        assert check is not None
        check()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        if check is None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            wait_for(take, math.inf, _LOOK)
        yield descriptor
    finally:
        os.close(descriptor)


def hold_shared(path: Path) -> int:
    """Open `path` and hold a shared lock on it until the returned descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def in_use(path: Path) -> bool:
    """True if somebody holds `path` shared (or alone)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
