"""What the test kit and the demonstration write is accepted by the real dvc, unchanged."""

import os
from pathlib import Path

import pytest

from vfs.testing.builders import ODD_NAMES
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.sandbox import Sandbox
from vfs.testing.trees import capture, file_node, not_data
from vfs_cli.demo_data import IMAGES, IMAGES_DIRECTORY, WEIGHTS, WEIGHTS_SIZE, DemoRepository

pytestmark = [pytest.mark.dvc, pytest.mark.slow]


def pulled(sandbox: Sandbox, dvc: Path, root: Path, rev: str) -> Path:
    """A clone beside the repository with the data that dvc fetches for a revision."""
    clone = root.parent / f"clone-{rev}"
    sandbox.git(root.parent, "clone", "-q", root, clone)
    sandbox.git(clone, "checkout", "-q", rev)
    sandbox.run([dvc, "pull", "-q"], cwd=clone)
    status = sandbox.run([dvc, "status"], cwd=clone).stdout
    assert b"up to date" in status
    return clone


def test_handmade_repositories(handmade: HandmadeRepository, sandbox: Sandbox, dvc3: Path) -> None:
    files = {name: name.encode() * 3 for name in ODD_NAMES}
    handmade.commit(
        plain={"git.txt": b"g", "x:run": b"r", "l:link": b"git.txt"},
        files={"deep/a b.bin": b"single", "empty": b""},
        directories={"data": files},
        tag="v1",
    )
    tree = capture(os.fsencode(pulled(sandbox, dvc3, handmade.root, "v1")), skip=not_data)
    for name, data in files.items():
        assert tree[b"data/" + name.encode()] == file_node(data), name
    assert tree[b"deep/a b.bin"] == file_node(b"single")
    assert tree[b"empty"] == file_node(b"")
    assert tree[b"run"] == file_node(b"r", executable=True)
    assert tree[b"link"].content == "git.txt"


def test_the_demonstration(sandbox: Sandbox, dvc3: Path) -> None:
    repository = DemoRepository(sandbox.root / "demo")
    written: list[int] = []
    first, second = repository.build(written.append)
    assert first.size + second.size - WEIGHTS_SIZE <= sum(written)
    assert len(first.images) == IMAGES
    clone = pulled(sandbox, dvc3, repository.root, "v2")
    assert (clone / WEIGHTS).stat().st_size == WEIGHTS_SIZE
    assert set(os.listdir(clone / IMAGES_DIRECTORY)) == set(second.images)
