"""Commands of vfs in a sandbox are run by one process that has loaded it."""

from collections.abc import Iterator

import pytest

from vfs.testing.program_server import SCRIPT, VFS, vfs_server
from vfs.testing.sandbox import RUN_BY


@pytest.fixture(scope="session", autouse=True)
def served_vfs() -> Iterator[None]:
    """From here on, for whoever runs `VFS` or `SCRIPT` in a sandbox."""
    with vfs_server() as server:
        for words in (VFS, (SCRIPT,)):
            RUN_BY[words] = server.run
        yield
        for words in (VFS, (SCRIPT,)):
            del RUN_BY[words]
