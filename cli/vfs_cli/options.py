"""Options that several verbs share, spelled and explained once."""

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one object per line."
)
mount_option: Decorator = click.option(
    "--mount",
    "mount",
    metavar="MOUNTPOINT",
    help="The mount to ask (default: the one of this directory).",
)
repo_option: Decorator = click.option(
    "--repo",
    "repo",
    metavar="DIR|GIT-URL",
    help="The repository (default: the one of this directory).",
)
rev_option: Decorator = click.option(
    "--rev", "rev", metavar="REV", help="Whatever Git resolves, or 'worktree' (default: HEAD)."
)
