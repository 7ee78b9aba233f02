"""May we mount here? Pure refusals first, then what only the machine can tell.

A mount over, or around, anything its own daemon reads or writes would make the daemon wait for itself, so such places are refused.
"""

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vfs.errors import DaemonError, MountPointRefused

DATA_NAMES: Final = frozenset({".git", ".dvc", ".vfs"})
"""Directories in a working tree that belong to Git, DVC and vfs."""


def refuse_overlap(mountpoint: Path, own: Iterable[Path]) -> None:
    """Refuse a mount point that covers, equals or lies inside one of our own places.

    Args:
        mountpoint: absolute, resolved.
        own: directories that the daemon uses: repository data, caches, sockets, logs, local remotes; resolved.

    Raises:
        MountPointRefused: naming the place.
    """
    for place in own:
        if mountpoint == place or mountpoint in place.parents:
            raise MountPointRefused(
                f"{mountpoint} would hide {place}, which vfs itself uses",
                hint="choose an empty directory outside it, e.g. /mnt/data",
            )
        if place in mountpoint.parents:
            raise MountPointRefused(
                f"{mountpoint} lies inside {place}, which vfs itself uses",
                hint="choose a directory outside it",
            )


def refuse_covering(mountpoint: Path, places: Iterable[Path]) -> None:
    """Refuse a mount point that covers or equals one of `places` (lying inside them is fine)."""
    for place in places:
        if mountpoint == place or mountpoint in place.parents:
            raise MountPointRefused(
                f"{mountpoint} would hide {place}, which vfs itself uses",
                hint="choose an empty directory, e.g. /mnt/data, or a new one inside the repository",
            )


def data_above(mountpoint: Path, root: Path) -> list[Path]:
    """The directories of Git, DVC and vfs in a working tree that a mount point is or lies in, nested repositories included."""
    places = [place for place in (mountpoint, *mountpoint.parents) if place.is_relative_to(root)]
    return [place for place in places if place.name in DATA_NAMES]


def check_directory(mountpoint: Path) -> None:
    """Refuse what is not an empty directory that we may mount on; never follows into another mount.

    Raises:
        MountPointRefused: it is missing, no directory, not empty, or not ours to cover.
    """
    try:
        names = os.listdir(mountpoint)
    except FileNotFoundError as error:
        inside = any(part in DATA_NAMES for part in mountpoint.parts)
        make = f"mkdir -p {shlex.quote(str(mountpoint))}"
        raise MountPointRefused(
            f"mount point {mountpoint} does not exist",
            hint="choose an empty directory, e.g. /mnt/data" if inside else make,
        ) from error
    except OSError as error:
        raise MountPointRefused(
            f"cannot use mount point {mountpoint}: {error.strerror}",
            hint="choose an empty directory that you may write to",
        ) from error
    if names:
        name = os.fsencode(names[0]).decode("utf-8", "backslashreplace")
        raise MountPointRefused(
            f"mount point {mountpoint} is not empty ({name} is in it)",
            hint="mounting would hide what is there; choose an empty directory",
        )


def check_right(
    mountpoint: Path,
    *,
    allow_other: bool,
    device: Path = Path("/dev/fuse"),
    config: Path = Path("/etc/fuse.conf"),
) -> None:
    """Refuse at once what libfuse would refuse when everything else is ready.

    Raises:
        DaemonError: this user may not open FUSE's device, or not let others read a mount.
    """
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise DaemonError(
            f"cannot mount on {mountpoint}: {device}: {error.strerror}",
            hint="`vfs doctor` says what mends it",
        ) from error
    if allow_other and os.geteuid() != 0:
        try:
            text = config.read_text(errors="replace")
        except OSError:
            text = ""
        if not re.search(r"^\s*user_allow_other\s*$", text, re.MULTILINE):
            raise DaemonError(
                f"cannot mount on {mountpoint}: -o allow_other is only for root here",
                hint=f"echo user_allow_other | sudo tee -a {config}",
            )
