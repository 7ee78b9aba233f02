"""Who holds a lock, as far as the kernel tells."""

import fcntl
import os
from pathlib import Path

import pytest

from vfs.lmdb.holder import flock_of


def test_who_holds_a_file_lock_is_named(tmp_path: Path) -> None:
    with (tmp_path / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        holder = flock_of(tmp_path / "gate")
        assert holder is not None
        assert holder.process == os.getpid()


def test_the_lock_of_a_file_of_another_device_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the list of locks has it: the inode is the same."""
    path = tmp_path / "gate"
    path.touch()
    line = f"1: FLOCK  ADVISORY  WRITE {os.getpid()} 00:01:{path.stat().st_ino} 0 EOF\n"
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **how: line if self.name == "locks" else read(self, **how)
    )
    assert flock_of(path) is None
