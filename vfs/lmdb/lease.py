"""Which processes use a directory with an environment, and whether the last of them ended well.

    <directory>/
        gate        flock: held exclusively while a process opens or closes the environment
        users       flock: held shared by every process that uses it
        boot        "clean", or which boot of the machine uses it

Invariant: `enter` says true only while no other process has the environment open, so that it may
be replaced.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import Final

from vfs.descriptors import again
from vfs.lmdb.holder import PATIENCE, flock_of
from vfs.lmdb.orders import Busy
from vfs.waiting import wait_for

_log = logging.getLogger("vfs.lmdb")

CLEAN: Final = "clean"
OPENING: Final = 60.0
"""Seconds that another process may take to open an environment, and to mend it, while somebody wants to open it, too."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """A name of this boot of the machine; the same for its whole uptime."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def open_file(path: Path, flags: int) -> int:
    """Open a file of a cache, never through a symbolic link, never inherited."""
    return again(os.open, path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file without waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Lease:
    """This process's membership among the users of a directory.

    Use: `enter()`, do what must be done while opening, `settle()`, …, `leave()`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._gate = -1
        self._users = -1

    def enter(self, patience: float = PATIENCE) -> bool:
        """Wait for the gate; returns whether no other process uses the directory.

        Args:
            patience: seconds that a process which is not stopped may stand there; any other, `PATIENCE` at most.

        Raises:
            Busy: another process stands there too long, or is stopped there.
        """
        gate = self._gate = open_file(self._directory / "gate", os.O_RDWR | os.O_CREAT)
        if not wait_for(lambda: try_lock(gate), min(patience, PATIENCE)):
            holder = flock_of(self._directory / "gate")
            held = f"{self._directory}/gate cannot be passed now: {holder or 'another process holds it'}"
            rest = 0 if holder is None or holder.stopped else patience - PATIENCE
            if rest > 0:
                _log.warning("%s; waiting for it, %d s at most", held, rest)
            if not wait_for(lambda: try_lock(gate), rest):
                self._release_gate()
                raise Busy(held)
        if self._users < 0:
            self._users = open_file(self._directory / "users", os.O_RDWR | os.O_CREAT)
        # With the gate held nobody can slip in while the lock is converted.
        return try_lock(self._users)

    def settle(self) -> None:
        """Become one of the users and let others pass the gate."""
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self._release_gate()

    def leave(self) -> None:
        """Stop being a user; releases whatever is held."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1
        self._release_gate()

    def _release_gate(self) -> None:
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1

    def last_note(self) -> str:
        """What `note` recorded last; empty if it cannot be read."""
        try:
            return (self._directory / "boot").read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    def note(self, text: str, *, sync: bool = True) -> None:
        """Record `CLEAN` or the boot during which the environment will be written.

        The latter is synced where a power cut can tear the environment: it must be on disk before a page can be.
        """
        path = self._directory / "boot"
        descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(descriptor, text.encode(), 0)
            os.ftruncate(descriptor, len(text))
            if sync and text != CLEAN:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
