"""Fixtures: Git servers for a whole session, each started when the first test asks for it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.git_servers import HttpServer, SshServer, start_http, start_sshd
from vfs.testing.processes import stop


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshServer]:
    """OpenSSH's sshd."""
    with tempfile.TemporaryDirectory(prefix="vfs-sshd-") as directory:
        server = start_sshd(Path(directory))
        yield server
        stop(server.process)


@pytest.fixture(scope="session")
def http_server() -> Iterator[HttpServer]:
    """lighttpd with git-http-backend."""
    with tempfile.TemporaryDirectory(prefix="vfs-http-") as directory:
        server = start_http(Path(directory))
        yield server
        stop(server.process)
