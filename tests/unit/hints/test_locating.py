"""What the files of an order are called in their mount, however they are named outside."""

from pathlib import Path

import pytest

from vfs.hints.locating import namer


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for directory in ("mount/data/odd", "mount/data/images", "links"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "links/data").symlink_to(tmp_path / "mount/data")
    (tmp_path / "links/top").symlink_to(tmp_path / "mount")
    return tmp_path / "mount"


def test_paths_of_a_directory(top: Path) -> None:
    name = namer(str(top / "data"), str(top))
    assert name("odd/1") == name(top / "data/odd/1") == name(b"odd//1") == "data/odd/1"
    assert name(top / "other") == "other"
    assert name("../../1") == name("/etc/passwd") == name(top.parent / "mounted") == ""


@pytest.mark.parametrize("given", ["links/data/odd", "links/data", "links/top", "links/top/data"])
def test_all_of_a_mount_that_is_reached_through_a_link(top: Path, given: str) -> None:
    name = namer(str(top.parent / given), str(top))
    link = top.parent / "/".join(given.split("/")[:2])
    inside = "data/" if link.name == "data" else ""
    assert name(link / "images/1") == f"{inside}images/1"
    assert name(top / "data/images/1") == "data/images/1"
    assert name(top.parent / "links/1") == ""
