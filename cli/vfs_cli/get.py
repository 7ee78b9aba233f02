"""`vfs get`: download a file or directory of a repository, without tracking it."""

import click

from vfs.errors import StoreFull, UnknownPath, WouldOverwrite
from vfs_cli.exits import READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.importing import out_name, out_option
from vfs_cli.options import bandwidth_option, json_option, offline_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, PATH, REPO
from vfs_cli.progress import Progress
from vfs_cli.sharing import show
from vfs_cli.target import choose, opened


@click.command(
    "get",
    cls=VerbCommand,
    examples=(
        ("vfs get https://example.com/team/data.git models/a.pt", "one file, here"),
        ("vfs get --rev v1.0 ../data images -o old-images", "a directory of a tag"),
    ),
    exits=(*SNAPSHOT, UnknownPath, *READ, StoreFull, WouldOverwrite),
)
@click.argument("url", type=REPO)
@click.argument("path", type=PATH)
@click.option("--rev", type=NAME, metavar="REV", help="Branch, tag or commit (default: HEAD).")
@out_option
@bandwidth_option
@offline_option
@click.option("--force", is_flag=True, help="Replace what lies at OUT.")
@json_option
def command(
    url: str, path: str, rev: str | None, out: str | None, force: bool, as_json: bool
) -> None:
    """Download PATH of a repository (a Git URL or directory): tracked data, or any of its files.

    Every file is verified. It appears when it is whole, and nothing that lies there is replaced unless --force says so. This
    directory need not be in a repository; `vfs import` also records where the data came from.
    """
    from vfs.sharing.get import get

    output = Output(as_json)
    target = choose(url, None, rev)
    with opened(target) as workspace, Progress(quiet=as_json) as progress:
        name = out_name(path.strip("/"), out)
        inner = target.path(path.strip("/"))
        report = get(workspace, target.rev, inner, name, progress.step, force=force)
    show(output, "get", "written", report)
