"""The kernel's mount table, read and watched."""

import errno
import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.control import mountinfo
from vfs.control.mountinfo import Life, look, orphans, wait_until_unmounted
from vfs.control.registry import MountRecord
from vfs.mount_table import KernelMount, parse_mounts

LINE = (
    b"36 27 0:47 / /mnt/my\\040data\\134x rw,nosuid,nodev,relatime shared:1 master:2 - "
    b"fuse.vfs vfs:/repo ro,user_id=1000,group_id=1000,allow_other\n"
)


def test_a_line_is_read_with_its_escapes_and_optional_fields() -> None:
    expected = KernelMount(Path("/mnt/my data\\x"), "0:47", 1000, "/repo", 1000)
    assert parse_mounts(LINE) == [expected]
    plain = LINE.replace(b" shared:1 master:2", b"")
    assert parse_mounts(plain) == parse_mounts(LINE)


def test_other_types_and_other_options() -> None:
    assert parse_mounts(LINE.replace(b"fuse.vfs", b"fuse.sshfs")) == []
    assert parse_mounts(LINE.replace(b"user_id=1000,", b""))[0].uid is None
    assert parse_mounts(LINE.replace(b" - ", b" ")) == []


def test_names_that_are_not_utf8() -> None:
    (mount,) = parse_mounts(LINE.replace(b"my\\040data", b"\xff"))
    assert os.fsencode(mount.path) == b"/mnt/\xff\\x"


@given(st.binary(max_size=200))
def test_any_table_is_read(table: bytes) -> None:
    parse_mounts(table)
    parse_mounts(LINE[:40] + table + LINE[40:])


def test_orphans_are_ours_and_on_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    table = [KernelMount(Path(f"/m/{uid}"), "0:1", uid) for uid in (0, 5)]
    monkeypatch.setattr(mountinfo, "vfs_mounts", lambda: table)
    record = MountRecord("a", Path("/m/5"), "", "", 1, 0.0, None, Path("/s"))
    assert orphans([], 5) == [table[1]]
    assert orphans([record], 5) == []


def test_waiting_ends_with_the_kernel_s_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real mount (tmpfs, in place of ours) is taken down while we wait for it."""
    if os.geteuid() != 0:
        assert wait_until_unmounted(tmp_path, 0.0)
        return
    monkeypatch.setattr(
        mountinfo,
        "vfs_mounts",
        lambda: parse_mounts(Path("/proc/self/mountinfo").read_bytes(), "tmpfs"),
    )
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    try:
        assert not wait_until_unmounted(tmp_path, 0.0)
        waiting = threading.Timer(0.05, lambda: subprocess.run(["umount", tmp_path], check=True))
        waiting.start()
        assert wait_until_unmounted(tmp_path, 30.0)
        waiting.join()
    finally:
        subprocess.run(["umount", "-q", tmp_path], check=False)


def test_a_look_tells_the_dead_from_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(tmp_path) is Life.ALIVE
    assert look(tmp_path / "missing") is Life.ALIVE
    release = threading.Event()

    def stat(path: Path) -> None:
        if path.name == "dead":
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        if path.name == "foreign":
            raise PermissionError(errno.EACCES, "Permission denied")
        release.wait(30)

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", stat)
        dead, foreign = look(tmp_path / "dead"), look(tmp_path / "foreign")
        hung = look(tmp_path / "hung", 0.02)
        release.set()
    assert (dead, foreign, hung) == (Life.DEAD, Life.ALIVE, Life.SILENT)
