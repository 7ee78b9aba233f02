"""The mount that this process serves: its files are not among those that it reads.

Rule: whatever a daemon opens, looks at or walks because a repository or its configuration names it (caches, remotes, import sources, working
trees) goes through here. A mount point is compared with its own daemon's places when it is mounted; a switch, `.snapshots`, an
edited `config.local`, a symlink or a bind mount may name it later, and then the daemon would wait for itself.

Paths below the mount point are refused by their names, without a look at them; all others by the device that the opened file is on.
Thread-safe. A process that serves no mount refuses nothing.
"""

import errno
import os
from typing import Final

AnyPath = str | bytes | os.PathLike[str]

WHY: Final = "it is on the mount that would be reading it"

_served: tuple[bytes, int] | None = None


def serve(mountpoint: AnyPath | None, device: int = 0) -> None:
    """From now on this process serves a mount at a path (absolute, resolved) on a device; None: none."""
    global _served
    _served = None if mountpoint is None else (os.fsencode(mountpoint), device)


def open_other(path: AnyPath, flags: int, *, dir_fd: int | None = None) -> int:
    """As `os.open`, for reading.

    Raises:
        OSError: EDEADLK if it is on the own mount; else as `os.open`.
    """
    served = _served
    if served is None:
        return os.open(path, flags, dir_fd=dir_fd)
    if dir_fd is None and _below(path, served[0]):
        raise OSError(errno.EDEADLK, WHY)
    descriptor = os.open(path, flags, dir_fd=dir_fd)
    if os.fstat(descriptor).st_dev == served[1]:
        os.close(descriptor)
        raise OSError(errno.EDEADLK, WHY)
    return descriptor


def stat_other(path: AnyPath) -> os.stat_result:
    """As `os.stat`. Raises OSError as `open_other` does."""
    served = _served
    if served is not None and _below(path, served[0]):
        raise OSError(errno.EDEADLK, WHY)
    found = os.stat(path)
    if served is not None and found.st_dev == served[1]:
        raise OSError(errno.EDEADLK, WHY)
    return found


def holds(path: AnyPath) -> bool:
    """Whether something is on the own mount; what is not there at all is not."""
    if _served is None:
        return False
    try:
        stat_other(path)
    except OSError as error:
        return error.errno == errno.EDEADLK
    return False


def _below(path: AnyPath, mountpoint: bytes) -> bool:
    return (os.fsencode(path) + b"/").startswith(mountpoint + b"/")
