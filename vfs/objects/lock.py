"""DVC's lock of a repository: `dvc` and `vfs` exclude each other.

Format (source: zc.lockfile 1 to 4, as DVC 2 and 3 use it): an exclusive `flock` on `.dvc/tmp/lock`, held for as
long as the command runs; the file holds the holder's pid. The kernel gives it back however the holder ends.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from vfs.errors import RepositoryBusy, StoreError
from vfs.waiting import wait_for

_LOOK: Final = 0.1


@contextmanager
def writing(root: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the DVC repository at `root`.

    Args:
        root: directory that holds `.dvc`.
        wait: seconds to wait for another holder.

    Raises:
        RepositoryBusy: somebody else holds it.
        StoreError: the lock cannot be made, or would lie outside.
    """
    check_inside(root / ".dvc" / "tmp", root)
    with locked(root / ".dvc" / "tmp" / "lock", str(root), wait):
        yield


def check_inside(path: Path, root: Path) -> None:
    """Refuse to write to a place that symlinks, which a repository may bring along, move out of it. Raises StoreError."""
    real = os.path.realpath(path)
    if not Path(real).is_relative_to(os.path.realpath(root)):
        raise StoreError(f"{path}: leads to {real}, outside of {root}", hint="replace the symlink")


@contextmanager
def locked(path: Path, name: str, wait: float) -> Iterator[None]:
    """Hold a lock file of DVC's; `name` is what it locks, in messages. Raises as `writing`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", hint="check its owner and mode") from error
    try:
        if not wait_for(partial(_try, descriptor, path), wait, _LOOK):
            raise RepositoryBusy(
                f"{name} is in use by {_holder(descriptor)}",
                hint="wait for it to end, or let this command wait: --wait SECONDS",
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b" %d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)  # which gives the lock back


def _try(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise StoreError(f"{path}: {error.strerror}") from error
    return True


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"process {text}" if text.isdigit() else "another process"
