"""`vfs unfreeze`: frozen stages follow what they depend on again."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.pipelines import pipelines
from vfs_cli.progress import Progress
from vfs_cli.stage import meant
from vfs_cli.tracking import WRITE, show_written, wait_option


@click.command(
    "unfreeze",
    cls=VerbCommand,
    examples=(("vfs unfreeze prepare", "it follows its dependencies again"),),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, required=True, metavar="TARGET…")
@wait_option
@json_option
def command(targets: tuple[str, ...], wait: float, as_json: bool) -> None:
    """Let frozen stages follow what they depend on again.

    The next `vfs repro` judges them by their dependencies again.
    """
    from vfs.pipeline.edit import freeze

    output = Output(as_json)
    with Progress() as progress, pipelines(progress) as work:
        nodes = meant(work, targets)
        written = freeze(work.session, nodes, False, wait=wait)
        for node in nodes if not output.json else ():
            output.line(f"{node.address(work.target.here)} follows what it depends on.")
        show_written(output, work.session.project, work.target, written)
