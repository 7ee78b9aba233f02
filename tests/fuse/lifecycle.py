"""What the tests of mounts share that begin and end."""

from pathlib import Path

import psutil

from vfs.testing.mounts import Mount, is_mounted, wait_until
from vfs.testing.processes import wait_ended

DATA = bytes(range(256)) * 3_000


def gone(mount: Mount, process: psutil.Process) -> None:
    wait_until(lambda: not is_mounted(mount.path), "the mount to go")
    assert not wait_ended([process], 60)
    run = Path(mount.sandbox.environ["XDG_RUNTIME_DIR"]) / "vfs"
    assert list(run.glob("*.sock")) == []
    assert list(run.glob("*.json")) == []
