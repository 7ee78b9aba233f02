"""`vfs commit`: tracked data that changed is recorded."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, show, wait_option, working


@click.command(
    "commit",
    cls=VerbCommand,
    examples=(
        ("vfs commit", "everything that is tracked and here"),
        ("vfs commit data model.pt.dvc", "these"),
    ),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, metavar="[TARGET…]")
@click.option("--force", is_flag=True, help="Drop listed files that were never checked out.")
@wait_option
@json_option
def command(targets: tuple[str, ...], force: bool, wait: float, as_json: bool) -> None:
    """Record what tracked files and directories hold now, in the DVC cache and in their pointers.

    A TARGET is a pointer, an out, a path inside one, or a directory with outs. Outputs of stages are recorded by `dvc commit`,
    imports by `vfs update`. Nothing asks, and Git is not touched.
    """
    output = Output(as_json)
    with Progress() as progress, working(targets, wait, progress) as work:
        from vfs.tracking.commit import commit

        done = commit(work.project, work.paths, force=force)
        progress.clear()
        show(output, work, done)
