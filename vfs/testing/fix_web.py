"""Fixtures: servers that store, each started when the first test asks for it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from vfs.testing.cloud_servers import CloudServer, start_azurite, start_gcs
from vfs.testing.lfs_server import LfsServer, start_giftless
from vfs.testing.web_servers import StoreServer, start_put, start_webdav

S = TypeVar("S", StoreServer, CloudServer, LfsServer)


@pytest.fixture(scope="session")
def webdav_server() -> Iterator[StoreServer]:
    """Apache with WebDAV."""
    yield from _running(start_webdav)


@pytest.fixture(scope="session")
def put_server() -> Iterator[StoreServer]:
    """nginx that takes PUT."""
    yield from _running(start_put)


@pytest.fixture(scope="session")
def gcs() -> Iterator[CloudServer]:
    """Google Cloud Storage, emulated."""
    yield from _running(start_gcs)


@pytest.fixture(scope="session")
def azurite() -> Iterator[CloudServer]:
    """Azure Blob Storage, emulated."""
    yield from _running(start_azurite)


@pytest.fixture(scope="session")
def lfs_server() -> Iterator[LfsServer]:
    """A Git LFS server."""
    yield from _running(start_giftless)


def _running(start: Callable[[Path], S]) -> Iterator[S]:
    directory = Path(tempfile.mkdtemp(prefix="vfs-web-"))
    directory.chmod(0o755)
    try:
        server = start(directory)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
