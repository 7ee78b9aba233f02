"""`vfs switch`: a mount shows another revision."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from vfs.control.client import call
from vfs.control.registry import MountRecord
from vfs_cli.exits import MOUNT, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import MOUNT_POINT, REV
from vfs_cli.progress import Progress
from vfs_cli.target import mounted
from vfs_cli.text import count


@click.command(
    "switch",
    cls=VerbCommand,
    examples=(
        ("vfs switch v1.2", "the mount of this directory's repository shows tag v1.2"),
        ("vfs switch HEAD~3 --mount /mnt/data", "a mount named by its path"),
        (
            "vfs switch worktree",
            "the pointers as they lie in the working tree, followed from now on",
        ),
    ),
    exits=(*MOUNT, *SNAPSHOT),
)
@click.argument("rev", type=REV)
@click.option(
    "--mount",
    type=MOUNT_POINT,
    metavar="MOUNTPOINT",
    help="The mount to switch (default: the one this directory is in, or the only one of its repository).",
)
@json_option
def command(rev: str, mount: str | None, as_json: bool) -> None:
    """Show REV in a mount.

    Open files keep the bytes they were opened with; a path opened after this returns shows REV. If it fails, the mount
    shows what it showed before.
    """
    output = Output(as_json)
    record = mounted(mount, Path.cwd())
    with Progress(quiet=as_json) as progress:
        result = call(record, "switch", {"rev": rev}, progress.data)
    if output.json:
        output.document("switch", {"mountpoint": str(record.mountpoint), **result})
        return
    commit = result.get("commit")
    shown = (
        f"{result.get('rev', rev)} ({str(commit)[:12]})" if commit else str(result.get("rev", rev))
    )
    output.line(f"{record.mountpoint} shows {shown}")
    note_problems(output, record, result)


def note_problems(output: Output, record: MountRecord, status: Mapping[str, Any]) -> None:
    """Say how many paths of the snapshot that is shown cannot be served, and where they are listed."""
    if status.get("problems"):
        paths = count(status["problems"], "path")
        output.note(f"{paths} cannot be served: see vfs status {record.mountpoint}")
