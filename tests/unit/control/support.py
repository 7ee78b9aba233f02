"""What tests of the control socket share."""

import os
from pathlib import Path

from vfs.control.registry import MountRecord


def record(path: Path) -> MountRecord:
    """A mount with its socket at a path."""
    return MountRecord("m", Path("/mnt/x"), "/repo", "HEAD", os.getpid(), 0.0, None, path)
