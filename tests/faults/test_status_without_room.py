"""Status and diff answer where nothing can be written: what they would have remembered costs time at the next call, no more."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from vfs.testing.clones import Clone
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

FILES = {f"{number}": b"%d" % number * 100 for number in range(20)}


@pytest.fixture
def disk(sandbox: Sandbox) -> Iterator[Path]:
    """A file system of 16 MiB."""
    place = sandbox.root / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def one(handmade: HandmadeRepository, disk: Path) -> Clone:
    """A working tree there in which a file was changed, and not been looked at since."""
    handmade.commit(directories={"data": FILES})
    handmade.sandbox.git(disk, "clone", "-q", handmade.root, disk / "one")
    clone = Clone(handmade.sandbox, disk / "one")
    clone.vfs("pull")
    changed = clone.root / "data" / "3"
    changed.unlink()
    changed.write_bytes(b"other")
    return clone


def fill_up(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass


def read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)


@pytest.mark.parametrize(
    ("state", "blocked"),
    [("there", read_only), ("lost", fill_up), soak("there", fill_up), soak("lost", read_only)],
)
def test_nothing_can_be_written(one: Clone, disk: Path, blocked: object, state: str) -> None:
    if state == "lost":
        subprocess.run(["rm", "-r", one.root / ".git/vfs/state"], check=True)
    assert callable(blocked)
    blocked(disk)
    for _ in range(2):
        assert "data/3" in one.vfs("status", "--granular")
    assert "data/3" in one.vfs("diff", "HEAD")
    assert "has everything" in one.vfs("status", "--remote")
