"""`vfs move`: another path for an out."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, show, working


@click.command(
    "move",
    cls=VerbCommand,
    examples=(
        ("vfs move data datasets/2024", "pointer, data and .gitignore line"),
        ("vfs move model.pt models", "into a directory"),
    ),
    exits=WRITE,
)
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@wait_option
@json_option
def command(source: str, target: str, wait: float, as_json: bool) -> None:
    """Move a tracked file or directory: its pointer, its data if it is here, and its line in .gitignore.

    What changed since it was recorded moves as it is and stays unrecorded.
    """
    output = Output(as_json)
    with Progress() as progress, working([source, target], wait, progress) as work:
        from vfs.tracking.move import move

        done = move(work.project, *work.paths)
        progress.clear()
        show(output, work, done)
