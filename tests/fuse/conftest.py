"""What the tests of mounts share that begin and end, and which of them run on each transport."""

from pathlib import Path

import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.variants import all_but

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

SAME_ON_BOTH = frozenset(
    {
        "test_descriptors",
        "test_lifecycle",
        "test_own_mount",
        "test_refused_and_hung",
        "test_snapshots",
    }
)
"""Those of them that find nothing the others do not find on libfuse too: there in `make test-all` alone."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `transport` (`vfs.testing.fix_mount`), which all mounts of a test are made with."""
    file = Path(str(metafunc.module.__file__)).stem
    if "transport" in metafunc.fixturenames and file in ON_EACH:
        few = ("direct",) if file in SAME_ON_BOTH else TRANSPORTS
        metafunc.parametrize("transport", all_but(few, TRANSPORTS), scope="module")


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"big.bin": DATA}, tag="v1")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(repository.root)
