"""The directory of a store: who may use it, and which processes do.

    <directory>/
        gate        flock: held exclusively while a process opens or closes the store
        users       flock: held shared by every process that uses the store
        boot        which boot of the machine last wrote the index without syncing it
        index/      LMDB environment
        segments/   payload

Rule: directories are 0700, files 0600; a directory that another user owns or may write to is refused.

Invariant: `alone` is true only while no other process has the index open, so that the index may
be replaced.
"""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from vfs.errors import StoreError

CLEAN: Final = "clean"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def prepare(directory: Path) -> bool:
    """Create or check the directory of a store.

    Returns:
        Whether it can be written to; False also if it cannot be made.

    Raises:
        StoreError: another user could read, change or replace what lies there.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("index", "segments"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        made = True
    except OSError:
        made = False
    for place in (directory, directory / "index", directory / "segments"):
        if os.path.lexists(place):
            _refuse_unsafe(place, may_be_link=place == directory)
        else:
            made = False
    return made and all(os.access(directory / name, os.W_OK) for name in (".", "index", "segments"))


def _refuse_unsafe(directory: Path, *, may_be_link: bool) -> None:
    """People may place their cache behind a link of their own, but nothing inside it."""
    try:
        found = os.stat(directory, follow_symlinks=may_be_link)
    except OSError as error:
        raise StoreError(f"cache directory {directory}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"cache directory {directory} is not a directory")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"cache directory {directory} belongs to another user (uid {found.st_uid})",
            hint="set cache.dir in .vfs/local.yaml or VFS_CACHE_DIR to a directory of your own",
        )
    if found.st_mode & 0o022:
        raise StoreError(
            f"others may write to the cache directory {directory}", hint=f"chmod 700 {directory}"
        )


def boot_id() -> str:
    """A name of this boot of the machine; the same for its whole uptime."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def open_file(path: Path, flags: int) -> int:
    """Open a file of the store, never through a symbolic link, never inherited."""
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY, 0o600)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file without waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class Lease:
    """This process's membership among the users of a store.

    Use: `enter()`, do what must be done while opening, `settle()`, …, `leave()`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._gate = -1
        self._users = -1

    def enter(self) -> bool:
        """Wait for the gate; returns whether no other process uses the store."""
        self._gate = open_file(self._directory / "gate", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
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

    def note(self, text: str) -> None:
        """Record `CLEAN` or the boot during which the index will be written.

        The latter is synced: it must be on disk before a page of the index can be.
        """
        path = self._directory / "boot"
        descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(descriptor, text.encode(), 0)
            os.ftruncate(descriptor, len(text))
            if text != CLEAN:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
