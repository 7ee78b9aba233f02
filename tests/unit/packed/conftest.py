"""A packed remote in a directory."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vfs.packed import PackReader
from vfs.remotes import Remote, RemoteSpec, Statistics, open_remote


@pytest.fixture
def asked() -> Statistics:
    return Statistics()


@pytest.fixture
def remote(tmp_path: Path, asked: Statistics) -> Remote:
    (tmp_path / "remote").mkdir()
    return open_remote(RemoteSpec("test", str(tmp_path / "remote")), statistics=asked)


@pytest.fixture
def reader(remote: Remote, tmp_path: Path) -> Iterator[PackReader]:
    with closing(PackReader(remote, tmp_path)) as opened:
        yield opened
