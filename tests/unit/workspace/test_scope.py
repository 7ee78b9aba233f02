"""The scope of a repository: its own, whatever is copied from it or links to it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vfs.git import Repository
from vfs.workspace.scope import scope_of


def made(path: Path) -> Path:
    subprocess.run(["git", "init", "-q", path], check=True)
    return path


def scope(path: Path) -> bytes:
    return scope_of(Repository.open(path))


def test_it_stays(tmp_path: Path) -> None:
    one = made(tmp_path / "one")
    found = scope(one)
    assert len(found) == 16
    assert scope(one) == found
    assert found not in (one / ".git" / "vfs" / "scope").read_bytes()
    one.rename(tmp_path / "moved")
    assert scope(tmp_path / "moved") == found
    assert scope(made(one)) != found, "another repository at the same place"


def test_a_copy_has_another(tmp_path: Path) -> None:
    one, copy = made(tmp_path / "one"), tmp_path / "copy"
    found = scope(one)
    shutil.copytree(one, copy)
    assert (copy / ".git" / "vfs" / "scope").exists()
    assert scope(copy) != found


@pytest.mark.parametrize("what", ["directory", "file", "missing"])
def test_a_link_into_another_leads_nowhere(tmp_path: Path, what: str) -> None:
    one, two = made(tmp_path / "one"), made(tmp_path / "two")
    found = scope(one)
    theirs = two / ".git" / "vfs"
    if what == "directory":
        theirs.symlink_to(one / ".git" / "vfs")
    else:
        theirs.mkdir()
        target = one / ".git" / "vfs" / ("scope" if what == "file" else "none")
        (theirs / "scope").symlink_to(target)
    assert scope(two) not in (found, scope(made(tmp_path / "three")))
    assert scope(two) == scope(two)
    assert os.listdir(one / ".git" / "vfs") == ["scope"], "nothing was written there"


def test_one_that_cannot_be_written_to_is_known_by_its_place(tmp_path: Path) -> None:
    one = made(tmp_path / "one")
    (one / ".git" / "vfs").touch()
    assert scope(one) == scope(one) != scope(made(tmp_path / "two"))
