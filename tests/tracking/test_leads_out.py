"""A repository brings symlinks along, to files of its user: nothing is written through them."""

import sys

import pytest

from vfs.testing.clones import Clone, handmade_clone
from vfs.testing.handmade import HandmadeRepository

PRECIOUS = b"[core]\n    mine = 1\n"


@pytest.fixture
def one(handmade: HandmadeRepository) -> Clone:
    handmade.commit(files={"file": b"1"})
    handmade.sandbox.git(handmade.root, "reset", "-q", "--hard")
    made = handmade_clone(handmade, "one", cached=False)
    (made.root.parent / "precious").write_bytes(PRECIOUS)
    return made


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (".dvc/config", ("config", "core.remote", "other")),
        (".dvc/config", ("remote", "add", "other", "/tmp/other")),
        (".gitignore", ("add", "new")),
    ],
)
def test_it_is_refused(one: Clone, name: str, arguments: tuple[str, ...]) -> None:
    one.write("new", b"new")
    precious = one.root.parent / "precious"
    path = one.root / name
    path.unlink(missing_ok=True)
    path.symlink_to(precious)
    argv = [sys.executable, "-m", "vfs_cli", *arguments]
    done = one.sandbox.run(argv, cwd=one.root, check=False)
    assert done.returncode != 0
    assert b"out of the repository" in done.stderr or b"outside of" in done.stderr
    assert precious.read_bytes() == PRECIOUS


def test_one_that_stays_inside_is_written_through(one: Clone) -> None:
    (one.root / ".dvc/config").rename(one.root / ".dvc/real")
    (one.root / ".dvc/config").symlink_to("real")
    one.vfs("remote", "add", "other", "/tmp/other")
    assert b"/tmp/other" in (one.root / ".dvc/real").read_bytes()
    assert (one.root / ".dvc/config").is_symlink()
