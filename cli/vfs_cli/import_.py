"""`vfs import`: data of another repository as an out of this one."""

import click

from vfs.errors import UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.importing import (
    force_option,
    importing,
    no_download_option,
    out_name,
    out_option,
)
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, PATH, REPO
from vfs_cli.tracking import WRITE, show


@click.command(
    "import",
    cls=VerbCommand,
    examples=(
        ("vfs import https://example.com/team/data.git images", "follows its default branch"),
        ("vfs import --rev v1.0 ../data models/a.pt -o a.pt", "a file, of a tag"),
    ),
    exits=WRITE,
)
@click.argument("url", type=REPO)
@click.argument("path", type=PATH)
@click.option("--rev", type=NAME, metavar="REV", help="Branch, tag or commit there.")
@out_option
@no_download_option
@force_option
@wait_option
@json_option
def command(
    url: str,
    path: str,
    rev: str | None,
    out: str | None,
    no_download: bool,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Import PATH of another Git repository: data that DVC or Git LFS tracks there, or any file.

    The pointer records the commit, so everybody gets the same; `vfs update` takes a newer one. The data is not pushed to
    this repository's remotes: whoever pulls gets it from the other repository's.
    """
    from vfs.formats.values import ImportSource

    output = Output(as_json)
    inner = path.strip("/")
    if inner in ("", "."):
        raise UsageError("PATH is empty", hint="name a file or directory of the repository")
    with importing(out_name(inner, out), wait) as work:
        from vfs.sharing.imports import imported, relative_url
        from vfs.sharing.placing import check_free, place

        target = work.paths[0]
        check_free(work.project, target, force=force)
        source = ImportSource(relative_url(work.project, url, work.target.here), inner, rev)
        change = imported(work.project, source, target, download=not no_download)
        done = place(work.project, [change], check_out=not no_download, force=force)
    show(output, work, done)
