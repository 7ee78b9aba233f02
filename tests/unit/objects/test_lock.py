"""The lock that excludes `dvc` and other `vfs`."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from vfs.errors import RepositoryBusy, StoreError
from vfs.objects import writing


def test_one_writer(tmp_path: Path) -> None:
    with writing(tmp_path):
        lock = tmp_path / ".dvc/tmp/lock"
        assert lock.read_bytes() == b" %d\n" % os.getpid()
        with pytest.raises(RepositoryBusy, match=str(os.getpid())), writing(tmp_path):
            pass
        with lock.open("r+") as other, pytest.raises(BlockingIOError):  # as zc.lockfile asks
            fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    with writing(tmp_path):
        pass


def test_waiting(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with writing(tmp_path):
            entered.set()
            leave.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    with pytest.raises(RepositoryBusy), writing(tmp_path, wait=0.05):
        pass
    leave.set()
    with writing(tmp_path, wait=30):
        pass
    holder.join()


def test_no_place_for_it(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_bytes(b"")
    with pytest.raises(StoreError, match="lock"), writing(tmp_path):
        pass


def test_a_symlink_is_not_written_through(tmp_path: Path) -> None:
    """A repository may bring one along, to whatever file its user has."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/lock").symlink_to(precious)
    with pytest.raises(StoreError, match="lock"), writing(tmp_path):
        pass
    assert precious.read_bytes() == b"mine"


def test_a_directory_elsewhere_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "repo/.dvc").mkdir(parents=True)
    (tmp_path / "repo/.dvc/tmp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="outside of"), writing(tmp_path / "repo"):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []
