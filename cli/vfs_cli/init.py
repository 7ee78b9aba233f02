"""`vfs init`: a Git repository becomes a DVC repository too."""

from pathlib import Path

import click

from vfs.errors import ConfigError, NotARepository, StoreError, Unsupported
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import DIRECTORY


@click.command(
    "init",
    cls=VerbCommand,
    examples=(
        ("vfs init && git commit -m 'track data'", "at the top of a Git repository"),
        ("vfs init --subdir", "for a directory of a larger repository alone"),
    ),
    exits=(ConfigError, NotARepository, StoreError, Unsupported),
)
@click.argument("directory", type=DIRECTORY, default=".")
@click.option(
    "--subdir", is_flag=True, help="The directory may lie below the top of the Git repository."
)
@click.option(
    "-f", "--force", is_flag=True, help="Start the configuration afresh; the cache stays."
)
@json_option
def command(directory: str, subdir: bool, force: bool, as_json: bool) -> None:
    """Let data be tracked in a Git repository.

    Makes .dvc/config, .dvc/.gitignore and .dvcignore, as 'dvc init' does, and stages them.
    """
    from vfs.tracking.init import initialise

    output = Output(as_json)
    made = initialise(Path.cwd() / directory, subdir=subdir, force=force)
    for path in made:
        if output.json:
            output.document("staged", {"path": str(path)})
    output.note("ready to track data; 'git commit' keeps what was staged")
