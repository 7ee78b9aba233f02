"""Options that several verbs share, spelled and explained once."""

from collections.abc import Callable
from typing import Any

import click

from vfs_cli.parameters import MOUNT_POINT, REPO, REV, Seconds

SETTINGS = "vfs.settings"
"""Where in a command's `click.Context.meta` its settings are, by their keys."""

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
wait_option: Decorator = click.option(
    "--wait", type=Seconds(0), default=0.0, metavar="SECONDS",
    help="Wait so long for another `dvc` or `vfs` command to end.",
)  # fmt: skip
offline_option: Decorator = click.option(
    "--offline",
    is_flag=True,
    expose_value=False,
    callback=lambda context, option, wanted: _set(context, "transfer.offline", "true" * wanted),
    help="Ask no remote: what is on this machine works, all else fails at once.",
)
bandwidth_option: Decorator = click.option(
    "--max-bandwidth",
    metavar="RATE",
    expose_value=False,
    callback=lambda context, option, rate: _set(context, "transfer.max_bandwidth", rate),
    help="Most bytes a second to and from remotes, such as 10MB (default: transfer.max_bandwidth).",
)
rev_option: Decorator = click.option(
    "--rev",
    "rev",
    type=REV,
    metavar="REV",
    help="Whatever Git resolves, or 'worktree' (default: in a mount what it shows, else HEAD).",
)


def chosen() -> dict[str, str]:
    """The settings that options of the current command stand for, by their keys."""
    context = click.get_current_context(silent=True)
    return {} if context is None else dict(context.meta.get(SETTINGS, {}))


def _set(context: click.Context, key: str, value: str | None) -> None:
    """A setting for this command alone (`vfs_cli.target.opening`)."""
    if value:
        context.meta.setdefault(SETTINGS, {})[key] = value
