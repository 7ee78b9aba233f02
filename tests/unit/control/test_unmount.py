"""Taking a mount off its directory by the system's helpers."""

from pathlib import Path

import pytest

from vfs.control import unmount
from vfs.errors import DaemonError


def test_a_helper_that_hangs_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fusermount3", "umount"):
        (tmp_path / name).write_text("#!/bin/sh\nexec sleep 60\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(unmount, "_SECONDS", 0.1)
    with pytest.raises(DaemonError, match="fusermount3 did not come back within"):
        unmount.unmount(Path("/nowhere"), lazy=False)
