"""Which vfs mounts there are, whether their daemons live or not, and whose they are.

Rule: the kernel's table is read (`vfs.mount_table`), the mounts themselves are not touched. Only `look` does, from a thread
that may be left behind.
"""

import errno
import os
import select
import threading
import time
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from vfs.control.registry import MountRecord
from vfs.mount_table import TABLE, KernelMount, vfs_mounts


def mount_at(path: Path) -> KernelMount | None:
    """The newest vfs mount on a directory (absolute, without symlinks)."""
    return next((mount for mount in reversed(vfs_mounts()) if mount.path == path), None)


def is_mounted(path: Path) -> bool:
    """Whether vfs is mounted exactly at `path` (absolute, without symlinks)."""
    return mount_at(path) is not None


def orphans(records: Iterable[MountRecord], uid: int) -> list[KernelMount]:
    """Mounts of user `uid` on no record of ours.

    Not all of them are dead: daemons of a session with another `XDG_RUNTIME_DIR` keep their records there. Ask `look`
    before doing anything to one.
    """
    known = {record.mountpoint for record in records}
    return [mount for mount in vfs_mounts() if mount.uid == uid and mount.path not in known]


def dead_mounts(records: Iterable[MountRecord], uid: int) -> list[KernelMount]:
    """Mounts of user `uid` whose daemon is gone."""
    return [mount for mount in orphans(records, uid) if look(mount.path) is Life.DEAD]


def wait_until_unmounted(path: Path, seconds: float) -> bool:
    """Wait until vfs is not mounted at `path` any more; False if it still is after `seconds`.

    The kernel reports a change of the mount table as an exceptional condition of an open descriptor.
    """
    deadline = time.monotonic() + seconds
    with open(TABLE, "rb", buffering=0) as table:
        changes = select.poll()
        changes.register(table, select.POLLPRI | select.POLLERR)
        while is_mounted(path):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            changes.poll(left * 1000)
    return True


class Life(Enum):
    """What a look at a mount tells."""

    ALIVE = "alive"  # somebody serves it, though perhaps not for us
    DEAD = "dead"  # its daemon is gone: ENOTCONN, now and for ever
    SILENT = "silent"  # no answer in time: hung, or a machine under load


def look(path: Path, seconds: float = 2.0) -> Life:
    """Look at a mount for at most `seconds`, in a thread that is left behind if it hangs."""
    found: list[Life] = []

    def stat() -> None:
        try:
            os.statvfs(path)  # unlike stat, never answered from what the kernel remembers
        except OSError as error:
            found.append(Life.DEAD if error.errno == errno.ENOTCONN else Life.ALIVE)
        else:
            found.append(Life.ALIVE)

    thread = threading.Thread(target=stat, daemon=True, name="vfs-look-at-mount")
    thread.start()
    thread.join(seconds)
    return found[0] if found else Life.SILENT
