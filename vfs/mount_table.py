"""The kernel's table of mounts, as far as it is about vfs; the mounts themselves are not touched.

Format: `proc_pid_mountinfo(5)`; blanks, tabs, newlines and backslashes of a path are octal escapes.

Rule: looking at a dead mount fails with ENOTCONN and looking at a hung one hangs, so a walk of a working tree asks here
before it looks. A mount that lies in a working tree is no part of it, whoever serves it: its files are those of a
revision, and none of them can be tracked, locked or written.
"""

import os
import re
from collections.abc import Set
from pathlib import Path
from typing import Final, NamedTuple

FILE_SYSTEM: Final = "fuse.vfs"
TABLE: Final = "/proc/self/mountinfo"

_VIEW = b"overlay vfs-run "
_ESCAPE = re.compile(rb"\\([0-7]{3})")
_USER = re.compile(r"(?:^|,)user_id=(\d+)(?:,|$)")
_GROUP = re.compile(r"(?:^|,)group_id=(\d+)(?:,|$)")


class KernelMount(NamedTuple):
    """One line of the mount table.

    Attributes:
        path: the mount point.
        device: `major:minor`; the minor number names the directory in `/sys/fs/fuse/connections`.
        uid: the user who mounted it, as FUSE knows it; None if the line does not say.
        repo: what is shown there: a directory or URL; where it is not ASCII there are question marks.
        gid: that user's group, likewise.
    """

    path: Path
    device: str
    uid: int | None
    repo: str = ""
    gid: int | None = None

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
        if wanted not in line:
            continue
        fields = line.split(b" ")
        if b"-" not in fields[6:]:
            continue
        after = fields[fields.index(b"-", 6) + 1 :]
        if len(after) < 3 or after[0] != wanted:
            continue
        options = after[2].decode("ascii", "replace")
        user, group = _USER.search(options), _GROUP.search(options)
        found.append(
            KernelMount(
                Path(_plain(fields[4])),
                fields[2].decode("ascii", "replace"),
                user and int(user[1]),
                _plain(after[1]).removeprefix("vfs:"),
                group and int(group[1]),
            )
        )
    return found


def _plain(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field))


def all_mounts() -> list[tuple[bytes, str]]:
    """Every mount point of this mount namespace with the type of its file system, the latest last. Raises OSError."""
    found = []
    for line in Path(TABLE).read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        point = os.fsencode(_plain(before.split(b" ")[4]))
        found.append((point, after.split(b" ")[0].decode("ascii", "replace")))
    return found


def vfs_mounts() -> list[KernelMount]:
    """The vfs mounts of this mount namespace, of every user."""
    return parse_mounts(Path(TABLE).read_bytes())


def mounts_below(directory: bytes) -> Set[bytes]:
    """The paths, relative to a directory, at which vfs is mounted below it; none where the table cannot be read."""
    top = os.path.realpath(directory).rstrip(b"/") + b"/"
    try:
        points = [os.fsencode(mount.path) for mount in vfs_mounts()]
    except OSError:
        return frozenset()
    return frozenset(point[len(top) :] for point in points if point.startswith(top))


def in_view(top: bytes | Path) -> bool:
    """Whether we are in a private view of a working tree (`vfs.sandbox.mounts`): what is written there is not written to the tree. False where the table cannot be read."""
    point = os.fsencode(os.path.realpath(top))
    try:
        lines = Path(TABLE).read_bytes().splitlines()
    except OSError:
        return False
    found = (line.partition(b" - ") for line in lines if _VIEW in line)
    return any(
        os.fsencode(_plain(before.split(b" ")[4])) == point and after.startswith(_VIEW)
        for before, _, after in found
    )


def is_on(path: bytes, mounts: Set[bytes]) -> bool:
    """Whether a path is one of some mount points, or lies below one."""
    while path and path not in mounts:
        path = path.rpartition(b"/")[0]
    return bool(path)
