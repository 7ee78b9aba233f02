"""`vfs ls`: list a directory of a revision, without a mount or as one shows it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from vfs.errors import DataUnavailable, UnknownPath
from vfs.types import Entry, Kind
from vfs_cli.entries import entry_fields, long_line
from vfs_cli.exits import MOUNT, SNAPSHOT
from vfs_cli.failure import FOUND_WRONG
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, mount_option, repo_option, rev_option
from vfs_cli.output import Output
from vfs_cli.parameters import PATH
from vfs_cli.progress import Progress
from vfs_cli.target import locate, opened, snapshot
from vfs_cli.text import readable

if TYPE_CHECKING:
    from vfs.workspace import Snapshot


@click.command(
    "ls",
    cls=VerbCommand,
    examples=(
        ("vfs ls", "this directory, as HEAD has it, with the tracked data"),
        ("vfs ls -l --rev v1.0 data/images", "sizes and dates of another revision"),
        ("vfs ls -R --json | jq .size", "every file, for programs"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, DataUnavailable),
    wrong="something listed cannot be served",
)
@click.argument("path", type=PATH, default=".")
@click.option("-l", "long", is_flag=True, help="Show mode, size in bytes and date.")
@click.option(
    "-R", "recursive", is_flag=True, help="List every file below PATH, by its path from here."
)
@rev_option
@repo_option
@mount_option
@json_option
def command(
    path: str,
    long: bool,
    recursive: bool,
    rev: str | None,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """List a directory or file of a revision, sorted by name.

    Sizes are exact although nothing is downloaded. PATH is relative to this directory; ':/PATH' begins at the top of
    the repository. Ends with 1 if something listed cannot be served; warnings say why.
    """
    target, top = locate(path, repo, mount, rev)
    output = Output(as_json)
    broken: list[tuple[bytes, str]] = []
    with opened(target) as workspace:
        with Progress(quiet=as_json) as progress:
            shown = snapshot(workspace, target.rev, progress)
        for where, name, entry in listed(shown, top, recursive):
            if entry.kind is Kind.BROKEN:
                broken.append((target.typed(where), entry.problem))
            if output.json:
                output.document("entry", entry_fields(where, entry))
            else:
                label = target.typed(where) if name is None else name
                output.path(label, long_line(entry) if long else "")
    for place, problem in broken:
        output.warning(f"{readable(place)} cannot be served: {problem}")
    if broken:
        raise click.exceptions.Exit(FOUND_WRONG)


def listed(
    shown: "Snapshot", top: bytes, recursive: bool
) -> Iterator[tuple[bytes, bytes | None, Entry]]:
    """(path, name to print instead of it, entry) of everything to list.

    Raises:
        UnknownPath: the snapshot has no such path.
        DataUnavailable: it may be below a path that cannot be served.
    """
    found = shown.resolve(top)
    if isinstance(found, Entry):
        yield top, None, found
    elif recursive:
        for path, entry in shown.walk(top):
            if entry.kind is not Kind.DIRECTORY:
                yield path, None, entry
    else:
        before = top + b"/" if top else b""
        for entry in found.by_name():
            yield before + entry.name, entry.name, entry
