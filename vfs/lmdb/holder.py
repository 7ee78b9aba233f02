"""Who holds a lock of a cache, as far as the kernel tells.

LMDB's writer lock is a robust mutex in `lock.mdb`: its first word is the thread that holds it, 0 if none does (or it died). A word that
was left there by a power cut is no holder: the thread must exist and have the file mapped.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vfs.lmdb.lock_file import LockFile

PATIENCE: Final = 3.0
"""Seconds that anybody waits for a process that may not go on."""

_MAGIC: Final = bytes.fromhex("dec0efbe")
_LINE: Final = 64  # LMDB begins each part of the file at a multiple of it
_MUTEX_AT: Final = _LINE if os.uname().machine == "x86_64" else 2 * _LINE
_THREAD: Final = 0x3FFFFFFF  # the rest of the word are flags of the futex


class Holder(NamedTuple):
    """A process that holds a lock."""

    process: int
    name: str
    stopped: bool

    def __str__(self) -> str:
        return f"process {self.process} ({self.name}){', which is stopped,' if self.stopped else ''} holds it"


def writer_of(file: LockFile) -> Holder | None:
    """Who is in a write transaction of an environment; None also if it cannot be known."""
    with suppress(OSError):
        head = file.head(_MUTEX_AT + 4)
        thread = int.from_bytes(head[_MUTEX_AT:], "little") & _THREAD
        if thread and head.startswith(_MAGIC):
            maps = Path(f"/proc/{thread}/maps").read_text(errors="replace")
            if f" {file.identity[1]} " in maps:
                return _holder(thread)
    return None


def flock_of(path: Path) -> Holder | None:
    """Who holds the exclusive flock of a file; None also if it cannot be known."""
    with suppress(OSError, ValueError, IndexError):
        file = path.stat()
        inode = f":{file.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if (
                fields[1] == "FLOCK"
                and fields[3] == "WRITE"
                and fields[5].endswith(inode)
                and _has_open(fields[4], file)
            ):
                return _holder(int(fields[4]))
    return None


def _has_open(process: str, file: os.stat_result) -> bool:
    """Whether a process has a file open: another file system may have the same inode, and the list of locks may name another device than `stat`."""
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            if os.path.samestat(descriptor.stat(), file):
                return True
    return False


def _holder(thread: int) -> Holder:
    """Raises OSError, ValueError, IndexError."""
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{thread}/status").read_text(errors="replace").splitlines()
        if ":\t" in line
    )
    return Holder(int(status["Tgid"]), status["Name"], status["State"][:1] in "Tt")
