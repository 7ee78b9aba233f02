"""What only a local directory can get wrong: symlinks, other kinds of files, crashes, rights."""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vfs.errors import ConfigError, ObjectMissing, RemoteError, RemoteUnavailable, UnsafePath
from vfs.remotes.local import TEMPORARY, LocalRemote


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "root"


@pytest.fixture
def remote(root: Path) -> LocalRemote:
    return LocalRemote(str(root))


def test_symlinks_lead_nowhere(root: Path, remote: LocalRemote) -> None:
    (root / "dir").symlink_to(root.parent / "outside")
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "in").mkdir()
    (root / "in" / "up").symlink_to("../../outside")
    for key in ("dir/secret", "file", "in/up/secret"):
        with pytest.raises(ObjectMissing):
            remote.get(key)
        with pytest.raises(ObjectMissing):
            remote.head(key)
        assert list(remote.list()) == []
        remote.delete([key] if "/" in key else [])
    for key in ("dir/new", "in/up/new"):
        with pytest.raises(RemoteError):
            remote.put(key, b"x")
    assert os.listdir(root.parent / "outside") == ["secret"]
    assert list(remote.list("dir/")) == []


def test_put_replaces_a_symlink_and_not_its_target(root: Path, remote: LocalRemote) -> None:
    target = root.parent / "outside" / "secret"
    (root / "file").symlink_to(target)
    assert remote.put("file", b"mine", if_absent=True) is False
    assert remote.put("file", b"mine") is True
    assert target.read_text() == "secret"
    assert (root / "file").read_bytes() == b"mine"


def test_the_root_itself_may_be_a_symlink(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    remote = LocalRemote(str(tmp_path / "link"))
    remote.put("a/b", b"1")
    assert [info.key for info in remote.list()] == ["a/b"]


def test_other_kinds_of_files_are_no_objects(root: Path, remote: LocalRemote) -> None:
    os.mkfifo(root / "fifo")
    (root / "dir").mkdir()
    for key in ("fifo", "dir"):
        with pytest.raises(ObjectMissing):
            remote.get(key)  # and does not wait for a writer
    assert list(remote.list()) == []


class Failing(io.BytesIO):
    """A source that breaks in the middle."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(100)


def test_a_failed_put_leaves_nothing(root: Path, remote: LocalRemote) -> None:
    remote.put("a/k", b"old")
    with pytest.raises(RemoteUnavailable):
        remote.put("a/k", Failing(b"x" * 1000))
    assert os.listdir(root / "a") == ["k"]
    assert (root / "a" / "k").read_bytes() == b"old"


def test_leavings_of_a_crash_are_no_objects(root: Path, remote: LocalRemote) -> None:
    (root / f"{TEMPORARY}0123").write_bytes(b"half")
    assert list(remote.list()) == []
    with pytest.raises(ObjectMissing):
        remote.get(f"{TEMPORARY}0123")
    with pytest.raises(UnsafePath):
        remote.put(f"a/{TEMPORARY}x", b"")


def test_an_open_body_keeps_its_object(remote: LocalRemote) -> None:
    remote.put("k", b"old bytes")
    with remote.get("k") as body:
        remote.put("k", b"NEW")
        buffer = bytearray(20)
        assert buffer[: body.readinto(buffer)] == b"old bytes"


def test_a_file_cut_under_the_reader(root: Path, remote: LocalRemote) -> None:
    remote.put("k", bytes(100))
    with remote.get("k", 50) as body:
        os.truncate(root / "k", 10)
        with pytest.raises(RemoteUnavailable, match="shorter"):
            body.readinto(bytearray(10))


def test_names_that_are_no_text_are_left_out(root: Path, remote: LocalRemote) -> None:
    (root / os.fsdecode(b"bad\xff")).write_bytes(b"")
    (root / "good").write_bytes(b"")
    assert [info.key for info in remote.list()] == ["good"]


def test_file_and_directory_of_one_name(remote: LocalRemote) -> None:
    remote.put("a", b"1")
    with pytest.raises(RemoteError, match="in the way"):
        remote.put("a/b", b"2")
    remote.put("d/x", b"1")
    with pytest.raises(RemoteError):
        remote.put("d", b"2")


@pytest.mark.parametrize("root_", ["relative", "", "/a\0b"])
def test_root_must_be_absolute(root_: str) -> None:
    with pytest.raises(ConfigError):
        LocalRemote(root_)


def test_open_file(remote: LocalRemote) -> None:
    remote.put("k", b"data")
    descriptor = remote.open_file("k")
    try:
        assert os.pread(descriptor, 10, 1) == b"ata"
    finally:
        os.close(descriptor)
    with pytest.raises(ObjectMissing):
        remote.open_file("missing")


def test_without_its_root_it_is_unavailable(root: Path, remote: LocalRemote) -> None:
    """A share that is not mounted says nothing about what was pushed."""
    remote.put("a/k", b"1")
    away = root.rename(root.with_name("away"))
    calls: list[Callable[[], object]] = [
        lambda: remote.get("a/k"),
        lambda: remote.head("a/k"),
        lambda: remote.open_file("a/k"),
        lambda: list(remote.heads(["a/k"])),
        lambda: list(remote.list()),
        lambda: list(remote.list("a/")),
        lambda: remote.delete(["a/k"]),
    ]
    for call in calls:
        with pytest.raises(RemoteUnavailable, match=f"there is no directory {root}"):
            call()
    away.rename(root)
    assert remote.head("a/k").size == 1
    shutil.rmtree(root)
    remote.put("a/k", b"22")
    assert remote.head("a/k").size == 2
