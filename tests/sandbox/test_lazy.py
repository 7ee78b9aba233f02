"""A private view over a real mount of vfs: the command finds data that nobody downloaded."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import AS_USER, World, as_root, as_user
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import MountFactory

pytestmark = pytest.mark.fuse

BIG = hashlib.shake_128(b"big").digest(8 << 20)


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(
        plain={"git.txt": b"git", "gone.txt": b"gone"},
        files={"big.bin": BIG, "small.txt": b"lazy"},
        tag="v1",
    )
    return handmade


@as_root
def test_reads_stream_and_the_tree_wins(
    world: World, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounts(repository.root, "v1")
    world.write("git.txt", "mine")
    world.write("small.txt", "here")
    done = world.run(
        "cat git.txt small.txt; md5sum < big.bin; ls; tail -c 5 big.bin | md5sum",
        "head -c 9 big.bin > part; printf X | dd of=big.bin conv=notrunc status=none; echo > new; cp gone.txt same",
        below=[str(mount.path)],
        hide=["gone.txt", "nowhere"],
    )
    digest = hashlib.md5(BIG).hexdigest()
    names = ["big.bin", "big.bin.dvc", "git.txt", "small.txt", "small.txt.dvc"]
    assert done.output.splitlines()[:1] == [f"minehere{digest}  -"]
    assert done.output.splitlines()[1:-1] == names
    assert "gone.txt" in done.errors
    assert done.what == {"big.bin": "modified", "new": "created", "part": "created"}
    assert done.of("big.bin")[4] == len(BIG)
    assert sorted(os.listdir(world.tree)) == [".dvc", ".git", "git.txt", "small.txt"]


@as_root
def test_copied_up_and_the_same(
    world: World, repository: HandmadeRepository, mounts: MountFactory
) -> None:
    """What lies below is read where it lies, and a mode that only the mount's own is stays a change of mode."""
    mount = mounts(repository.root, "v1")
    done = world.run(": >> big.bin; rm small.txt; chmod 700 git.txt", below=[str(mount.path)])
    assert done.what == {"git.txt": "mode", "small.txt": "deleted"}


_MOUNTED = """set -eu
mknod -m 666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
repo=$1 point=$2; shift 2
exec {} sh -eu -c '
  {} -m vfs_cli mount --repo "$0" "$1" >&2
  point=$1; shift
  "$@"; {} -m vfs_cli umount "$point" >&2
' "$repo" "$point" "$@"
"""


@as_user
def test_as_an_ordinary_user(world: World, repository: HandmadeRepository) -> None:
    """Whose mount nobody else may look into, root neither; see `test_lifecycle.py`."""
    point = world.sandbox.root / "point"
    point.mkdir()
    device = Path("/dev") / f"vfs-test-{os.getpid()}"
    device.mkdir()
    words = world.argv("cat git.txt; md5sum < big.bin; echo > big.bin", below=[str(point)])
    script = _MOUNTED.format(" ".join(AS_USER), sys.executable, sys.executable)
    where = [str(path) for path in (device, repository.root, point)]
    words = ["unshare", "-m", "sh", "-c", script, "sh", *where, *words[len(AS_USER) :]]
    try:
        ran = subprocess.run(words, env=world.environ, capture_output=True, check=False, cwd="/")
    finally:
        shutil.rmtree(device)
    assert ran.returncode == 0, ran.stderr.decode()
    world.nothing_is_left()  # the daemon too, which ends after its mount
    done = world.result(ran.stdout.decode(), ran.stderr.decode())
    assert done.output == f"git{hashlib.md5(BIG).hexdigest()}  -\n"
    assert done.what == {"big.bin": "modified"}
