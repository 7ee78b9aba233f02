"""The runtime directory vanishes or fills while mounted: the mount lives on, and can be controlled again."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, is_mounted, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"n.txt": b"1"}, files={"big.bin": b"data" * 1000}, tag="v1")
    handmade.sandbox.git(handmade.root, "reset", "--hard", "-q")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    mounts.allow(r"WARNING vfs.daemon: .*(control socket|mount record)")
    return mounts(repository.root, "worktree")


def runtime_dir(sandbox: Sandbox) -> Path:
    return Path(sandbox.environ["XDG_RUNTIME_DIR"])


def edit(repository: HandmadeRepository, mount: Mount, data: bytes) -> None:
    """Change a tracked file and wait until the mount, which follows the working tree, shows it."""
    (repository.root / "n.txt").write_bytes(data)
    wait_until(lambda: (mount.path / "n.txt").read_bytes() == data, "the edit to be followed")


def test_it_vanishes(repository: HandmadeRepository, mount: Mount) -> None:
    """As at a logout; the directory of the next login has the mount on record again."""
    process = mount.daemon()
    shutil.rmtree(runtime_dir(mount.sandbox))
    edit(repository, mount, b"2, twice as long")
    assert process.is_running()
    runtime_dir(mount.sandbox).mkdir(mode=0o700)
    records = runtime_dir(mount.sandbox) / "vfs"
    wait_until(lambda: list(records.glob("*.json")), "the record to be back")
    assert mount.daemon() == process
    mount.switch("v1")
    assert (mount.path / "n.txt").read_bytes() == b"1"
    mount.umount()
    assert list(records.glob("*.sock")) + list(records.glob("*.json")) == []


def test_it_vanishes_and_the_daemon_is_told_to_end(mount: Mount) -> None:
    process = mount.daemon()
    shutil.rmtree(runtime_dir(mount.sandbox))
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_mounted(mount.path), "the mount to go")
    assert not wait_ended([process], 60)


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[Path]:
    """A runtime directory on a file system of 64 KiB."""
    place = runtime_dir(sandbox)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> None:
    free = os.statvfs(place)
    with (place / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)


def test_it_fills_up(small: Path, repository: HandmadeRepository, mount: Mount) -> None:
    process = mount.daemon()
    fill(small)
    edit(repository, mount, b"2, twice as long")
    mount.switch("v1")
    assert (mount.path / "n.txt").read_bytes() == b"1"
    mount.switch("worktree")
    edit(repository, mount, b"3, and longer still")
    assert process.is_running()
    (small / "filler").unlink()
    mount.umount()


def test_it_is_full_from_the_start(
    small: Path, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    fill(small)
    mounts.allow("no mount record here")
    mount = mounts.prepare(repository.root)
    mount.path.mkdir()
    done = mount.cli("mount", "--repo", str(repository.root), mount.path, check=False)
    assert done.returncode == 19, done.stderr
    assert b"internal" not in done.stderr
    assert not is_mounted(mount.path)
