"""A process that was stopped (^Z) in a transaction of the catalog, or at a gate: known commits are served, and everything ends in time."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.holders import held
from vfs.testing.mounts import Mount, MountFactory, wait_until
from vfs.testing.variants import soak

pytestmark = pytest.mark.fuse

IN_TIME = 30
"""Seconds; what waits without a limit is told apart by it."""


@pytest.fixture
def mount(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow("cannot be (written|passed)", "can be written to again", "catalog|cache index")
    for name, letter in (("v1", b""), ("v2", b"x"), ("v3", b"y")):
        files = {f"{n}": letter + b"%d" % n for n in range(10)}
        handmade.commit(directories={"small": files}, tag=name)
    mount = mounts(handmade.root, "v1")
    assert (mount.path / "small" / "0").read_bytes() == b"0"
    return mount


def cache(handmade: HandmadeRepository) -> Path:
    return Path(handmade.sandbox.environ["XDG_CACHE_HOME"]) / "vfs"


@pytest.fixture
def stopped(
    handmade: HandmadeRepository, mount: Mount, request: pytest.FixtureRequest
) -> Iterator[int]:
    """The process that holds the writer's lock of the catalog, or of what is asked for."""
    where = cache(handmade) / getattr(request, "param", "catalog")
    with held(where, stopped=True) as holder:
        yield holder.pid


def vfs(handmade: HandmadeRepository, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "vfs_cli", *words],
        timeout=IN_TIME,
        capture_output=True,
        text=True,
        check=False,
        env=handmade.sandbox.environ,
        cwd=handmade.root,
    )


def wait_for_its_end(mount: Mount) -> None:
    daemon = mount.daemon()
    mount.umount()
    wait_until(lambda: not daemon.is_running() or daemon.status() == "zombie", "its end")


@pytest.mark.usefixtures("stopped")
def test_reading_goes_on(mount: Mount) -> None:
    for n in range(10):
        assert (mount.path / "small" / str(n)).read_bytes() == b"%d" % n


@pytest.mark.usefixtures("stopped")
def test_an_unmount_ends_the_daemon(mount: Mount) -> None:
    wait_for_its_end(mount)


@pytest.mark.usefixtures("stopped")
def test_sigterm_ends_the_daemon(mount: Mount) -> None:
    daemon = mount.daemon()
    daemon.terminate()
    wait_until(lambda: not daemon.is_running() or daemon.status() == "zombie", "its end")


@pytest.mark.parametrize("what", [soak("chunks"), "catalog"])
def test_an_unmount_ends_the_daemon_while_another_process_stands_at_the_gate(
    what: str, handmade: HandmadeRepository, mount: Mount
) -> None:
    with (cache(handmade) / what / "gate").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        wait_for_its_end(mount)


@pytest.mark.usefixtures("stopped")
def test_a_look_below_snapshots_is_answered_and_the_daemon_ends(mount: Mount) -> None:
    look = ["cat", os.fspath(mount.path / ".snapshots" / "v2" / "small" / "3")]
    found = subprocess.run(look, timeout=IN_TIME, capture_output=True, check=False)
    assert found.stdout == b"x3"
    wait_for_its_end(mount)


def test_a_switch_is_made_in_memory_and_the_log_names_who_is_in_the_way(
    handmade: HandmadeRepository, mount: Mount, stopped: int
) -> None:
    found = vfs(handmade, "switch", "v3", "--mount", os.fspath(mount.path))
    assert found.returncode == 0, found.stderr
    assert (mount.path / "small" / "3").read_bytes() == b"y3"
    assert f"process {stopped} (python" in mount.log()


@pytest.mark.parametrize(
    ("revision", "stopped"),
    [("v1", "chunks/index"), ("v2", "catalog"), soak("v1", "catalog"), soak("v2", "chunks/index")],
    indirect=["stopped"],
)
def test_a_second_mount_comes_up_and_both_end(
    revision: str, handmade: HandmadeRepository, mount: Mount, mounts: MountFactory, stopped: int
) -> None:
    second = mounts(handmade.root, revision)
    assert (second.path / "small" / "3").read_bytes() == {"v1": b"3", "v2": b"x3"}[revision]
    assert f"process {stopped} (python" in second.log()
    wait_for_its_end(second)
    wait_for_its_end(mount)


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("revision", [soak("v1"), "v3"])
def test_ls_of_a_commit(revision: str, handmade: HandmadeRepository) -> None:
    found = vfs(handmade, "ls", "--rev", revision, "small")
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == [str(n) for n in range(10)]
