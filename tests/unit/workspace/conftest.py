"""Workspaces over repositories of the test kit, read without any mount."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.workspace.sources import (
    DATA,
)
from vfs.config import Settings
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.sandbox import Sandbox
from vfs.workspace import Workspace, open_workspace

Open = Callable[..., Workspace]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", cache_limit=1 << 30, min_free=0)


@pytest.fixture(autouse=True)
def private(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process itself sees only the sandbox's configuration."""
    for name in ("HOME", "XDG_CONFIG_HOME", "DVC_SYSTEM_CONFIG_DIR", "GIT_CONFIG_GLOBAL"):
        monkeypatch.setenv(name, sandbox.environ[name])


@pytest.fixture
def opened(settings: Settings) -> Iterator[Open]:
    """Opens workspaces that are closed at the end of the test."""
    made: list[Workspace] = []

    def open_one(path: Path | str, **options: object) -> Workspace:
        chosen = options.pop("settings", settings)
        assert isinstance(chosen, Settings)
        made.append(open_workspace(path, chosen, **options))  # type: ignore[arg-type]
        return made[-1]

    yield open_one
    for workspace in made:
        workspace.close()


@pytest.fixture
def source(sandbox: Sandbox) -> HandmadeRepository:
    repository = HandmadeRepository(sandbox, sandbox.root / "source")
    repository.commit(
        plain={"plain/x": b"in git", "x:plain/run": b"#!"},
        files={"model.bin": b"weights"},
        directories={"data": DATA},
        tag="s1",
    )
    return repository


@pytest.fixture
def importer(sandbox: Sandbox) -> HandmadeRepository:
    return HandmadeRepository(sandbox, sandbox.root / "importer")


@pytest.fixture
def repository(sandbox: Sandbox) -> HandmadeRepository:
    return HandmadeRepository(sandbox, sandbox.root / "r")
