"""What this machine alone has: what is staged."""

import contextlib
import subprocess

from tests.unit.git.conftest import GitRepo
from vfs.git.machine import staged_files


def test_files_are_as_they_were_staged(repo: GitRepo) -> None:
    """Links, what is too large and what was only announced are left out."""
    repo.write("odd \n.dvc", b"staged")
    repo.write("long.dvc", b"x" * 100)
    repo.write("other", b"")
    (repo.path / "link.dvc").symlink_to("long.dvc")
    repo.git("add", "--all")
    repo.write("odd \n.dvc", b"changed")
    repo.write("announced.dvc", b"data")
    repo.git("add", "-N", "announced.dvc")
    assert staged_files(repo.path, ["*.dvc"], 99) == [{b"odd \n.dvc": b"staged"}]
    assert staged_files(repo.path, ["*.none"], 99) == []


def test_a_conflict_has_sides(repo: GitRepo) -> None:
    repo.write("same.dvc", b"same")
    for branch, data in (("base", b"0"), ("ours", b"1"), ("theirs", b"2")):
        repo.git("checkout", "-q", "-B", branch, *(["base"] if branch == "theirs" else []))
        repo.write("data.dvc", data)
        repo.commit()
    with contextlib.suppress(subprocess.CalledProcessError):
        repo.git("merge", "-q", "ours")
    sides = staged_files(repo.path, ["*.dvc"], 99)
    assert {side.get(b"data.dvc") for side in sides} == {None, b"0", b"1", b"2"}
    assert all(side[b"same.dvc"] == b"same" for side in sides)
