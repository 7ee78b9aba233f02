"""Fixtures that mount."""

from collections.abc import Iterator

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox


@pytest.fixture
def mounts(sandbox: Sandbox) -> Iterator[MountFactory]:
    """Mount repositories in this test's sandbox: `mounts(repository, "v1")`."""
    yield from _factory(sandbox)


@pytest.fixture
def handmade(sandbox: Sandbox) -> HandmadeRepository:
    """An empty repository with a local-directory DVC remote."""
    return HandmadeRepository(sandbox, sandbox.root / "repository")


@pytest.fixture(scope="module")
def module_sandbox() -> Iterator[Sandbox]:
    """A private world that the tests of one module share."""
    made = Sandbox.temporary()
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_mounts(module_sandbox: Sandbox) -> Iterator[MountFactory]:
    """Mounts that the tests of one module share, for tests that only read."""
    yield from _factory(module_sandbox)


@pytest.fixture(scope="module")
def module_handmade(module_sandbox: Sandbox) -> HandmadeRepository:
    """A repository that the tests of one module share."""
    return HandmadeRepository(module_sandbox, module_sandbox.root / "repository")


def _factory(sandbox: Sandbox) -> Iterator[MountFactory]:
    factory = MountFactory(sandbox)
    yield factory
    wrong = factory.close()
    assert not wrong, "\n".join(wrong)
