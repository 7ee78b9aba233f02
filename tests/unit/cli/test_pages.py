"""A page is written whole or not at all."""

import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.errors import UsageError
from vfs_cli.pages import write_page


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of more than 4 KiB can be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_page(tmp_path: Path) -> None:
    written = write_page(tmp_path / "new" / "page.html", "text")
    assert written.read_text() == "text"
    assert write_page(written, "other").read_text() == "other"
    assert os.listdir(written.parent) == ["page.html"]


def test_a_private_page(tmp_path: Path) -> None:
    written = write_page(tmp_path / "page.html", "text", private=True)
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_a_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("page.html")
    assert write_page(tmp_path / "link", "text") == tmp_path / "link"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "page.html").read_text() == "text"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    write_page(Path(f"/dev/fd/{writing}"), "text")
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read() == "text"


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_page(tmp_path / "pages" / "page.html", "text")
    with pytest.raises(UsageError, match=r"page.html cannot be written: File too large"):
        write_page(path, "x" * 10_000)
    assert path.read_text() == "text"
    assert os.listdir(path.parent) == ["page.html"]
