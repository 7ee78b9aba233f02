"""A remote that is out while lists of files are needed: builds wait for it until the deadline, and not longer."""

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.test_outages import ROUND_SECONDS
from vfs.testing.faulty_proxy import Fault, FaultyProxy, hangup, stall
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, daemons, is_mounted, wait_until
from vfs.testing.refusals import refused
from vfs.testing.s3_servers import S3Server
from vfs.testing.sandbox import Sandbox
from vfs.testing.variants import soak

pytestmark = [pytest.mark.fuse, pytest.mark.s3]

DEADLINE = 4


@pytest.fixture
def proxy(ministack: S3Server) -> Iterator[FaultyProxy]:
    with FaultyProxy(ministack.port) as running:
        yield running


@pytest.fixture
def repository(sandbox: Sandbox, ministack: S3Server, proxy: FaultyProxy) -> HandmadeRepository:
    """`v1` needs nothing of the remote; `v2` needs two lists of files."""
    bucket = ministack.new_bucket()
    repo = HandmadeRepository(
        sandbox,
        sandbox.root / "repository",
        remote_url=f"s3://{bucket}/data",
        remote_options={**ministack.options, "endpointurl": proxy.endpoint},
    )
    repo.commit(plain={"git.txt": b"1"}, tag="v1")
    directories = {"data": {"a": b"a", "b": b"b"}, "more": {"c": b"c"}}
    repo.commit(plain={"git.txt": b"2"}, directories=directories, tag="v2")
    client = ministack.client()
    repo.upload(lambda key, data: client.put_object(Bucket=bucket, Key=f"data/{key}", Body=data))
    lists = repo.remote.with_name("lists")
    shutil.copytree(repo.remote, lists, ignore=lambda _, names: [n for n in names if len(n) == 30])
    repo.lose_remote()
    return repo


def problems(mount: Mount) -> list[dict[str, str]]:
    """What the mount cannot serve."""
    status = json.loads(mount.cli("status", "--json", str(mount.path)).stdout)
    found: list[dict[str, str]] = status["problem_list"]
    return found


def test_a_switch_outlasts_a_restart(
    repository: HandmadeRepository, proxy: FaultyProxy, ministack: S3Server, mounts: MountFactory
) -> None:
    """Nothing listens for longer than one request repeats by itself."""
    mount = mounts(repository.root, "v1", "-o", "transfer.deadline=60")
    proxy.__exit__()
    gone = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        switching = pool.submit(mount.switch, "v2")
        wait_until(lambda: time.monotonic() > gone + ROUND_SECONDS, "the restart")
        assert not switching.done()
        with FaultyProxy(ministack.port, port=proxy.port):
            switching.result(30)
            assert (mount.path / "data" / "a").read_bytes() == b"a"
            assert (mount.path / "more" / "c").read_bytes() == b"c"


@pytest.mark.parametrize("fault", [stall(0), soak(hangup())], ids=["silent", "hang-up"])
def test_a_switch_ends_at_the_deadline(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    fault: Fault,
) -> None:
    """The snapshot is shown with the directories broken, and the healer brings them when the remote is back."""
    mounts.allow("WARNING.*vfs")
    mount = mounts(repository.root, "v1", "-o", f"transfer.deadline={DEADLINE}")
    proxy.always(fault)
    began = time.monotonic()
    mount.switch("v2")
    assert DEADLINE - 1 < time.monotonic() - began < 2 * DEADLINE, "one deadline, for both"
    assert (mount.path / "git.txt").read_bytes() == b"2"
    with refused(errno.EIO):
        (mount.path / "data" / "a").read_bytes()
    assert [problem["path"] for problem in problems(mount)] == ["data", "more"]
    for problem in problems(mount):
        assert problem["code"] == "remote-unavailable"
        assert f"remote store ({repository.remote_url}): files/md5/" in problem["message"]
        assert "is the remote reachable?" in problem["hint"]
    proxy.always(None)
    wait_until(lambda: not problems(mount), "the healer", timeout=60)
    assert (mount.path / "data" / "a").read_bytes() == b"a"


@pytest.mark.parametrize("wanted", ["list", "sizes"])
def test_ctrl_c_ends_waiting(
    repository: HandmadeRepository, proxy: FaultyProxy, wanted: str
) -> None:
    if wanted == "sizes":
        shutil.copytree(repository.remote.with_name("lists"), repository.root / ".dvc" / "cache")
    proxy.always(stall(0))
    asking = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "vfs_cli",
            "ls",
            "--repo",
            str(repository.root),
            "--rev",
            "v2",
            ":/data",
        ],
        env=repository.sandbox.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: bool(proxy.requests), "the remote to be asked", timeout=30)
    assert proxy.requests[0].method == ("GET" if wanted == "list" else "HEAD")
    asking.send_signal(signal.SIGINT)
    assert asking.wait(5) != 0


@pytest.mark.parametrize(
    "number", [signal.SIGINT, soak(signal.SIGTERM), soak(signal.SIGHUP), signal.SIGKILL]
)
def test_an_interrupted_mount_leaves_nothing(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    sandbox: Sandbox,
    number: signal.Signals,
) -> None:
    """However the command ends while the remote is waited for, its daemon ends with it and nothing is mounted later."""
    proxy.always(stall(0))
    mount = mounts.prepare(repository.root)
    mount.path.mkdir()
    argv = [sys.executable, "-m", "vfs_cli", "mount", "--repo", str(repository.root), "--rev", "v2"]
    command = subprocess.Popen(
        [*argv, str(mount.path)], env=sandbox.environ, start_new_session=True
    )
    wait_until(lambda: bool(proxy.requests), "the remote to be asked", timeout=30)
    started = [process for process in daemons(sandbox) if process.pid != command.pid]
    assert len(started) == 1
    command.send_signal(number)
    assert command.wait(10) == {signal.SIGINT: 130}.get(number, -number)
    wait_until(lambda: not daemons(sandbox), "the daemon to end", timeout=5)
    assert not is_mounted(mount.path)
    run = Path(sandbox.environ["XDG_RUNTIME_DIR"]) / "vfs"
    assert [path for path in run.glob("*") if path.suffix in (".sock", ".json")] == []
    proxy.always(None)
    mount.start("v2")
    assert (mount.path / "data" / "a").read_bytes() == b"a"


def test_doctor_says_how_long_it_waited(repository: HandmadeRepository, proxy: FaultyProxy) -> None:
    """Not that `transfer.deadline` set the time: it waits a few seconds, whatever that is."""
    proxy.always(hangup())
    argv = ["doctor", "--json", "--repo", str(repository.root), "--rev", "v2"]
    done = repository.sandbox.run([sys.executable, "-m", "vfs_cli", *argv], check=False)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    hints = {one["fix"] for one in found if "did not come within 5 s" in one["message"]}
    assert len(hints) == 1, found
    assert "waited for only 5 s here; mounts and reads wait for `transfer.deadline`" in hints.pop()


@pytest.mark.parametrize("fault", [soak(stall(0)), hangup()], ids=["silent", "hang-up"])
def test_a_first_look_below_snapshots_breaks_only_the_paths_that_wait(
    repository: HandmadeRepository,
    proxy: FaultyProxy,
    mounts: MountFactory,
    fault: Fault,
) -> None:
    """As after a switch: what Git has is there, and only the directories whose lists are out give EIO."""
    mounts.allow("WARNING.*vfs")
    mount = mounts(repository.root, "v1", "-o", f"transfer.deadline={DEADLINE}")
    proxy.always(fault)
    began = time.monotonic()
    assert (mount.path / ".snapshots" / "v2" / "git.txt").read_bytes() == b"2"
    assert time.monotonic() - began < 2 * DEADLINE
    with refused(errno.EIO):
        (mount.path / ".snapshots" / "v2" / "data" / "a").read_bytes()
