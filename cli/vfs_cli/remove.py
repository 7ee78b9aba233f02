"""`vfs remove`: stop tracking."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, show, working


@click.command(
    "remove",
    cls=VerbCommand,
    examples=(
        ("vfs remove data.dvc", "the pointer goes, the data stays in the working tree"),
        ("vfs remove data --outs", "the data goes too"),
        ("vfs remove data/old.jpg --outs", "one file of a tracked directory"),
    ),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, required=True, metavar="TARGET…")
@click.option("--outs", is_flag=True, help="Delete the data from the working tree too.")
@click.option("--force", is_flag=True, help="With --outs: also data that the cache does not have.")
@wait_option
@json_option
def command(targets: tuple[str, ...], outs: bool, force: bool, wait: float, as_json: bool) -> None:
    """Stop tracking: the pointer and its line in .gitignore go. Objects stay in the cache until `vfs gc`.

    A TARGET is a pointer, an out, or a path inside a tracked directory. Only what the cache has is deleted.
    """
    output = Output(as_json)
    with Progress() as progress, working(targets, wait, progress) as work:
        from vfs.tracking.remove import remove

        done = remove(work.project, work.paths, outs=outs, force=force)
        progress.clear()
        show(output, work, done)
