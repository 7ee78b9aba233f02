"""A place on the disk for objects that only pass through: from one remote to another, past the cache.

Layout: `<git dir>/vfs/spool/<random>/`, an object cache that lives as long as one run. Whoever opens one removes those whose
owners are gone: the directory is locked (`flock`) while it is used.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vfs.errors import StoreError
from vfs.objects import ObjectCache


@contextmanager
def spool(git_dir: Path) -> Iterator[ObjectCache]:
    """An empty cache, gone at the end.

    Raises:
        StoreError: it cannot be made.
    """
    base = git_dir / "vfs" / "spool"
    try:
        base.mkdir(parents=True, exist_ok=True)
        lock = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # nobody sweeps what is not locked yet
            _sweep(base)
            own = base / secrets.token_hex(8)
            own.mkdir()
            held = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(held, fcntl.LOCK_EX)
        finally:
            os.close(lock)
    except OSError as error:
        raise StoreError(f"{base}: {error.strerror}") from error
    try:
        yield ObjectCache(str(own))
    finally:
        os.close(held)
        shutil.rmtree(own, ignore_errors=True)


def _sweep(base: Path) -> None:
    for entry in os.scandir(base):
        with suppress(OSError):
            held = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
            finally:
                os.close(held)
