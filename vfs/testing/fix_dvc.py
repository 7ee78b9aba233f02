"""Fixtures that run the real git and the real dvc.

`VFS_TEST_DVC3` and `VFS_TEST_DVC2` name the two programs; by default they are where
`make test` installs them. A missing program fails the test: a compatibility suite that skips
itself proves nothing.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vfs.testing.builders import BUILDERS, Tools
from vfs.testing.program_server import dvc_server
from vfs.testing.real_repository import RepositoryCase
from vfs.testing.sandbox import RUN_BY, Sandbox

_CHECKOUT = Path(__file__).resolve().parents[2]


def program(variable: str, default: str) -> Path:
    """One of the two real DVCs."""
    path = Path(os.environ.get(variable) or _CHECKOUT / ".tools" / default / "bin" / "dvc")
    if not os.access(path, os.X_OK):
        pytest.fail(f"no dvc at {path}; run `make test` once, or set {variable}")
    return path


@pytest.fixture(scope="session")
def dvc3() -> Iterator[Path]:
    """The current DVC."""
    yield from _served(program("VFS_TEST_DVC3", "dvc3"))


@pytest.fixture(scope="session")
def dvc2() -> Iterator[Path]:
    """DVC 2.58.2, which writes the old layout."""
    yield from _served(program("VFS_TEST_DVC2", "dvc2"))


def _served(dvc: Path) -> Iterator[Path]:
    """A program whose commands in a sandbox are run by one process that has loaded it."""
    with dvc_server(dvc) as server:
        RUN_BY[str(dvc),] = server.run
        yield dvc
        del RUN_BY[str(dvc),]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A private world for one test."""
    made = Sandbox.temporary()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """A private world for what is built once and only read."""
    made = Sandbox.temporary()
    yield made
    made.close()


@pytest.fixture(scope="session")
def real_repository(
    shared_sandbox: Sandbox, dvc3: Path, dvc2: Path
) -> Callable[[str], RepositoryCase]:
    """Build the repository of a name in `BUILDERS`, once per session."""
    built: dict[str, RepositoryCase] = {}

    def build(name: str) -> RepositoryCase:
        if name not in built:
            base = shared_sandbox.root / name
            built[name] = BUILDERS[name](shared_sandbox, base, Tools(dvc3, dvc2))
        return built[name]

    return build
