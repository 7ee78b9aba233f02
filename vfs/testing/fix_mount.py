"""Fixtures that mount."""

from collections.abc import Iterator

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox


@pytest.fixture
def mounts(sandbox: Sandbox) -> Iterator[MountFactory]:
    """Mount repositories in this test's sandbox: `mounts(repository, "v1")`."""
    factory = MountFactory(sandbox)
    yield factory
    wrong = factory.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def handmade(sandbox: Sandbox) -> HandmadeRepository:
    """An empty repository with a local-directory DVC remote."""
    return HandmadeRepository(sandbox, sandbox.root / "repository")
