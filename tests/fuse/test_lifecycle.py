"""How a mount begins and ends."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from vfs.control.unmount import unmount
from vfs.errors import MountPointRefused
from vfs.testing.handmade import HandmadeRepository, pointer
from vfs.testing.mounts import Mount, MountFactory, daemons, is_mounted, read_logs, vfs, wait_until
from vfs.testing.processes import wait_ended
from vfs.testing.sandbox import Sandbox

pytestmark = pytest.mark.fuse

DATA = bytes(range(256)) * 3_000


@pytest.fixture
def repository(handmade: HandmadeRepository) -> HandmadeRepository:
    handmade.commit(plain={"git.txt": b"git"}, files={"big.bin": DATA}, tag="v1")
    return handmade


@pytest.fixture
def mount(repository: HandmadeRepository, mounts: MountFactory) -> Mount:
    return mounts(repository.root)


def gone(mount: Mount, process: psutil.Process) -> None:
    wait_until(lambda: not is_mounted(mount.path), "the mount to go")
    assert not wait_ended([process], 60)
    run = Path(mount.sandbox.environ["XDG_RUNTIME_DIR"]) / "vfs"
    assert list(run.glob("*.sock")) == []
    assert list(run.glob("*.json")) == []


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
def test_root_unmounts_without_fusermount3(
    mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = mount.daemon()
    umount = shutil.which("umount")
    assert umount is not None
    (tmp_path / "umount").symlink_to(umount)
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
    with (mount.path / "big.bin").open("rb", buffering=0):
        mount.cli("umount", "--lazy", mount.path)
        mount.start("v1")
        process.terminate()
        assert not wait_ended([process], 60)
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert mount.daemon().is_running()


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


def test_a_mount_inside_the_work_tree(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root, name="repository/mnt")
    assert (mount.path / "big.bin").read_bytes() == DATA
    assert not (mount.path / "mnt").exists()


def test_mount_point_with_an_odd_name(repository: HandmadeRepository, mounts: MountFactory) -> None:
    mount = mounts(repository.root, name="odd näme\\ #1")
    assert (mount.path / "git.txt").read_bytes() == b"git"
    mount.switch("v1")


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


_AS_USER = """\
set -eu
mknod -m 666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,+dac_read_search \
  --ambient-caps=-all,+dac_read_search -- sh -eu -c '
    "$1" -m vfs_cli mount --repo "$2" "$3"
    head -c 1000 "$3/big.bin" | cmp - "$4"
    stat -c "stat: %u %a" "$3/big.bin"
    grep -F " $3 " /proc/self/mountinfo
    "$1" -m vfs_cli umount "$3"
  ' sh "$2" "$3" "$4" "$5"
"""


def test_as_an_ordinary_user(repository: HandmadeRepository, sandbox: Sandbox) -> None:
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
