"""`vfs offline`: a mount asks no remote, or does again."""

from pathlib import Path

import click

from vfs.control.client import call
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT
from vfs_cli.target import mounted


@click.command(
    "offline",
    cls=VerbCommand,
    examples=(
        ("vfs offline on", "the mount of this directory's repository asks nobody from now on"),
        ("vfs offline off --mount /mnt/data", "a mount named by its path asks its remotes again"),
        ("vfs offline", "which of the two it is"),
    ),
    exits=MOUNT,
)
@click.argument("state", type=click.Choice(["on", "off"]), required=False)
@click.option(
    "--mount",
    type=MOUNT_POINT,
    metavar="MOUNTPOINT",
    help="The mount (default: the one this directory is in, or the only one of its repository).",
)
@json_option
def command(state: str | None, mount: str | None, as_json: bool) -> None:
    """Let a mount ask no remote (on), or again (off).

    Offline, what is on this machine is read as ever, and all else fails at once with ENETDOWN ("Network is down"); a
    revision can be switched to if its lists of files are here. What failed is there again as soon as the mount is online.
    """
    output = Output(as_json)
    record = mounted(mount, Path.cwd())
    result = call(record, "offline", {} if state is None else {"offline": state == "on"})
    if output.json:
        output.document("offline", {"mountpoint": str(record.mountpoint), **result})
        return
    said = "is offline: no remote is asked" if result.get("offline") else "is online"
    output.line(f"{record.mountpoint} {said}")
