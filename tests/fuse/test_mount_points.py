"""Where a mount may be, and where not."""

import shutil
from pathlib import Path

import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, daemons, is_mounted, vfs
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


def test_second_mount_at_the_same_place(mount: Mount) -> None:
    done = mount.cli("mount", "--repo", str(mount.repository), mount.path, check=False)
    assert done.returncode == 6
    assert (mount.path / "git.txt").read_bytes() == b"git"


def test_mount_options_reach_the_kernel(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounts(repository.root, None, "-o", "noexec,allow_other")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    line = next(line for line in lines if f" {mount.path} " in line)
    assert "noexec" in line.split()[5].split(",")
    assert "allow_other" in line


def test_two_mounts_share_one_cache(mount: Mount, mounts: MountFactory) -> None:
    assert (mount.path / "big.bin").read_bytes() == DATA
    shutil.rmtree(Path(str(mount.repository) + "-remote"))
    other = mounts(mount.repository, "v1")
    assert (other.path / "big.bin").read_bytes() == DATA


@pytest.mark.parametrize("place", ["cache/vfs/inside", "run/vfs", "state/vfs/x"])
def test_own_places_are_refused(
    place: str, repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    point = sandbox.root / place
    point.mkdir(parents=True, exist_ok=True)
    point.chmod(0o700)
    done = vfs(sandbox, "mount", "--repo", repository.root, point, check=False)
    assert done.returncode == 6, done.stderr
    assert not is_mounted(point)


@pytest.mark.parametrize("place", [".dvc/e", ".dvc/tmp/x", ".vfs/e", "sub/.dvc/tmp/x"])
def test_repository_data_is_refused(
    place: str, repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    """In each DVC repository of the working tree, whether or not the revision has it."""
    point = repository.root / place
    point.mkdir(parents=True)
    done = vfs(sandbox, "mount", "--repo", repository.root, "--rev", "v1", point, check=False)
    assert done.returncode == 6, done.stderr
    assert not is_mounted(point)


def test_the_remote_is_refused(repository: HandmadeRepository, sandbox: Sandbox) -> None:
    point = repository.remote / "mnt"
    point.mkdir()
    done = vfs(sandbox, "mount", "--repo", repository.root, point, check=False)
    assert done.returncode == 6, done.stderr


def test_unusable_mount_points(repository: HandmadeRepository, sandbox: Sandbox) -> None:
    full = sandbox.root / "full"
    full.mkdir()
    (full / "mine").write_bytes(b"1")
    for point in (sandbox.root / "missing", full, full / "mine"):
        done = vfs(sandbox, "mount", "--repo", repository.root, point, check=False)
        assert done.returncode == 6, done.stderr
        assert str(point).encode() in done.stderr
    assert daemons(sandbox) == []


def test_not_a_repository(sandbox: Sandbox) -> None:
    point = sandbox.root / "m"
    point.mkdir()
    done = vfs(sandbox, "mount", "--repo", sandbox.root / "home", point, check=False)
    assert done.returncode == 3, done.stderr
    assert daemons(sandbox) == []


def test_a_mount_inside_the_work_tree(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root, name="repository/mnt")
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert not (mount.path / "mnt").exists()


def test_mount_point_with_an_odd_name(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root, name="odd näme\\ #1")
    assert (mount.path / "git.txt").read_bytes() == b"git"
    mount.switch("v1")
