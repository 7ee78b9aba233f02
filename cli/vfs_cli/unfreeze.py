"""`vfs unfreeze`: frozen stages follow what they depend on again."""

import click

from vfs_cli.freeze import set_frozen
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.parameters import FILE
from vfs_cli.tracking import WRITE


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
    set_frozen(targets, False, "follows what it depends on", wait, as_json)
