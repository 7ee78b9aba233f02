"""A mount whose daemon may open few files, and has read many of the DVC cache."""

import os
import resource
import shutil

import pytest

from vfs.descriptors import MOST
from vfs.testing.handmade import HandmadeRepository, md5
from vfs.testing.mounts import Mount, MountFactory

pytestmark = pytest.mark.fuse

FILES = {f"{n}": b"%d" % n for n in range(400)}


def mounted(handmade: HandmadeRepository, mounts: MountFactory) -> Mount:
    """All files lie in the DVC cache, but for one, which the remote has."""
    handmade.commit(files={"last.bin": b"last"}, directories={"small": FILES}, tag="v1")
    cache = handmade.root / ".dvc" / "cache"
    shutil.copytree(handmade.remote, cache)
    (cache / "files" / "md5" / md5(b"last")[:2] / md5(b"last")[2:]).unlink()
    return mounts(handmade.root, "v1")


def limit(mount: Mount, soft: int) -> None:
    pid = mount.daemon().pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def test_a_daemon_takes_what_it_may_have(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[1]), before[1]))
    try:
        mount = mounted(handmade, mounts)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    soft, hard = resource.prlimit(mount.daemon().pid, resource.RLIMIT_NOFILE)
    assert soft == (MOST if hard == resource.RLIM_INFINITY else min(hard, MOST))
    found = mount.cli("doctor", "--offline", check=False).stdout.decode()
    assert f"{mount.path} (process {mount.daemon().pid}) has " in found


def test_more_files_are_read_than_may_be_open(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    mount = mounted(handmade, mounts)
    limit(mount, 160)
    for name, content in FILES.items():
        assert (mount.path / "small" / name).read_bytes() == content
    assert mount.daemon().num_fds() < 130
    assert (mount.path / "last.bin").read_bytes() == b"last"
    for name, content in FILES.items():
        with (mount.path / "small" / name).open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert file.read() == content


@pytest.mark.parametrize("kept", [0, 100])
def test_a_mount_without_a_free_descriptor_answers_and_ends(
    handmade: HandmadeRepository, mounts: MountFactory, kept: int
) -> None:
    mount = mounted(handmade, mounts)
    for name in list(FILES)[:kept]:
        assert (mount.path / "small" / name).read_bytes() == FILES[name]
    limit(mount, mount.daemon().num_fds())
    assert mount.cli("status").returncode == 0
    assert (mount.path / "last.bin").read_bytes() == b"last"
    mount.umount()
