"""Mounts of ordinary users, refusals that name their cause, and daemons that hang."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.fuse.lifecycle import DATA
from vfs.testing.handmade import HandmadeRepository
from vfs.testing.mounts import Mount, MountFactory, daemons, is_mounted
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

_AS_USER = """\
set -eu
mknod -m 666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search \
  --ambient-caps=-all,+dac_read_search -- sh -eu -c '
    "$1" -m vfs_cli mount --transport "$5" --repo "$2" "$3"
    head -c 1000 "$3/big.bin" | cmp - "$4"
    stat -c "stat: %u %a" "$3/big.bin"
    grep -F " $3 " /proc/self/mountinfo
    "$1" -m vfs_cli umount "$3"
  ' sh "$2" "$3" "$4" "$5" "$6"
"""


def test_as_an_ordinary_user(
    repository: HandmadeRepository, sandbox: Sandbox, transport: str
) -> None:
    """Without any right to mount, through fusermount3; in a private mount namespace.

    The namespace has a /dev/fuse that everybody may open, as every desktop and server has it.
    CAP_DAC_READ_SEARCH lets the user reach a Python that may lie in root's home.
    """
    assert os.getuid() == 0, "run as root: as another user every test here proves the same"
    point = sandbox.root / "user-mount"
    point.mkdir()
    head = sandbox.root / "head"
    head.write_bytes(DATA[:1000])
    subprocess.run(["chown", "-R", "65534:65534", sandbox.root], check=True)
    device = Path("/dev") / f"vfs-test-{os.getpid()}"
    device.mkdir()
    try:
        done = sandbox.run(
            [
                "unshare",
                "--mount",
                "sh",
                "-c",
                _AS_USER,
                "sh",
                device,
                sys.executable,
                repository.root,
                point,
                head,
                transport,
            ]
        )
    finally:
        shutil.rmtree(device)
    said = done.stdout.decode()
    assert "stat: 65534 644\n" in said
    line = next(line for line in said.splitlines() if f" {point} " in line)
    assert "user_id=65534" in line
    assert "nosuid" in line


_CLOSED_DEVICE = """set -eu
mknod -m 600 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search \
  --ambient-caps=-all,+dac_read_search -- "$2" -m vfs_cli mount --repo "$3" "$4" $5
"""


@pytest.mark.parametrize("options", ["", "-o allow_other"])
def test_a_refusal_names_its_cause_and_what_mends_it(
    repository: HandmadeRepository, sandbox: Sandbox, options: str
) -> None:
    assert os.getuid() == 0, "run as root: it takes the device away from a user"
    point = sandbox.root / "user-mount"
    point.mkdir()
    subprocess.run(["chown", "-R", "65534:65534", sandbox.root], check=True)
    device = Path("/dev") / f"vfs-closed-{os.getpid()}"
    device.mkdir()
    try:
        done = sandbox.run(
            ["unshare", "--mount", "sh", "-c", _CLOSED_DEVICE, "sh"]
            + [str(word) for word in (device, sys.executable, repository.root, point, options)],
            check=False,
        )
    finally:
        shutil.rmtree(device)
    said = done.stderr.decode()
    assert done.returncode == 19, said
    assert "/dev/fuse may not be opened by this user" in said
    assert "hint: sudo chmod 0666 /dev/fuse" in said
    config = Path("/etc/fuse.conf").read_text()
    allowed = re.search(r"^\s*user_allow_other", config, re.MULTILINE) is not None
    refused = "-o allow_other is refused: user_allow_other is not set in /etc/fuse.conf" in said
    assert refused is (bool(options) and not allowed)


@pytest.fixture
def hung(mount: Mount, mounts: MountFactory) -> Iterator[Mount]:
    """A mount whose daemon does nothing any more."""
    mounts.allow("the control socket or the mount record is gone")
    process = mount.daemon()
    process.suspend()
    yield mount
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


def test_a_hung_daemon_is_detached_lazily(hung: Mount) -> None:
    done = hung.cli("umount", "--lazy", hung.path)
    assert not is_mounted(hung.path)
    assert b"kill" in done.stderr
    hung.start("v1")  # another daemon takes its place
    assert (hung.path / "git.txt").read_bytes() == b"git"


def test_a_hung_daemon_is_named(hung: Mount) -> None:
    """Every command gives up in time, and says what helps."""
    commands: list[list[str | Path]] = [["umount"], ["switch", "v1", "--mount"], ["status"]]
    started = time.monotonic()
    with ThreadPoolExecutor(len(commands)) as pool:
        asked = [pool.submit(hung.cli, *command, hung.path, check=False) for command in commands]
    assert time.monotonic() - started < 25
    for future in asked:
        done = future.result()
        assert done.returncode == 19, done.stderr
        assert b"vfs umount --lazy" in done.stderr
    assert is_mounted(hung.path)


@pytest.mark.parametrize("words", ["", "--json"])
def test_a_mount_that_cannot_be_told_is_none(
    repository: HandmadeRepository, sandbox: Sandbox, words: str
) -> None:
    """Standard output on a full disk, and one that nobody reads."""
    point = sandbox.root / "m"
    point.mkdir()
    program = [sys.executable, "-m", "vfs_cli"]
    argv = [*program, "mount", *words.split(), "--repo", str(repository.root), str(point)]
    reading, writing = os.pipe()
    os.close(reading)
    for out, code in ((os.open("/dev/full", os.O_WRONLY), 74), (writing, 141)):
        with os.fdopen(out, "wb") as stdout:
            done = subprocess.run(
                argv, env=sandbox.environ, stdout=stdout, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == code, done.stderr
        assert b"internal" not in done.stderr
        assert not is_mounted(point)
        assert daemons(sandbox) == []


def test_a_mount_with_everything_closed(
    repository: HandmadeRepository, mounts: MountFactory
) -> None:
    """As some supervisors start programs: what is closed is the null device."""
    mount = mounts.prepare(repository.root)
    mount.path.mkdir()
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "vfs_cli"]
    mount.sandbox.run([*closed, "mount", "--repo", str(repository.root), str(mount.path)])
    assert (mount.path / "big.bin").read_bytes() == DATA
    mount.sandbox.run([*closed, "umount", str(mount.path)])
    assert not is_mounted(mount.path)
