"""What tests of known orders share: a mount whose remote answers late, and what its daemon says."""

import importlib.util
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.latency import LateServer, start_late
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.sandbox import Sandbox

DELAY = 0.03
FILES = {f"f{n:03}": f"content {n}".encode() * 50 for n in range(200)}
NAMES = list(FILES)


@pytest.fixture(scope="module")
def late() -> Iterator[LateServer]:
    """A web server in front of an empty directory `root`."""
    directory = Path(tempfile.mkdtemp(prefix="vfs-late-"))
    directory.chmod(0o755)
    (directory / "root").mkdir()
    server = start_late(directory, DELAY, root=directory / "root")
    yield server
    server.stop()
    shutil.rmtree(directory)


@pytest.fixture
def repository(sandbox: Sandbox, late: LateServer) -> HandmadeRepository:
    """200 small files in `data`, on that server."""
    made = HandmadeRepository(sandbox, sandbox.root / "repository", remote_url=late.url)
    made.commit(plain={"git.txt": b"git", "l:link": b"data/f000"}, directories={"data": FILES})
    root = late.log.parent / "root"
    shutil.rmtree(root)
    shutil.copytree(made.remote, root)
    late.log.write_text("")
    return made


@pytest.fixture
def mount(
    repository: HandmadeRepository, mounts: MountFactory, monkeypatch: pytest.MonkeyPatch
) -> Mount:
    """It, mounted; this process finds the mount as commands in the sandbox do."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", mounts.sandbox.environ["XDG_RUNTIME_DIR"])
    return mounts(repository.root, "HEAD", "-o", "transfer.hedge=0")  # requests are counted


@pytest.fixture
def orders(mount: Mount) -> Callable[[], list[dict[str, Any]]]:
    """The orders that the daemon follows."""
    return lambda: status(mount)["orders"]


def status(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mount.cli("status", "--json", mount.path).stdout)
    return found


def fetched(late: LateServer) -> int:
    """Files that were asked of the remote."""
    return sum(_files(late).values())


def repeated(late: LateServer) -> list[str]:
    """Those that were asked for more than once."""
    return [name for name, times in _files(late).items() if times > 1]


def _files(late: LateServer) -> Counter[str]:
    return Counter(
        line for line in late.requests if line.startswith("GET ") and not line.endswith(".dir")
    )


if importlib.util.find_spec("torch") is None:
    collect_ignore = ["test_torch.py"]
