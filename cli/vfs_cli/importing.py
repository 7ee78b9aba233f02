"""What `import`, `import-url` and `update` have in common: where data goes, and the repository that is written to."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from vfs.errors import UsageError
from vfs_cli.parameters import FILE
from vfs_cli.progress import Progress
from vfs_cli.tracking import Work, working

Decorated = Callable[..., Any]

no_download_option = click.option(
    "--no-download", is_flag=True, help="Write the pointer only; `vfs update` gets the data later."
)
force_option = click.option(
    "--force", is_flag=True, help="Replace what lies there, also what the cache does not have."
)
out_option = click.option(
    "-o", "--out", type=FILE, metavar="OUT",
    help="Path of the data here; a directory that exists takes it in (default: its name, here).",
)  # fmt: skip


def out_name(source: str, out: str | None) -> str:
    """Where data goes, by the rules of `cp`: under its own name into a directory, or under the name that is given.

    Raises:
        UsageError: the source has no name.
    """
    name = os.path.basename(os.path.normpath(source.partition("://")[2] or source))
    if out is not None and not os.path.isdir(out):
        return out
    if name in ("", ".", ".."):
        raise UsageError(f"{source} has no name of its own", hint="give it one with --out")
    return os.path.join(out, name) if out is not None else name


@contextmanager
def importing(out: str, wait: float) -> Iterator[Work]:
    """The repository that an import goes to, locked, with progress shown."""
    with Progress() as progress, working([out], wait, progress) as work:
        yield work
        progress.clear()
