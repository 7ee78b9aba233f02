"""A mount on a link that misbehaves: what is read, how long it takes, and that the accounts add up."""

import json
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory
from vfs.testing.sandbox import Sandbox
from vfs.testing.slow_server import start_slow
from vfs.testing.web_servers import StoreServer

pytestmark = pytest.mark.fuse
CONTENT = random.Random(5)
FILES = {f"{number}.bin": CONTENT.randbytes(9_000) for number in range(400)}
LARGE = CONTENT.randbytes(20_000_000)
STALLED = 10.0


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[StoreServer]:
    """Two in a hundred answers take ten seconds to begin."""
    directory = sandbox.root / "slow"
    directory.mkdir()
    running = start_slow(directory, delay=0.005, stalls=0.02, seconds=STALLED)
    yield running
    running.stop()


def mounted(server: StoreServer, sandbox: Sandbox, mounts: MountFactory, *options: str) -> Mount:
    made = HandmadeRepository(
        sandbox, sandbox.root / "repository", remote_url=f"http://127.0.0.1:{server.port}"
    )
    made.commit(files={"large.bin": LARGE}, directories={"d": FILES})
    shutil.copytree(made.remote, server.root, dirs_exist_ok=True)
    made.lose_remote()
    return mounts(made.root, None, *options)


def status(mount: Mount) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mount.cli("status", mount.path, "--json").stdout)
    return found


def timed(path: Path, content: bytes) -> float:
    started = time.monotonic()
    assert path.read_bytes() == content
    return time.monotonic() - started


def test_reads_of_many_files(server: StoreServer, sandbox: Sandbox, mounts: MountFactory) -> None:
    mount = mounted(server, sandbox, mounts)
    before = status(mount)["remotes"]["store"]  # sizes and the list
    with ThreadPoolExecutor(4) as pool:
        items = [(mount.path / "d" / name, content) for name, content in FILES.items()]
        first, rest = items[:100], items[100:]
        list(pool.map(lambda item: timed(*item), first))
        times = sorted(pool.map(lambda item: timed(*item), rest))
    assert times[len(times) * 99 // 100] < STALLED / 2
    said = status(mount)
    remote, transfer = said["remotes"]["store"], said["transfer"]
    assert remote["hedges_won"] > before["hedges_won"]
    assert (
        remote["received"] - before["received"]
        == transfer["bytes_received"] + remote["wasted"] - before["wasted"]
    )
    assert transfer["bytes_received"] == sum(map(len, FILES.values()))
    assert transfer["in_flight_bytes"] == transfer["in_flight_requests"] == 0
    assert transfer["failed_requests"] == 0
    assert b"asked twice" in mount.cli("status", mount.path).stdout


def test_a_limit_of_bandwidth(server: StoreServer, sandbox: Sandbox, mounts: MountFactory) -> None:
    mount = mounted(server, sandbox, mounts, "--max-bandwidth", "5MB/s")
    assert timed(mount.path / "large.bin", LARGE) > len(LARGE) / 5e6 * 0.9
    said = status(mount)
    assert said["transfer"]["failed_requests"] == 0
