"""What the tests of mounts share that begin and end, and which of them run on each transport."""

from pathlib import Path

import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import TRANSPORTS, Mount, MountFactory
from vfs.testing.variants import soak

ON_EACH = frozenset(
    {
        "test_machine",
        "test_names",
        "test_read_only",
        "test_readdir",
        "test_reading",
        "test_stat",
        "test_switching",
    }
)
"""Files whose subject is what the kernel is told: on both transports in `make test`. The others run there on the direct one, and on pyfuse3 in `make test-all`."""

NOT_CHOSEN = frozenset(
    {"test_beginning", "test_demo", "test_readme", "test_silence", "test_transports"}
)
"""Files whose subject is one transport, or what serves where nobody chooses."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize `transport` (`vfs.testing.fix_mount`), which all mounts of a test are made with."""
    file = Path(str(metafunc.module.__file__)).stem
    if "transport" in metafunc.fixturenames and file not in NOT_CHOSEN:
        direct, older = TRANSPORTS
        chosen = TRANSPORTS if file in ON_EACH else (direct, soak(older))
        metafunc.parametrize("transport", chosen, scope="module")


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"big.bin": DATA}, tag="v1")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(repository.root)
