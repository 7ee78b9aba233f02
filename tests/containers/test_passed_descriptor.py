"""A daemon in fresh namespaces serves a mount that was made before it, through the descriptor it is given."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.conftest import ONE, TWO, MakePod
from tests.containers.namespaces import USER, VFS, Namespace, give
from vfs.errors import MountPointRefused, UsageError
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import wait_until
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

_MOUNT = """
mkdir -p "$1"
exec mount -i -t fuse.vfs -o "ro,nosuid,nodev,fd=$0,rootmode=40000,user_id=65534,group_id=65534,default_permissions,allow_other" vfs:test "$1"
"""


@pytest.fixture
def fuse(node: Namespace, point: Path) -> Iterator[int]:
    """A descriptor of a mount on the node that waits for its daemon."""
    number = os.open("/dev/fuse", os.O_RDWR)
    subprocess.run(
        [*node.enter, "sh", "-euc", _MOUNT, str(number), point], pass_fds=[number], check=True
    )
    yield number
    os.close(number)


@pytest.fixture
def pod_with_it(
    pod: MakePod, fuse: int, repository: HandmadeRepository, sandbox: Sandbox
) -> MakePod:
    give(sandbox)
    return pod


def test_serves_switches_and_ends(
    pod_with_it: MakePod, fuse: int, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    """In the background, and then killed with its whole process namespace."""
    serving = pod_with_it(fuse)
    assert "CapEff:\t0000000000000000" in serving.sh("cat /proc/self/status")
    said = serving.vfs(f"mount --fuse-fd {fuse} --repo {repository.root} --rev v1 {point}")
    assert said == f"{point} shows v1 of {repository.root}\n"
    serving.sh(f"exec {fuse}>&-")
    os.dup2(os.open(os.devnull, os.O_RDWR), fuse)  # nobody but the daemon has it now
    assert node.read(point / "big.bin") == ONE
    assert os.stat(f"/proc/{node.process.pid}/root{point}/big.bin").st_uid == USER
    serving.vfs(f"switch v2 --mount {point}")
    assert node.read(point / "big.bin") == TWO
    code, said = serving.ends(f"{' '.join(VFS)} umount {point}")
    assert code == MountPointRefused.exit_code, said
    assert "by another process" in said
    serving.close()
    wait_until(lambda: _is_dead(node, point), "the mount of a daemon that ended")
    node.run("umount", point)


@pytest.mark.timeout(60)
def test_ends_in_the_foreground_when_its_mount_is_taken_down(
    pod_with_it: MakePod, fuse: int, node: Namespace, repository: HandmadeRepository, point: Path
) -> None:
    """In every namespace: a copy of the mount in one that nothing propagates to would keep it alive."""
    serving = pod_with_it(fuse, propagation="slave")
    words = f"mount --foreground --fuse-fd {fuse} --repo {repository.root} {point}"
    assert serving.process.stdin is not None
    serving.process.stdin.write(f"{' '.join(VFS)} {words} >/dev/null 2>&1; echo ended: $?\n")
    serving.process.stdin.flush()
    assert node.read(point / "git.txt") == b"two"
    node.run("umount", point)
    assert serving.process.stdout is not None
    assert serving.process.stdout.readline() == "ended: 0\n"


def test_what_is_no_descriptor_of_fuse_is_refused(
    pod: MakePod, repository: HandmadeRepository, point: Path
) -> None:
    serving = pod()
    vfs = f"{' '.join(VFS)} mount --repo {repository.root}"
    for words, reason in (
        (f"--fuse-fd 77 {point}", "descriptor 77 is not open here"),
        (f"--fuse-fd 8 {point} 8</dev/null", "descriptor 8 is not one of /dev/fuse"),
        (f"--fuse-fd 8 --fuse-socket s {point}", "exclude each other"),
    ):
        code, said = serving.ends(f"{vfs} {words}")
        assert code == UsageError.exit_code, said
        assert reason in said


def test_options_are_for_who_mounted(
    pod_with_it: MakePod, fuse: int, repository: HandmadeRepository, point: Path
) -> None:
    words = f"mount --fuse-fd {fuse} -o allow_other --repo {repository.root} {point}"
    code, said = pod_with_it(fuse).ends(f"{' '.join(VFS)} {words}")
    assert code == UsageError.exit_code, said
    assert "those it was made with" in said


def _is_dead(node: Namespace, point: Path) -> bool:
    return "not connected" in node.run("stat", "-f", point, check=False).stderr
