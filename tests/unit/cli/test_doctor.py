"""The checks of `vfs doctor`, shown machines of every kind."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Done
from vfs.config import Settings
from vfs.config.units import GIB, TIB
from vfs.errors import DaemonError
from vfs.fuse.direct.negotiation import Agreement, TooOld
from vfs.mount_table import KernelMount
from vfs_cli.doctor import fuse, machine
from vfs_cli.doctor.finding import State

TABLE = b"""\
20 1 8:1 / / rw - ext4 /dev/sda rw
21 20 0:40 / /home rw - nfs4 server:/home rw
22 20 0:41 / /tmp rw - tmpfs none rw
23 21 8:2 / /home/my\\040disk rw - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("directory", "kind", "state"),
    [
        ("/var/cache/x", "ext4", State.OK),
        ("/home/u/.cache", "nfs4", State.BAD),
        ("/tmp/x", "tmpfs", State.NOTE),
        ("/home/my disk/x", "xfs", State.OK),
        ("/homework", "ext4", State.OK),
    ],
)
def test_where_the_cache_lies(directory: str, kind: str, state: State) -> None:
    assert machine.file_system_of(Path(directory), TABLE) == kind
    assert machine.cache_place(Path(directory), TABLE).state is state


def test_private_views(tmp_path: Path) -> None:
    """Tried in the repository's own place for scratch, if it has one; nothing is left of it."""
    assert machine.scratch_place(None) == machine.scratch_place(tmp_path) != tmp_path
    place = tmp_path / ".dvc" / "tmp"
    place.mkdir(parents=True)
    assert machine.scratch_place(tmp_path) == place
    assert machine.private_view(place).state is State.OK
    assert os.listdir(place) == []
    assert machine.private_view(tmp_path / "nowhere").state is State.NOTE


def test_space() -> None:
    plenty = Settings(Path("/nowhere/cache"), GIB, 0)
    assert machine.cache_space(plenty).state is State.OK
    none = Settings(Path("/nowhere/cache"), GIB, 1000 * TIB)
    assert machine.cache_space(none).state is State.NOTE


def test_open_files() -> None:
    few = machine.open_files((256, 1024))
    assert (few.state, "--nofile=4096:4096" in few.fix) == (State.NOTE, True)
    assert machine.open_files((1024, 1 << 20)).state is State.OK, "a daemon raises it"
    assert machine.open_files((1024, -1)).state is State.OK


def test_open_files_of_a_daemon_that_runs() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as daemon:
        for limits, fix in (
            ((100, 20_000), f"prlimit --pid {daemon.pid} --nofile=4096:"),
            ((100, 1000), f"sudo prlimit --pid {daemon.pid} --nofile=4096:4096"),
        ):
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
            (found,) = machine.daemon_files([(Path("/mnt"), daemon.pid)])
            assert (found.state, found.fix) == (State.NOTE, fix)
            assert "open of 100" in found.message
        assert list(machine.daemon_files([(Path("/mnt"), 1 << 30)])) == []
        assert daemon.stdin is not None
        daemon.stdin.write(b"\n")


def test_memory(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       524288 kB\nMemFree: 1 kB\n")
    assert machine.memory(Settings(Path("/"), 0, 0), tmp_path / "meminfo").state is State.NOTE


def test_runtime_directory() -> None:
    (unset,) = machine.private_directories(None, Path("/tmp/vfs-5"), 5)
    (foreign,) = machine.private_directories("/run/user/1", Path("/tmp/vfs-5"), 5)
    (good,) = machine.private_directories("/run/user/5", Path("/run/user/5/vfs"), 5)
    assert [f.state for f in (unset, foreign, good)] == [State.NOTE, State.NOTE, State.OK]
    assert foreign.fix == "export XDG_RUNTIME_DIR=/run/user/5"


def test_the_fuse_device(tmp_path: Path) -> None:
    assert fuse.fuse_device(tmp_path / "none").state is State.BAD
    assert fuse.fuse_device(tmp_path).state is State.BAD
    (tmp_path / "device").touch()
    assert fuse.fuse_device(tmp_path / "device").state is State.OK


def test_the_right_to_mount(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tvfs\nCapBnd:\t000001ffffffffff\n")
    assert fuse.right_to_mount(status).state is State.OK
    status.write_text("Name:\tvfs\nCapBnd:\t00000000a80425fb\n")  # Docker's default
    found = fuse.right_to_mount(status)
    assert (found.state, "--cap-add SYS_ADMIN" in found.fix) == (State.BAD, True)
    assert fuse.right_to_mount(tmp_path / "none").state is State.OK


@pytest.mark.parametrize(
    ("kind", "outcome", "state", "said"),
    [
        ("auto", Agreement(45, 0, b""), State.OK, "direct, FUSE protocol 7.45"),
        ("pyfuse3", Agreement(45, 0, b""), State.NOTE, "as mount.transport says"),
        ("auto", TooOld(7, 30), State.NOTE, "pyfuse3, which is slower: the kernel's FUSE protocol"),
        ("direct", TooOld(7, 30), State.BAD, "needs 7.31"),
        ("auto", DaemonError("cannot mount", hint="x"), State.BAD, "no mount can be made: cannot"),
    ],
)
def test_which_transport_would_serve(
    kind: str, outcome: Agreement | DaemonError, state: State, said: str
) -> None:
    def tried() -> Agreement:
        if isinstance(outcome, DaemonError):
            raise outcome
        return outcome

    found = fuse.transport(kind, tried)
    assert (found.state, said in found.message) == (state, True), found


@pytest.mark.fuse
def test_the_transport_is_really_tried_and_nothing_is_left_mounted() -> None:
    before = Path("/proc/self/mountinfo").read_bytes()
    found = fuse.transport("auto")
    assert (found.state, "FUSE protocol 7." in found.message) == (State.OK, True), found
    assert b"vfs-try" not in before + Path("/proc/self/mountinfo").read_bytes()


def test_fusermount(tmp_path: Path) -> None:
    assert fuse.fusermount(str(tmp_path)).fix == "sudo apt-get install fuse3"
    (tmp_path / "fusermount3").touch(mode=0o600)
    assert "may not be run by this user" in fuse.fusermount(str(tmp_path)).message
    (tmp_path / "fusermount3").chmod(0o4755)
    assert fuse.fusermount(str(tmp_path)).state is State.OK


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("user_allow_other\n", State.OK),
        ("#user_allow_other\n", State.NOTE),
        (" user_allow_other \n", State.OK),
        ("", State.NOTE),
    ],
)
def test_allow_other(tmp_path: Path, text: str, state: State) -> None:
    config = tmp_path / "fuse.conf"
    config.write_text(text)
    assert fuse.allow_other(config, uid=1000).state is state
    assert fuse.allow_other(tmp_path / "none", uid=0).state is State.OK


def test_kernel_knobs(tmp_path: Path) -> None:
    mount = KernelMount(Path("/mnt/a"), "0:47", 0)
    for name in ("0:47", "47"):
        (tmp_path / name).mkdir()
    (tmp_path / "0:47" / "read_ahead_kb").write_text("128\n")
    (tmp_path / "47" / "max_background").write_text("64\n")
    (slow,) = fuse.read_ahead([mount], 1 << 20, tmp_path)
    assert slow.fix == f"echo 1024 | sudo tee {tmp_path}/0:47/read_ahead_kb"
    (good,) = fuse.max_background([mount], 64, tmp_path)
    assert good.state is State.OK
    (tmp_path / "empty").mkdir()
    (unmounted,) = fuse.max_background([mount], 64, tmp_path / "empty")
    assert "mount -t fusectl" in unmounted.fix
    (missing,) = fuse.max_background([], 64, tmp_path / "none")
    assert "modprobe" in missing.fix
    assert [f.state for f in fuse.dead_mounts([mount])] == [State.BAD]
    assert [f.state for f in fuse.dead_mounts([])] == [State.OK]


def test_the_verb_speaks_json_and_its_code_tells(vfs: Callable[..., Done]) -> None:
    done = vfs("doctor", "--offline", "--json")
    documents = done.documents
    assert {d["type"] for d in documents} == {"check"}
    assert {d["state"] for d in documents} <= {"ok", "note", "bad"}
    assert done.code == (1 if any(d["state"] == "bad" for d in documents) else 0)
    names = {d["name"] for d in documents}
    assert names >= {
        "fuse-device",
        "fusermount3",
        "cache-place",
        "cache-space",
        "open-files",
        "runtime-directory",
    }


def test_a_broken_configuration_is_a_finding(vfs: Callable[..., Done]) -> None:
    file = Path(os.environ["XDG_CONFIG_HOME"]) / "vfs" / "config.yaml"
    file.parent.mkdir()
    file.write_text("cache: {limt: 1}")
    done = vfs("doctor", "--offline")
    assert done.code == 1
    assert "BAD   configuration: " in done.out
    assert "unknown setting 'cache.limt'" in done.out
