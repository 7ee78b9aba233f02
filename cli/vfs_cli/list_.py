"""`vfs list`: what a repository has, without a clone of its data."""

import click

from vfs.errors import DataUnavailable, UnknownPath
from vfs.types import Entry, Kind
from vfs_cli.entries import entry_fields
from vfs_cli.exits import SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.ls import listed
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, PATH, REPO
from vfs_cli.progress import Progress
from vfs_cli.target import choose, opened, snapshot


@click.command(
    "list",
    cls=VerbCommand,
    examples=(
        ("vfs list https://example.com/team/data.git", "its top, as HEAD has it"),
        ("vfs list -R --dvc-only --size ../data images", "tracked files below a directory"),
    ),
    exits=(*SNAPSHOT, UnknownPath, DataUnavailable),
)
@click.argument("url", type=REPO)
@click.argument("path", type=PATH, default=".")
@click.option(
    "-R", "--recursive", is_flag=True, help="Every file below PATH, by its path below it."
)
@click.option("--rev", type=NAME, metavar="REV", help="Branch, tag or commit (default: HEAD).")
@click.option("--dvc-only", is_flag=True, help="Only what DVC or Git LFS tracks.")
@click.option("--size", "with_size", is_flag=True, help="Sizes in bytes before the names.")
@json_option
def command(
    url: str,
    path: str,
    recursive: bool,
    rev: str | None,
    dvc_only: bool,
    with_size: bool,
    as_json: bool,
) -> None:
    """List a directory or file of a repository (a Git URL or directory), sorted by name; nothing is downloaded.

    Tracked data is listed where its pointers put it, with exact sizes where a cache or remote tells them.
    """
    output = Output(as_json)
    target = choose(url, None, rev)
    top = target.path(path.strip("/") or ".")
    with opened(target) as workspace:
        with Progress(quiet=as_json) as progress:
            shown = snapshot(workspace, target.rev, progress)
        for where, name, entry in listed(shown, top, recursive):
            tracked = shown.tracked(where)
            if dvc_only and not tracked:
                continue
            if output.json:
                output.document("entry", {**entry_fields(where, entry), "tracked": tracked})
            else:
                label = name or (where[len(top) + 1 :] if top else where) or where
                output.path(label, _size(entry) if with_size else "")


def _size(entry: Entry) -> str:
    known = entry.kind not in (Kind.DIRECTORY, Kind.BROKEN)
    return f"{entry.size if known else '-':>13} "
