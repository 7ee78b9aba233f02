"""`vfs freeze`: stages no longer follow what they depend on."""

import click

from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE
from vfs_cli.pipelines import pipelines
from vfs_cli.progress import Progress
from vfs_cli.stage import meant
from vfs_cli.tracking import WRITE, show_written


@click.command(
    "freeze",
    cls=VerbCommand,
    examples=(("vfs freeze prepare", "a stage stays as it is"),),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, required=True, metavar="TARGET…")
@wait_option
@json_option
def command(targets: tuple[str, ...], wait: float, as_json: bool) -> None:
    """Let stages no longer follow what they depend on.

    Frozen stages are not judged by their dependencies, and `vfs repro` does not run what only they need; their outs stay as they are.
    """
    set_frozen(targets, True, "is frozen", wait, as_json)


def set_frozen(
    targets: tuple[str, ...], frozen: bool, said: str, wait: float, as_json: bool
) -> None:
    """Freeze stages, or let them go; `said` is what then is true of each."""
    from vfs.pipeline.edit import freeze

    output = Output(as_json)
    with Progress() as progress, pipelines(progress) as work:
        nodes = meant(work, targets)
        written = freeze(work.session, nodes, frozen, wait=wait)
        for node in nodes if not output.json else ():
            output.line(f"{node.address(work.target.here)} {said}.")
        show_written(output, work.session.project, work.target, written)
