"""Fixtures: S3 servers for a whole session, each started when the first test asks for it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.s3_servers import S3Server, start_ministack, start_rgw, start_sts


@pytest.fixture(scope="session")
def rgw() -> Iterator[S3Server]:
    """A real S3 server (Ceph RADOS Gateway), for tests marked `s3`."""
    yield from _running("rgw")


@pytest.fixture(scope="session")
def rgw_sts(rgw: S3Server) -> S3Server:
    """The same Ceph by a gateway that also is a Security Token Service."""
    return start_sts(rgw)


@pytest.fixture(scope="session")
def ministack() -> Iterator[S3Server]:
    """A quick S3 that checks no signatures, for everything that does not need a real one."""
    yield from _running("ministack")


def _running(name: str) -> Iterator[S3Server]:
    # Not pytest's tmp_path: admin sockets need short paths, and nothing of this is worth keeping.
    directory = Path(tempfile.mkdtemp(prefix=f"vfs-{name}-"))
    try:
        server = {"rgw": start_rgw, "ministack": start_ministack}[name](directory)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
