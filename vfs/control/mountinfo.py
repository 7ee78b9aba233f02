"""Which vfs mounts the kernel knows, whether their daemons live or not.

Format: `proc_pid_mountinfo(5)`; blanks, tabs, newlines and backslashes of a path are octal escapes.

Rule: the table is read, the mounts themselves are not touched: looking at a dead mount fails with ENOTCONN and looking
at a hung one hangs. Only `look` does, from a thread that may be left behind.
"""

import errno
import os
import re
import select
import threading
import time
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from vfs.control.registry import MountRecord

FILE_SYSTEM = "fuse.vfs"
_TABLE = "/proc/self/mountinfo"
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_USER = re.compile(r"(?:^|,)user_id=(\d+)(?:,|$)")


class KernelMount(NamedTuple):
    """One line of the mount table.

    Attributes:
        path: the mount point.
        device: `major:minor`; the minor number names the directory in `/sys/fs/fuse/connections`.
        uid: the user who mounted it, as FUSE knows it; None if the line does not say.
        repo: what is shown there: a directory or URL; where it is not ASCII there are question marks.
    """

    path: Path
    device: str
    uid: int | None
    repo: str = ""

    @property
    def number(self) -> int:
        """The device as `st_dev` gives it."""
        major, _, minor = self.device.partition(":")
        return os.makedev(int(major), int(minor))


def parse_mounts(table: bytes, file_system: str = FILE_SYSTEM) -> list[KernelMount]:
    """The mounts of one type in the bytes of a mount table; lines that are not understood are passed over."""
    found = []
    wanted = file_system.encode()
    for line in table.splitlines():
        fields = line.split(b" ")
        if b"-" not in fields[6:]:
            continue
        after = fields[fields.index(b"-", 6) + 1 :]
        if len(after) < 3 or after[0] != wanted:
            continue
        user = _USER.search(after[2].decode("ascii", "replace"))
        found.append(
            KernelMount(
                Path(_plain(fields[4])),
                fields[2].decode("ascii", "replace"),
                user and int(user[1]),
                _plain(after[1]).removeprefix("vfs:"),
            )
        )
    return found


def _plain(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field))


def vfs_mounts() -> list[KernelMount]:
    """The vfs mounts of this mount namespace, of every user."""
    return parse_mounts(Path(_TABLE).read_bytes())


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
    with open(_TABLE, "rb", buffering=0) as table:
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
