"""Removing a scratch directory, whatever a command left in it.

The kernel's own directory in it has no permissions, a command may have made more of these, and nested deeper than a recursion or a path goes. So each directory is
moved up into one that is ours before it is emptied. No symlink is followed.
"""

import os
import stat
from typing import Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: bytes) -> None:
    """Remove a directory with all that is in it; nothing may be mounted there. Raises OSError."""
    top = _opened(path, None)
    try:
        waiting = list(_emptied(top, top, 0))
        number = len(waiting)
        while waiting:
            name = waiting.pop()
            here = _opened(name, top)
            try:
                found = _emptied(here, top, number)
            finally:
                os.close(here)
            number += len(found)
            waiting += found
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


def _opened(name: bytes, at: int | None) -> int:
    """A directory of ours, which we may read and write from now on."""
    mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
        os.chmod(name, 0o700, dir_fd=at)
    return os.open(name, _DIRECTORY, dir_fd=at)


def _emptied(here: int, top: int, number: int) -> list[bytes]:
    """Remove what is in a directory but other directories; the names these were moved to in `top`."""
    moved: list[bytes] = []
    for name in os.listdir(b"/proc/self/fd/%d" % here):
        found = os.stat(name, dir_fd=here, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=here)
            continue
        if found.st_mode & 0o700 != 0o700:
            os.chmod(name, 0o700, dir_fd=here)  # its `..` is written too
        target = b".vfs-gone-%d" % (number + len(moved))
        os.rename(name, target, src_dir_fd=here, dst_dir_fd=top)
        moved.append(target)
    return moved
