"""What `config` and `remote` share: which configuration file is meant, and what is said of it."""

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from vfs.errors import (
    ConfigError,
    FormatError,
    NotARepository,
    UsageError,
)
from vfs.formats.dvcoptions import is_secret
from vfs.tracking.dvc_config import DvcFiles, Key
from vfs_cli.exits import Errors
from vfs_cli.output import Output

EXITS: Errors = (NotARepository, ConfigError, FormatError)
"""Reading and editing configuration files."""

_LEVELS = (
    ("project", "repo", "The file that Git tracks, the same for everybody (the default for changes)."),
    ("local", "local", "The file of this clone, which Git ignores: for secrets and this machine's paths."),
    ("global", "global", "Your file, for all repositories."),
    ("system", "system", "This machine's file (DVC's only)."),
)  # fmt: skip


def level_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--project`, `--local`, `--global` and `--system`; the verb gets those that were given as `levels`."""

    @functools.wraps(function)
    def verb(**arguments: Any) -> Any:
        levels = tuple(level for name, level, _ in _LEVELS if arguments.pop(f"in_{name}"))
        return function(levels=levels, **arguments)

    for name, _, text in reversed(_LEVELS):
        verb = click.option(f"--{name}", f"in_{name}", is_flag=True, help=text)(verb)
    return verb


def chosen(levels: tuple[str, ...]) -> str | None:
    """The one level that was named; None if none was.

    Raises:
        UsageError: several were.
    """
    if len(levels) > 1:
        raise UsageError("--project, --local, --global and --system exclude each other")
    return levels[0] if levels else None


def show_value(output: Output, key: str, value: str) -> None:
    """One value, as it is."""
    if output.json:
        output.document("setting", {"key": key, "value": value})
    else:
        output.line(value)


def warn_of_secret(output: Output, files: DvcFiles, key: Key, value: str, level: str) -> None:
    """Say so if a secret was written where Git tracks it."""
    if level == "repo" and is_secret(key[2], value):
        shown = ".".join(part for part in key if part)
        output.warning(
            f"{shown} holds a secret, and {files.file(level)} is tracked by Git: everybody who gets the repository "
            "will know it; take it away with --unset, and set it with --local"
        )


def without_password(url: str) -> str:
    """A URL for the screen."""
    return re.sub(r"^(\w+://[^/@:]*):[^/@]*@", r"\1:***@", url)
