"""Unmounting a directory, as root or through fusermount3; blocking."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from vfs.errors import DaemonError, MountPointRefused

_SECONDS: Final = 30


def unmount(mountpoint: Path, lazy: bool) -> None:
    """Unmount; `lazy` detaches at once even while files are open.

    Raises:
        MountPointRefused: it is busy.
        DaemonError: the helper is missing or refuses.
    """
    helper = shutil.which("fusermount3")
    if helper is None:
        raise DaemonError("fusermount3 is not installed", hint="apt-get install fuse3")
    command = [helper, "-u", *(["-z"] if lazy else []), "--", str(mountpoint)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode == 0:
        return
    reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
    if "busy" in reason:
        raise MountPointRefused(
            f"{mountpoint} is busy: a process has files open or its working directory there",
            hint=f"`fuser -vm {mountpoint}` names it; `vfs umount --lazy` detaches all the same",
        )
    raise DaemonError(f"cannot unmount {mountpoint}: {reason}")
