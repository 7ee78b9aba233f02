"""What LMDB leaves to its user about the two files of an environment.

Known in py-lmdb with LMDB 0.9: the table of readers is a sparse file mapped for writing, and one descriptor is inherited by programs
that the process starts.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

LOCK_FILE: Final = 1 << 17
"""Bytes of a table of 1,024 readers, rounded up."""

_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def allocate_lock_file(path: Path) -> None:
    """Give the table of readers its blocks before it is mapped: on a full disk the first store into it would be a SIGBUS.

    Raises:
        OSError: no room (ENOSPC), or the file cannot be made.
    """
    descriptor = os.open(path, _OPEN, 0o600)
    try:
        if os.fstat(descriptor).st_blocks * 512 < LOCK_FILE:
            os.posix_fallocate(descriptor, 0, LOCK_FILE)
    finally:
        os.close(descriptor)


def close_on_exec(path: Path) -> None:
    """Keep a file that this process has open from the programs it starts."""
    wanted = path.stat()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), wanted):
                os.set_inheritable(int(name), False)
