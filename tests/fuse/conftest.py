"""What the tests of mounts share that begin and end, and which of them run on each transport."""

from pathlib import Path

import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory

TRANSPORTS = ("direct", "pyfuse3")

ON_EACH = frozenset(
    {
        "test_descriptors",
        "test_lifecycle",
        "test_machine",
        "test_names",
        "test_own_mount",
        "test_read_only",
        "test_readdir",
        "test_reading",
        "test_refused_and_hung",
        "test_snapshots",
        "test_stat",
        "test_switching",
    }
)
"""Files whose subject is what the kernel is told; the others run on the default alone."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `transport` (`vfs.testing.fix_mount`), which all mounts of a test are made with."""
    if "transport" in metafunc.fixturenames and Path(metafunc.module.__file__).stem in ON_EACH:
        metafunc.parametrize("transport", TRANSPORTS, scope="module")


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"big.bin": DATA}, tag="v1")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(repository.root)
