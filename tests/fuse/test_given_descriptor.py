"""A descriptor of /dev/fuse that somebody else mounted: who serves it needs no right to mount."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fuse.lifecycle import DATA
from vfs.sandbox import kernel
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import is_mounted, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


@pytest.fixture
def given(sandbox: Sandbox) -> Iterator[tuple[int, Path]]:
    """A descriptor, and where it is mounted."""
    point = sandbox.root / "given"
    point.mkdir()
    device = os.open("/dev/fuse", os.O_RDWR)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions" % device
    flags = kernel.NOSUID | kernel.NODEV | kernel.READ_ONLY
    kernel.mount(b"given", bytes(point), b"fuse.vfs", flags, options)
    try:
        yield device, point
    finally:
        os.close(device)
        kernel.detach(bytes(point))


def vfs(sandbox: Sandbox, device: int, *words: str | Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "vfs_cli", *words], env=sandbox.environ, pass_fds=[device]
    )


def test_in_the_foreground(
    repository: HandmadeRepository, sandbox: Sandbox, given: tuple[int, Path]
) -> None:
    """Without the capability to mount; the mount is left to whoever made it."""
    device, point = given
    words = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"]
    words += [sys.executable, "-m", "vfs_cli", "mount", "-f", "--repo", str(repository.root)]
    with subprocess.Popen(
        [*words, f"/dev/fd/{device}"], env=sandbox.environ, pass_fds=[device]
    ) as served:
        assert (point / "big.bin").read_bytes() == DATA
        assert os.listdir(point)
        served.send_signal(signal.SIGTERM)
        assert served.wait(60) == 0
    assert is_mounted(point)


def test_in_the_background(
    repository: HandmadeRepository, sandbox: Sandbox, given: tuple[int, Path]
) -> None:
    device, point = given
    name = f"/dev/fd/{device}"
    assert vfs(sandbox, device, "mount", "--repo", repository.root, name).wait(60) == 0
    try:
        assert (point / "big.bin").read_bytes() == DATA
        repository.commit(plain={"git.txt": b"new"}, files={"big.bin": b"other"}, tag="v2")
        assert vfs(sandbox, device, "switch", "v2", "--mount", name).wait(60) == 0
        assert (point / "big.bin").read_bytes() == b"other"
        records = list(Path(sandbox.environ["XDG_RUNTIME_DIR"]).glob("vfs/*.json"))
        assert len(records) == 1
    finally:
        assert vfs(sandbox, device, "umount", name).wait(60) == 0
    wait_until(lambda: not records[0].exists(), "the daemon to end")
    assert not wait_ended(
        [p for p in psutil.process_iter() if "vfs.daemon" in _words(p, sandbox)], 60
    )


def _words(process: psutil.Process, sandbox: Sandbox) -> list[str]:
    try:
        ours = process.environ().get("XDG_RUNTIME_DIR") == sandbox.environ["XDG_RUNTIME_DIR"]
        return process.cmdline() if ours else []
    except psutil.Error:
        return []


def test_one_that_is_not_mounted(repository: HandmadeRepository, sandbox: Sandbox) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    try:
        served = vfs(sandbox, device, "mount", "-f", "--repo", repository.root, f"/dev/fd/{device}")
        assert served.wait(60) not in (0, 70)
    finally:
        os.close(device)
