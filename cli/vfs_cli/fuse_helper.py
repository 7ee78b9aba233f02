"""`vfs fuse-helper`: root makes mounts for daemons that have no privilege."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from vfs.errors import DaemonError, MountPointRefused, UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import DIRECTORY, FILE


@click.command(
    "fuse-helper",
    cls=VerbCommand,
    examples=(
        (
            "vfs fuse-helper --socket /run/vfs-helper/sock --directory /mnt/vfs --uid 1000",
            "user 1000 may have mounts made at /mnt/vfs/ANY-NAME",
        ),
        (
            "vfs mount --fuse-socket /run/vfs-helper/sock --repo URL /mnt/vfs/data",
            "has one made, without any privilege",
        ),
    ),
    exits=(DaemonError, MountPointRefused),
)
@click.option(
    "--socket", "path", type=FILE, required=True, metavar="PATH",
    help="Where to listen. All users may connect; few are heard.",
)  # fmt: skip
@click.option(
    "--directory", "directories", type=DIRECTORY, multiple=True, required=True, metavar="DIR",
    help="Mounts are made directly below it; a mount point that is missing is made. Repeatable.",
)  # fmt: skip
@click.option(
    "--uid", "uids", type=click.IntRange(min=0), multiple=True, required=True, metavar="UID",
    help="A user who may have mounts made, as the kernel knows them here. Repeatable.",
)  # fmt: skip
@click.option("--allow-other", is_flag=True, help="Mounts may be readable for all users.")
@json_option
def command(
    path: str,
    directories: tuple[str, ...],
    uids: tuple[int, ...],
    allow_other: bool,
    as_json: bool,
) -> None:
    """Make mounts for daemons that may not, until interrupted.

    Runs as root with CAP_SYS_ADMIN, where the mounts are to appear. A daemon ('vfs mount --fuse-socket') names a mount point over the
    socket and gets a descriptor of /dev/fuse; it needs no privilege, no device and no fusermount3. A mount is taken down
    when its daemon ends. When the helper ends, mounts and daemons go on.
    """
    from vfs.fuse_helper.orders import Policy
    from vfs.fuse_helper.points import Points
    from vfs.fuse_helper.server import Server, listen, remove

    _check_rights()
    output = Output(as_json)
    socket = Path.cwd() / path
    points = Points([Path.cwd() / directory for directory in directories])

    def say(text: str) -> None:
        if as_json:
            output.document("event", {"message": text})
        else:
            output.line(text)
        sys.stdout.flush()

    for place in points.sweep():
        say(f"took down {place}, whose daemon has ended")
    listening = listen(socket)
    signal.signal(signal.SIGTERM, _end)  # the first process of a container has no default for it
    try:
        for place in points.unseen():
            say(f"note: {place} is on no shared mount: what is mounted there is seen here only")
        say(f"listening at {socket}")
        policy = Policy(points.directories, frozenset(uids), allow_other)
        Server(listening, points, policy, say).run()
    finally:
        remove(socket)


def _check_rights() -> None:
    """Refuse at once what every client would meet."""
    from vfs_cli.doctor import fuse
    from vfs_cli.doctor.finding import State

    if os.geteuid() != 0:
        raise UsageError("only root can make mounts for others", hint="sudo vfs fuse-helper …")
    for check in (fuse.fuse_device(), fuse.right_to_mount()):
        if check.state is not State.OK:
            raise DaemonError(check.message, hint=check.fix)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
