"""Options that several verbs share, spelled and explained once."""

from collections.abc import Callable
from typing import Any

import click

from vfs_cli.parameters import MOUNT_POINT, REPO, REV

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object per line."
)
mount_option: Decorator = click.option(
    "--mount",
    "mount",
    type=MOUNT_POINT,
    metavar="MOUNTPOINT",
    help="What this mount shows (default: the mount this directory is in, if it is in one).",
)
repo_option: Decorator = click.option(
    "--repo",
    "repo",
    type=REPO,
    metavar="DIR|GIT-URL",
    help="The repository (default: the one of this directory).",
)
rev_option: Decorator = click.option(
    "--rev",
    "rev",
    type=REV,
    metavar="REV",
    help="Whatever Git resolves, or 'worktree' (default: in a mount what it shows, else HEAD).",
)
