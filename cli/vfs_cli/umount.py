"""`vfs umount`: stop daemons and take their mounts down, also those whose daemon died."""

import contextlib
import os
import select
from pathlib import Path

import click

from vfs.config import runtime_dir
from vfs.control.client import call, peer_process
from vfs.control.mountinfo import Life, look, orphans, wait_until_unmounted
from vfs.control.registry import MountRecord, find_mounts, unregister
from vfs.control.unmount import unmount
from vfs.errors import DaemonError, MountPointRefused, NoSuchMount, UsageError, VfsError
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT
from vfs_cli.target import mounted

_ANSWER_SECONDS = 30.0
_LAZY_SECONDS = 3.0
_GONE_SECONDS = 10.0
_SILENCE_SECONDS = 2.0


@click.command(
    "umount",
    cls=VerbCommand,
    examples=(
        ("vfs umount /mnt/data", "one mount"),
        ("vfs umount --all", "every mount of this user, dead ones too"),
        (
            "vfs umount --lazy /mnt/data",
            "now, although files are open; they stay readable until closed",
        ),
    ),
    exits=(*MOUNT, MountPointRefused),
)
@click.argument("mountpoint", type=MOUNT_POINT, required=False)
@click.option("--all", "everything", is_flag=True, help="Every mount of this user.")
@click.option("--lazy", is_flag=True, help="Detach now; what is open there stays readable.")
@json_option
def command(mountpoint: str | None, everything: bool, lazy: bool, as_json: bool) -> None:
    """Take a mount down.

    Without MOUNTPOINT: the mount this directory belongs to. Returns when the mount is gone and its daemon has ended; with --lazy, the
    daemon ends when the last file open there is closed.
    """
    output = Output(as_json)
    if everything and mountpoint is not None:
        raise UsageError("--all and a mount point exclude each other")
    if everything:
        _everything(output, lazy)
        return
    cwd = Path.cwd()
    dead = None if mountpoint is None else _dead_at(cwd / mountpoint)
    if dead is not None:
        unmount(dead, lazy=True)
        _done(output, dead)
        return
    record = mounted(mountpoint, cwd)
    _stop(output, record, lazy)


def _stop(output: Output, record: MountRecord, lazy: bool) -> None:
    obeyed = stop(record, lazy=lazy)
    _done(output, record.mountpoint)
    if not obeyed:
        output.note(f"its daemon (process {record.pid}) hangs: kill -9 {record.pid}")


def stop(record: MountRecord, *, lazy: bool) -> bool:
    """Ask a daemon to unmount and end; wait until both have happened.

    If `lazy`: wait until it has detached the mount only, and take the mount away from one that hangs.

    Returns:
        Whether the daemon did it; if not, it hangs still.

    Raises:
        DaemonError: it refuses (files are open), or the mount is still there afterwards.
    """
    process = _process(record)
    try:
        try:
            call(record, "stop", {"lazy": lazy}, timeout=_LAZY_SECONDS if lazy else _ANSWER_SECONDS)
        except DaemonError as error:
            if error.code != DaemonError.code:
                raise
            # The daemon may end before its answer is out; what counts is whether the mount is gone.
            if not _over(record):
                if not lazy:
                    raise
                _take_away(record)
                return False
        if not wait_until_unmounted(record.mountpoint, _GONE_SECONDS):
            raise DaemonError(
                f"{record.mountpoint}: is still mounted",
                hint=f"close what is open there, or: vfs umount --lazy {record.mountpoint}",
            )
        if process is not None and not lazy:
            _await_end(process)
        return True
    finally:
        if process is not None:
            os.close(process)


def _everything(output: Output, lazy: bool) -> None:
    """Take all mounts down, going on after one that refuses; the last refusal is raised, earlier ones are shown."""
    records = find_mounts()
    unknown = orphans(records, os.geteuid())
    refused: VfsError | None = None
    for record in records:
        try:
            _stop(output, record, lazy)
        except VfsError as error:
            if refused is not None:
                output.note(refused.message)
            refused = error
            if str(record.mountpoint) not in error.message:
                error.message = f"{record.mountpoint}: {error.message}"
    for mount in unknown:
        if (
            look(mount.path) is Life.DEAD
        ):  # a live one belongs to another session, a silent one may recover
            unmount(mount.path, lazy=True)
            _done(output, mount.path)
    if refused is not None:
        raise refused


def _dead_at(path: Path) -> Path | None:
    """The mount point, if a mount of ours lies exactly there that is on no record and does not answer.

    Raises:
        NoSuchMount: it answers, so it is another session's to stop.
    """
    plain = Path(os.path.normpath(path))
    plain = Path(os.path.realpath(plain.parent)) / plain.name
    found = [mount.path for mount in orphans(find_mounts(), os.geteuid()) if mount.path == plain]
    if found and look(found[0]) is Life.ALIVE:
        raise NoSuchMount(
            f"{plain}: its daemon runs, but is not on record in {runtime_dir()}",
            hint=f"use the XDG_RUNTIME_DIR of the session that mounted it, or: fusermount3 -u {plain}",
        )
    return found[0] if found else None


def _done(output: Output, path: Path) -> None:
    if output.json:
        output.document("umount", {"mountpoint": str(path)})
    else:
        output.line(f"{path} is unmounted")


def _process(record: MountRecord) -> int | None:
    """A descriptor that becomes readable when the daemon ends (pidfd_open(2)); None where that cannot be had."""
    pid = peer_process(record)
    if pid is None:
        return None
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return None


def _await_end(process: int) -> None:
    ended = select.poll()
    ended.register(process, select.POLLIN)
    ended.poll(_GONE_SECONDS * 1000)


def _take_away(record: MountRecord) -> None:
    """Detach the mount of a daemon that hangs, and forget the daemon, so that another can take its place."""
    unmount(record.mountpoint, lazy=True)
    with contextlib.suppress(VfsError):
        unregister(record)


def _over(record: MountRecord) -> bool:
    """Whether a daemon that gave no answer is gone, and its mount with it (taken down here if need be)."""
    if wait_until_unmounted(record.mountpoint, _SILENCE_SECONDS):
        return True
    if peer_process(record) is not None or look(record.mountpoint) is not Life.DEAD:
        return False
    unmount(record.mountpoint, lazy=True)
    return True
