"""Mounts whose daemon has died: every access fails with ENOTCONN until they are detached."""

import errno
import os
from pathlib import Path

from vfs.daemon.unmount import unmount


def is_stale(mountpoint: Path) -> bool:
    """Whether a FUSE mount without a daemon lies on a directory."""
    try:
        os.stat(mountpoint)
    except OSError as error:
        return error.errno in (errno.ENOTCONN, errno.ECONNABORTED)
    return False


def clear_stale(mountpoint: Path) -> bool:
    """Detach a dead mount; returns whether there was one."""
    if not is_stale(mountpoint):
        return False
    unmount(mountpoint, lazy=True)
    return True
