"""A linked working tree of Git: vfs reads the cache of the main one too, dvc does not."""

import shutil
from pathlib import Path

import pytest

from tests.compat.conftest import start
from vfs.testing.clones import Clone, check_store, objects
from vfs.testing.sandbox import Sandbox

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


@pytest.fixture
def linked(sandbox: Sandbox, dvc3: Path) -> Clone:
    """One, of a repository whose data is in the main tree's cache and nowhere else."""
    main = start(sandbox, dvc3)
    for name in "123":
        main.write(f"data/{name}", name.encode())
    main.write("model", b"model")
    main.vfs("add", "data", "model")
    main.git("add", "--all")
    main.git("commit", "-q", "-m", "v1")
    main.git("worktree", "add", "-q", str(sandbox.root / "linked"))
    return Clone(sandbox, sandbox.root / "linked", dvc3)


def test_what_was_pulled_dvc_has(linked: Clone) -> None:
    assert "5 were there already" in linked.vfs("pull")
    assert "up to date" in linked.dvc("status")
    assert check_store(linked.cache) == 5
    assert all(path.stat().st_nlink > 1 for _, path in objects(linked.cache))
    shutil.rmtree(linked.root / "data")
    linked.dvc("checkout", "-q")
    assert (linked.root / "data" / "3").read_bytes() == b"3"
    assert linked.vfs("fsck", "--content").startswith("0 objects wrong")
