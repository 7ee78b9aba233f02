"""What the tests of mounts share that begin and end."""

import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"big.bin": DATA}, tag="v1")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(repository.root)
