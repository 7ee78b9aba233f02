"""Fixtures that mount."""

from collections.abc import Iterator

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory
from vfs.testing.sandbox import Sandbox


@pytest.fixture(scope="module")
def transport() -> str | None:
    """How mounts of a test talk to the kernel; None for the default. `tests/fuse` has its tests run on each."""
    return None


@pytest.fixture
def mounts(sandbox: Sandbox, transport: str | None) -> Iterator[MountFactory]:
    """Mount repositories in this test's sandbox: `mounts(repository, "v1")`."""
    yield from _factory(sandbox, transport)


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
def module_mounts(module_sandbox: Sandbox, transport: str | None) -> Iterator[MountFactory]:
    """Mounts that the tests of one module share, for tests that only read."""
    yield from _factory(module_sandbox, transport)


@pytest.fixture(scope="module")
def module_handmade(module_sandbox: Sandbox) -> HandmadeRepository:
    """A repository that the tests of one module share."""
    return HandmadeRepository(module_sandbox, module_sandbox.root / "repository")


def _factory(sandbox: Sandbox, transport: str | None) -> Iterator[MountFactory]:
    factory = MountFactory(sandbox, transport)
    yield factory
    wrong = factory.close()
    assert not wrong, "\n".join(wrong)
