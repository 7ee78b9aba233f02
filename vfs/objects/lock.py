"""DVC's lock of a repository: `dvc` and `vfs` exclude each other.

Format (source: zc.lockfile, as DVC 3.67 uses it): an exclusive `lockf` on `.dvc/tmp/lock`, held for as
long as the command runs; the file holds the holder's pid.

Rule: a process drops such a lock when it closes *any* descriptor of the file, so a second holder of the same
process is turned away before the file is opened.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vfs.errors import RepositoryBusy, StoreError

_POLL: Final = 0.1
_held: set[str] = set()  # locks of a process do not exclude its own threads
_guard = threading.Lock()


@contextmanager
def writing(root: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the DVC repository at `root`.

    Args:
        root: directory that holds `.dvc`.
        wait: seconds to wait for another holder.

    Raises:
        RepositoryBusy: somebody else holds it.
        StoreError: the lock cannot be made.
    """
    path = root / ".dvc" / "tmp" / "lock"
    until = time.monotonic() + wait
    while (descriptor := _try(path)) is None:
        if time.monotonic() >= until:
            raise RepositoryBusy(
                f"{root} is in use by {_holder(path)}",
                hint="wait for it to end, or let this command wait: --wait SECONDS",
            )
        time.sleep(_POLL)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b" %d\n" % os.getpid(), 0)
        yield
    finally:
        with _guard:
            os.close(descriptor)  # which gives the lock back
            _held.discard(str(path))


def _try(path: Path) -> int | None:
    """A descriptor that holds the lock; None if somebody else has it."""
    with _guard:
        if str(path) in _held:
            return None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StoreError(
                f"{path}: {error.strerror}", hint="check its owner and mode"
            ) from error
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return None
            raise StoreError(f"{path}: {error.strerror}") from error
        _held.add(str(path))
        return descriptor


def _holder(path: Path) -> str:
    if str(path) in _held:
        return "this process"
    try:
        text = path.read_bytes()[:32].decode("ascii", "replace").strip()
    except OSError:
        text = ""
    return f"process {text}" if text.isdigit() else "another process"
