"""Paths are gone through one component at a time, and end where the kernel's own walk ends."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vfs import own_mount

FILE = os.O_RDONLY | os.O_CLOEXEC


@pytest.fixture(autouse=True)
def serving() -> Iterator[None]:
    """A process that serves a mount: that of /proc stands for it."""
    own_mount.serve("/nowhere", os.stat("/proc").st_dev)
    yield
    own_mount.serve(None)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"data")
    (tmp_path / "up").symlink_to("a/b/..")
    (tmp_path / "far").symlink_to(tmp_path / "a")
    (tmp_path / "two").symlink_to("far/./file")
    (tmp_path / "loop").symlink_to("loop/x")
    (tmp_path / "proc").symlink_to("/proc/self")
    (tmp_path / "dangling").symlink_to("none")
    return tmp_path


def outcome(look: Callable[..., Any], *args: object) -> object:
    try:
        found = look(*args)
    except OSError as error:
        return error.errno
    if isinstance(found, os.stat_result):
        return found.st_ino
    try:
        return os.fstat(found).st_ino
    finally:
        os.close(found)


@pytest.mark.parametrize(
    "path",
    [
        "a", "a/file", "a//file", "./a/../a/file", "up/file", "far/file", "far/b/", "two", "two/", "a/file/", "loop",
        "dangling", "none", "a/none/x", "a/file/x", "", "/", "far", "up", "two/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("flags", [0, os.O_NOFOLLOW, os.O_DIRECTORY | os.O_NOFOLLOW])
def test_as_the_kernel(tree: Path, path: str, flags: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    for start in ("", f"{tree}/"):
        named = start + path
        if path:
            assert outcome(own_mount.open_other, named, FILE | flags) == outcome(
                os.open, named, FILE | flags
            )
        assert outcome(own_mount.stat_other, named) == outcome(os.stat, named)


def test_what_leads_through_the_mount_is_refused_there(tree: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for path in ("/proc", "/proc/none", f"{tree}/proc", f"{tree}/proc/root{tree}/a/file"):
        assert own_mount.holds(path)
        assert outcome(own_mount.stat_other, path) == errno.EDEADLK
        assert outcome(own_mount.open_other, path, FILE) == errno.EDEADLK
    assert outcome(own_mount.open_other, f"{tree}/proc", FILE | os.O_NOFOLLOW) == errno.ELOOP
    assert len(os.listdir("/dev/fd")) == before


def test_relative_to_a_directory(tree: Path) -> None:
    directory = os.open(tree / "a", os.O_RDONLY)
    opened = own_mount.open_other("file", FILE | os.O_NOFOLLOW, dir_fd=directory)
    assert os.read(opened, 9) == b"data"
    os.close(opened)
    os.close(directory)
