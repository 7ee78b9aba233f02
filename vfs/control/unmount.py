"""Unmounting a directory: as root by umount2(2), else, or where that is refused, through fusermount3; blocking."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from vfs.descriptors import again
from vfs.errors import DaemonError, MountPointRefused
from vfs.sandbox import kernel

_SECONDS: Final = 30
_TRIES: Final = 6
_REST: Final = 0.1
"""Seconds between tries: whoever looks at a mount for a moment (`df`, an indexer) makes it busy."""


def unmount(mountpoint: Path, *, lazy: bool) -> None:
    """Unmount; `lazy` detaches at once, even while files are open or the daemon is dead or hangs.

    Raises:
        MountPointRefused: it is busy.
        DaemonError: no helper is there, or they refuse.
    """
    command = ["fusermount3", "-u", *(["-z"] if lazy else []), "--", str(mountpoint)]
    ways = [partial(_run, command)]
    if os.geteuid() == 0:
        ways.insert(0, partial(_call, mountpoint, lazy=lazy))
    reasons = []
    for way in ways:
        reason = _patiently(way)
        if not reason:
            return
        if "busy" in reason:
            raise MountPointRefused(
                f"{mountpoint} is busy: a process has files open or its working directory there",
                hint=f"`fuser -vm {mountpoint}` names it; `vfs umount --lazy` detaches all the same",
            )
        reasons.append(reason)
    hint = f"as root: umount --lazy {mountpoint}"
    raise DaemonError(f"cannot unmount {mountpoint}: {'; '.join(reasons)}", hint=hint)


def _patiently(way: Callable[[], str]) -> str:
    """Why it failed, "" if it did not; tried again while it is busy, which may pass."""
    for _ in range(_TRIES - 1):
        reason = way()
        if "busy" not in reason:
            return reason
        time.sleep(_REST)
    return way()


def _call(mountpoint: Path, *, lazy: bool) -> str:
    try:
        kernel.unmount(os.fsencode(mountpoint), kernel.NO_FOLLOW | (kernel.DETACH if lazy else 0))
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _run(command: list[str]) -> str:
    """Run a helper; returns why it failed, "" if it did not."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    try:
        done = again(
            subprocess.run,
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not come back within {_SECONDS} s"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"{command[0]} gave no reason"
