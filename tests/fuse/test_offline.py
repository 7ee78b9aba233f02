"""A mount that asks nobody: what is on this machine works, all else fails at once, and going online heals it."""

import errno
import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.errors import Offline
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, vfs, wait_until
from vfs.testing.sandbox import Sandbox
from vfs.testing.tcp_relay import TcpRelay
from vfs.testing.web_servers import StoreServer

pytestmark = pytest.mark.fuse
SMALL = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(200_000)
LARGE = random.Random(3).randbytes(12_000_000)
AT_ONCE = 0.1  # seconds
DOWN = os.strerror(errno.ENETDOWN)


@pytest.fixture
def relay(put_server: StoreServer) -> Iterator[TcpRelay]:
    """The only way to the remote; counts who comes."""
    with TcpRelay(put_server.port) as running:
        yield running


@pytest.fixture
def repository(
    relay: TcpRelay, put_server: StoreServer, sandbox: Sandbox, mounts: MountFactory
) -> HandmadeRepository:
    directory = put_server.new_directory("offline")
    url = f"http://127.0.0.1:{relay.port}/offline"
    made = HandmadeRepository(sandbox, sandbox.root / "repository", remote_url=url)
    files = {"small.bin": SMALL, "other.bin": OTHER, "large.bin": LARGE}
    made.commit(files=files, directories={"d": {"a": b"a", "b": b"bb"}}, tag="v1")
    made.commit(files=files, directories={"d": {"a": b"A", "c": b"ccc"}}, tag="v2")
    made.commit(files=files, directories={"d": {"never": b"seen"}}, tag="v3")
    shutil.copytree(made.remote, directory, dirs_exist_ok=True)
    made.lose_remote()
    mounts.allow("offline")
    return made


def fails(path: Path) -> float:
    """Seconds until a read fails because nobody may be asked."""
    started = time.monotonic()
    with pytest.raises(OSError, match=DOWN):
        path.read_bytes()
    return time.monotonic() - started


def offline(mount: Mount, state: str) -> bool:
    done = mount.cli("offline", state, "--mount", mount.path, "--json")
    return bool(json.loads(done.stdout)["offline"])


def test_on_and_off(relay: TcpRelay, repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root, "v1")
    assert (mount.path / "small.bin").read_bytes() == SMALL
    mount.switch("v2")
    mount.switch("v1")
    assert offline(mount, "on")
    connections = relay.connections
    assert (mount.path / "small.bin").read_bytes() == SMALL
    took = [fails(mount.path / "other.bin") for _ in range(5)]
    took += [fails(mount.path / "large.bin"), fails(mount.path / "d/b")]
    assert sorted(took)[len(took) // 2] < AT_ONCE
    mount.switch("v2")
    assert sorted(path.name for path in (mount.path / "d").iterdir()) == ["a", "c"]
    refused = mount.switch("v3", check=False)
    assert refused.returncode == Offline.exit_code
    assert b"v3" in refused.stderr
    assert b"offline" in refused.stderr
    assert sorted(path.name for path in (mount.path / "d").iterdir()) == ["a", "c"]
    assert b"offline" in mount.cli("status", mount.path).stdout
    assert b"none was asked" in mount.cli("doctor", "--mount", mount.path, check=False).stdout
    assert (
        b"offline" in mount.cli("prefetch", "other.bin", "--mount", mount.path, check=False).stderr
    )
    assert relay.connections == connections
    assert not offline(mount, "off")
    assert (mount.path / "other.bin").read_bytes() == OTHER
    assert (mount.path / "large.bin").read_bytes() == LARGE
    mount.switch("v3")
    assert (mount.path / "d/never").read_bytes() == b"seen"
    assert "is not on this machine" in mount.log()


def test_from_the_start(
    relay: TcpRelay, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    before = mounts(repository.root, "v1")
    assert (before.path / "small.bin").read_bytes() == SMALL
    with (before.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(100_000) == LARGE[:100_000]
    before.umount()
    connections = relay.connections
    mount = mounts(repository.root, "v1", "--offline")
    assert (mount.path / "small.bin").read_bytes() == SMALL
    with (mount.path / "large.bin").open("rb", buffering=0) as file:
        assert file.read(100_000) == LARGE[:100_000]
        file.seek(11_000_000)
        with pytest.raises(OSError, match=DOWN):
            file.read(10)
    fails(mount.path / "other.bin")
    assert relay.connections == connections
    assert not offline(mount, "off")
    assert (mount.path / "other.bin").read_bytes() == OTHER


def test_names_that_were_missing_come_when_it_goes_online(
    relay: TcpRelay, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    """Nothing of the repository was here before."""
    connections = relay.connections
    mount = mounts(repository.root, "v1", "--offline")
    with pytest.raises(OSError, match="d/a"):
        (mount.path / "d/a").read_bytes()
    assert relay.connections == connections
    assert not offline(mount, "off")
    wait_until(lambda: (mount.path / "d/a").exists(), "the directory to come")
    assert (mount.path / "d/a").read_bytes() == b"a"


def test_what_waits_for_a_remote_fails_when_it_goes_offline(
    relay: TcpRelay, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mounts.allow("given up", "no answer", "closed")
    mount = mounts(repository.root, "v1")
    relay.after(1_000_000, "stall")
    ended: list[int | None] = []

    def read() -> None:
        try:
            (mount.path / "large.bin").read_bytes()
            ended.append(None)
        except OSError as error:
            ended.append(error.errno)

    reader = threading.Thread(target=read)
    reader.start()
    assert relay.stalled.wait(20)
    offline(mount, "on")
    reader.join(20)
    assert ended in ([errno.ENETDOWN], [None])  # a second request may have been faster


@pytest.mark.parametrize("how", ["option", "environment"])
def test_commands(
    how: str, relay: TcpRelay, repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    root = str(repository.root)
    sandbox.environ.pop("VFS_OFFLINE", None)
    options = ["--offline"] if how == "option" else []
    if how == "environment":
        sandbox.environ["VFS_OFFLINE"] = "1"
    sandbox.git(repository.root, "reset", "-q", "--hard", "v1")
    for verb in ("fetch", "pull"):
        argv = [sys.executable, "-m", "vfs_cli", verb, *options, "small.bin"]
        done = sandbox.run(argv, cwd=repository.root, check=False, timeout=60)
        assert done.returncode == Offline.exit_code, done.stderr
        assert b"offline" in done.stderr
    done = vfs(sandbox, "get", root, "small.bin", *options, "-o", sandbox.root / "out", check=False)
    assert done.returncode == Offline.exit_code
    done = vfs(sandbox, "doctor", "--repo", root, "--rev", "v3", *options, check=False)
    assert b"none was asked: vfs is offline here" in done.stdout
    assert b"note  problem: d: " in done.stdout
    assert b"BAD   problem" not in done.stdout
    assert relay.connections == 0
