"""What LMDB leaves to its user about the file of an environment's data; `lock_file` about the other one.

Known in py-lmdb with LMDB 0.9: one descriptor is inherited by programs that the process starts, and the last pages of a sound file may never
have been written.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from vfs.errors import StoreError, StoreFull

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ROOM: Final = "free disk space there"


def close_on_exec(path: Path) -> None:
    """Keep a file that this process has open from the programs it starts."""
    wanted = path.stat()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), wanted):
                os.set_inheritable(int(name), False)


def extend(path: Path, size: int) -> None:
    """Let a file have at least `size` bytes: a page of zeros is an error to LMDB, a missing one a SIGBUS.

    Never shortens it: another process may be writing behind what this one has seen. A disk without room is no reason to fail.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.posix_fallocate(descriptor, size - 1, 1)
    finally:
        os.close(descriptor)


def refused(name: str, error: OSError) -> StoreError:
    """What it means that the files of an environment cannot be made or opened."""
    if error.errno in FULL:
        return StoreFull(f"{name}: {error.strerror}", hint=ROOM)
    hint = "check its owner and mode, and how the disk is mounted"
    return StoreError(f"{name}: {error.strerror}", hint=hint)
