"""Kernel settings of a mount that FUSE's INIT cannot give: read-ahead and background requests.

Both live in sysfs and may be written by root, `max_background` also by the mount's owner. What may not be written is left alone
and reported, so that `vfs doctor` can say so.
"""

import logging
from pathlib import Path
from typing import Final, NamedTuple

log = logging.getLogger("vfs.fuse")

_BDI: Final = "/sys/class/bdi"
_CONNECTIONS: Final = "/sys/fs/fuse/connections"


class Tuning(NamedTuple):
    """What the kernel uses now: read-ahead in KiB and background requests; None where it cannot be read."""

    read_ahead_kib: int | None
    max_background: int | None
    refused: tuple[str, ...]


def tune(device: str, read_ahead: int, max_background: int) -> Tuning:
    """Raise read-ahead (bytes) and background requests of a mount where we may; blocking.

    Never lowers what is already higher.
    """
    refused: list[str] = []
    minor = device.split(":")[1]
    ahead = Path(_BDI, device, "read_ahead_kb")
    background = Path(_CONNECTIONS, minor, "max_background")
    congestion = Path(_CONNECTIONS, minor, "congestion_threshold")
    kib = _raise(ahead, read_ahead // 1024, refused)
    requests = _raise(background, max_background, refused)
    _raise(congestion, max_background * 3 // 4, [])
    return Tuning(kib, requests, tuple(refused))


def _raise(path: Path, wanted: int, refused: list[str]) -> int | None:
    try:
        now = int(path.read_text())
        if now < wanted:
            path.write_text(str(wanted))
            now = int(path.read_text())
    except (
        FileNotFoundError
    ):  # fusectl is not mounted, or sysfs is not: nobody may raise what is not there
        return None
    except (OSError, ValueError):
        refused.append(str(path))
        try:
            return int(path.read_text())
        except (OSError, ValueError):
            return None
    return now
