"""`vfs install`: Git hooks and the merge driver of `.dvc` files."""

from pathlib import Path

import click

from vfs.control.registry import repository_root
from vfs.errors import ConfigError, NotARepository, StoreError, Unsupported
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output


@click.command(
    "install",
    cls=VerbCommand,
    examples=(
        ("vfs install", "in a repository; may be repeated"),
        ("git add .gitattributes && git commit", "so that clones merge alike; each runs vfs install once"),
    ),
    exits=(NotARepository, ConfigError, StoreError, Unsupported),
    wrong="something of yours is in the way: what to add to it was printed",
)  # fmt: skip
@json_option
def command(as_json: bool) -> None:
    """Let Git call vfs.

    After 'git checkout' tracked data is checked out, before 'git commit' what differs is shown, before 'git push' data is pushed; and
    when two branches changed one tracked directory, 'git merge' merges its files. Hooks that are there already are never
    touched: what to add to them is printed.
    """
    from vfs.tracking.install import install

    output = Output(as_json)
    root = repository_root(Path.cwd())
    if root is None:
        raise NotARepository(f"{Path.cwd()} is not in a Git repository", hint="git init")
    done = install(root)
    for one in done:
        if output.json:
            output.document("installed", one._asdict())
        elif one.add:
            output.line(f"{one.what}: left alone; add to {one.where}:")
            output.line(f"    {one.add}")
        else:
            output.line(f"{one.what}: {one.where}")
    if any(one.add for one in done):
        raise click.exceptions.Exit(FOUND_WRONG)
