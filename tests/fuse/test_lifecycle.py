"""How a mount begins and ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fuse.lifecycle import DATA, gone
from vfs.control.unmount import unmount
from vfs.errors import MountPointRefused
from vfs.testing.handmade import HandmadeRepository, pointer
from vfs.testing.mounts import Mount, MountFactory, daemons, is_mounted, read_logs, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse


def test_umount_command(mount: Mount) -> None:
    process = mount.daemon()
    mount.umount()
    assert not is_mounted(mount.path)
    gone(mount, process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(mount: Mount, number: signal.Signals) -> None:
    process = mount.daemon()
    assert (mount.path / "big.bin").read_bytes() == DATA
    process.send_signal(number)
    gone(mount, process)


def test_umount_8(mount: Mount) -> None:
    process = mount.daemon()
    subprocess.run(["fusermount3", "-u", mount.path], check=True)
    gone(mount, process)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may unmount without a helper")
def test_root_unmounts_without_helpers(
    mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = mount.daemon()
    monkeypatch.setenv("PATH", str(tmp_path))
    with open(mount.path / "big.bin", "rb"), pytest.raises(MountPointRefused, match="busy"):
        unmount(mount.path, lazy=False)
    unmount(mount.path, lazy=False)
    gone(mount, process)


def test_umount_8_lazily_with_a_file_open(mount: Mount) -> None:
    process = mount.daemon()
    with (mount.path / "big.bin").open("rb", buffering=0) as file:
        assert file.read(10) == DATA[:10]
        subprocess.run(["fusermount3", "-u", "-z", mount.path], check=True)
        assert os.pread(file.fileno(), len(DATA), 0) == DATA
    gone(mount, process)


def test_umount_lazily_keeps_open_files(mount: Mount) -> None:
    """They stay readable to their end, while another mount takes the place; then the daemon ends."""
    process = mount.daemon()
    with (mount.path / "big.bin").open("rb", buffering=0) as file:
        mount.cli("umount", "--lazy", mount.path)
        assert not is_mounted(mount.path)
        assert bytes(mount.path) not in mount.cli("status", check=False).stdout
        mount.start("v1")
        assert os.pread(file.fileno(), len(DATA), 0) == DATA
        assert process.is_running()
    assert not wait_ended([process], 60)
    successor = mount.daemon()
    assert (mount.path / "big.bin").read_bytes() == DATA
    mount.umount()
    gone(mount, successor)


def test_a_detached_daemon_that_is_told_to_stop_leaves_its_successor_alone(mount: Mount) -> None:
    process = mount.daemon()
    file = (mount.path / "big.bin").open("rb", buffering=0)
    try:
        mount.cli("umount", "--lazy", mount.path)
        mount.start("v1")
        process.terminate()
        assert not wait_ended([process], 60)
    finally:
        with suppress(OSError):  # nobody is there to hear of it
            file.close()
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert mount.daemon().is_running()


def test_the_place_is_free_once_others_detached_the_mount(mount: Mount) -> None:
    """As after `vfs umount --lazy`, a moment later."""
    process = mount.daemon()
    with (mount.path / "big.bin").open("rb", buffering=0) as file:
        subprocess.run(["fusermount3", "-u", "-z", mount.path], check=True)
        wait_until(lambda: "took the mount off" in mount.log(), "the daemon to see it")
        mount.start("v1")
        assert os.pread(file.fileno(), len(DATA), 0) == DATA
        process.terminate()
        assert not wait_ended([process], 60)
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert mount.daemon().is_running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may abort a mount")
def test_an_aborted_mount_leaves_nothing_dead(mount: Mount) -> None:
    process = mount.daemon()
    with (mount.path / "big.bin").open("rb"):
        subprocess.run(["umount", "-f", mount.path], check=False)  # busy, so it stays mounted
        gone(mount, process)


def test_umount_lazily_with_nothing_open(mount: Mount) -> None:
    process = mount.daemon()
    mount.cli("umount", "--lazy", mount.path)
    gone(mount, process)


def test_busy_mount_is_not_torn_away(mount: Mount) -> None:
    with (mount.path / "big.bin").open("rb"):
        done = mount.umount(check=False)
        assert done.returncode not in (0, 1)
        assert is_mounted(mount.path)
    mount.umount()


def test_killed_daemon_can_be_replaced(mount: Mount) -> None:
    process = mount.daemon()
    process.kill()
    assert not wait_ended([process], 60)
    assert is_mounted(mount.path)
    mount.start("v1")
    assert (mount.path / "big.bin").read_bytes() == DATA


def test_killed_daemon_can_be_unmounted(mount: Mount) -> None:
    process = mount.daemon()
    process.kill()
    assert not wait_ended([process], 60)
    mount.umount()
    gone(mount, process)


def test_killed_daemon_is_named(mount: Mount) -> None:
    """Also in the repository, where nothing but the kernel's mount table still knows of the mount."""
    process = mount.daemon()
    process.kill()
    assert not wait_ended([process], 60)
    for words in (["status", mount.path], ["switch", "v1"], ["umount"]):
        argv = [sys.executable, "-m", "vfs_cli", *words]
        done = mount.sandbox.run(argv, cwd=Path(mount.repository), check=False)
        assert done.returncode == 19, words
        assert f"vfs umount {mount.path}" in done.stderr.decode()


def test_a_killed_daemon_is_listed(mount: Mount) -> None:
    """Whoever asks what is mounted gets an answer, also of what another session left behind."""
    process = mount.daemon()
    process.kill()
    assert not wait_ended([process], 60)
    sessions = (mount.sandbox.environ["XDG_RUNTIME_DIR"], str(mount.sandbox.root / "other"))
    Path(sessions[1]).mkdir(mode=0o700)
    for session in sessions:
        environ = {**mount.sandbox.environ, "XDG_RUNTIME_DIR": session}
        argv = [sys.executable, "-m", "vfs_cli", "status", "--mounts"]
        done = subprocess.run(argv, env=environ, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert f"dead: vfs umount {mount.path}" in done.stdout.decode()


def test_what_is_wrong_with_a_commit_is_told_by_the_next_daemon_too(
    handmade: HandmadeRepository, mounts: MountFactory
) -> None:
    """It is found once for as long as the snapshot is kept, and again by who starts anew."""
    mounts.allow("bad.dvc", "is tracked by Git and is an output of")
    tracked = pointer("f", handmade.put(b"dvc"), 3)
    handmade.commit_raw({"bad.dvc": b"- 1\n", "f.dvc": tracked, "f": b"git"})
    mount = mounts(handmade.root)
    told = []
    for _ in range(2):
        status = json.loads(mount.cli("status", "--json", mount.path).stdout)
        assert [(p["path"], p["severity"], p["heals"]) for p in status["problem_list"]] == [
            ("bad.dvc", "broken", False),
            ("f", "note", False),
        ]
        doctor = mount.cli("doctor", "--mount", mount.path, check=False).stdout
        assert b"bad.dvc" in doctor
        assert b"is tracked by Git and is an output of" in doctor
        told.append(status["problem_list"])
        mount.umount()
        mount.start()
    assert told[0] == told[1]


def test_prefetch_through_a_mount(mount: Mount) -> None:
    """Its daemon selects, fetches and pins."""
    done = mount.cli("prefetch", "--mount", mount.path, "--pin", "x", ":/big.bin", "--json")
    assert json.loads(done.stdout)["fetched_files"] == 1
    chunks = -(-len(DATA) // (256 << 10))
    pin = {"type": "pin", "name": "x", "chunks": chunks}
    assert json.loads(mount.cli("cache", "pins", "--json").stdout) == pin
    done = mount.cli("prefetch", "--mount", mount.path, "--glob", "no*", check=False)
    assert done.returncode == 5
    assert b"nothing matches 'no*'" in done.stderr


_UNHEARD = """
import os
import sys
from pathlib import Path
from vfs.control.registry import MountOptions
from vfs.daemon import start

def unheard(read, *rest):
    while b'"mountpoint"' not in read(65536):
        pass
    os._exit(7)  # the mount is made, and nobody has heard of it


start._await_ready = unheard
options = MountOptions()
start.start_mount(sys.argv[1], "HEAD", Path(sys.argv[2]), options, False, print, print)
"""


def test_a_mount_nobody_has_heard_of_is_taken_down(
    repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    point = sandbox.root / "m"
    point.mkdir()
    done = sandbox.run([sys.executable, "-c", _UNHEARD, repository.root, point], check=False)
    assert done.returncode == 7
    wait_until(lambda: not daemons(sandbox), "the daemon to end")
    assert not is_mounted(point)


_EARLY = """
import os
import signal
import sys
from pathlib import Path
from vfs.control.registry import MountOptions
from vfs.daemon.request import MountRequest
from vfs.daemon.run import run_reporting
from vfs.daemon.service import Service
mount = Service.mount


def told_at_once(self):
    mount(self)
    os.kill(os.getpid(), signal.SIGTERM)  # before the event loop listens


Service.mount = told_at_once
sys.exit(run_reporting(MountRequest(sys.argv[1], "HEAD", Path(sys.argv[2]), MountOptions())))
"""


def test_a_signal_between_mount_and_service(
    repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    point = sandbox.root / "m"
    point.mkdir()
    sandbox.run([sys.executable, "-c", _EARLY, repository.root, point])
    assert not is_mounted(point)


_CRASH = """
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from vfs.control.registry import MountOptions
from vfs.daemon.request import MountRequest
from vfs.daemon.run import Reporter, run_reporting
Reporter.ready = lambda *result: 1 / 0  # a bug, once it is mounted
sys.exit(run_reporting(MountRequest(sys.argv[1], "HEAD", Path(sys.argv[2]), MountOptions())))
"""


def test_a_crash_is_in_the_log_and_leaves_no_mount(
    repository: HandmadeRepository, sandbox: Sandbox
) -> None:
    point = sandbox.root / "m"
    point.mkdir()
    done = sandbox.run([sys.executable, "-c", _CRASH, repository.root, point], check=False)
    assert done.returncode == 70
    assert "ZeroDivisionError: division by zero" in read_logs(sandbox)
    assert not is_mounted(point)


def test_cache_removed_while_mounted(mount: Mount, mounts: MountFactory) -> None:
    mounts.allow("deleted while in use", "chunks.*No such file")
    # what it was at when its files went
    mounts.allow("could not be sealed", "fetching it again", "cannot check", "cannot look through")
    assert (mount.path / "big.bin").read_bytes() == DATA
    cache = Path(mount.sandbox.environ["XDG_CACHE_HOME"]) / "vfs"
    wait_until(lambda: _is_removed(cache), "the cache is gone, though the daemon still stores")
    descriptor = os.open(mount.path / "big.bin", os.O_RDONLY | os.O_DIRECT)
    os.close(descriptor)
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert (mount.path / "git.txt").read_bytes() == b"git"
    mount.switch("v1")
    mount.umount()
    mount.start("v1")
    assert (mount.path / "big.bin").read_bytes() == DATA


def test_somebody_looks_at_it_for_a_moment(mount: Mount) -> None:
    descriptor = os.open(mount.path, os.O_RDONLY)
    leaving = threading.Timer(0.2, os.close, [descriptor])
    leaving.start()
    try:
        mount.umount()
    finally:
        leaving.join()
    assert not is_mounted(mount.path)


def _is_removed(directory: Path) -> bool:
    """As `rm -rf` given again: a directory that somebody still fills is not empty at the first try."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def test_foreground(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts.prepare(repository.root)
    mount.path.mkdir()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "vfs_cli",
            "mount",
            "--foreground",
            "--repo",
            str(repository.root),
            str(mount.path),
        ],
        env=mount.sandbox.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        wait_until(lambda: is_mounted(mount.path), "the mount")
        assert (mount.path / "git.txt").read_bytes() == b"git"
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in output
    assert not is_mounted(mount.path)
