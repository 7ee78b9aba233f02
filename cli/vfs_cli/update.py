"""`vfs update`: bring imports up to date."""

import click

from vfs.errors import UsageError
from vfs_cli.group import VerbCommand
from vfs_cli.importing import force_option
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, show, wait_option, working


@click.command(
    "update",
    cls=VerbCommand,
    examples=(
        ("vfs update images.dvc", "the newest of what the pointer follows"),
        ("vfs update --rev v2.0 images.dvc", "another revision, which it follows from now on"),
        ("vfs update .", "all imports below this directory"),
    ),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, required=True, metavar="TARGET…")
@click.option(
    "--rev", type=NAME, metavar="REV", help="Branch, tag or commit of the other repository."
)
@click.option(
    "--no-download",
    is_flag=True,
    help="Write the pointers only; they name no content until the next update.",
)
@force_option
@wait_option
@json_option
def command(
    targets: tuple[str, ...],
    rev: str | None,
    no_download: bool,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Bring imports up to date: TARGET is a pointer, an output, or a directory of such.

    What did not change at its source is not downloaded, nor what the cache has already. Data that was changed here is kept,
    and refused to be replaced without --force.
    """
    output = Output(as_json)
    with Progress() as progress, working(targets, wait, progress) as work:
        from vfs.formats.values import ImportSource
        from vfs.sharing.imports import updated
        from vfs.sharing.placing import check_unchanged, imports_of, place
        from vfs.sharing.urls import url_updated

        claims = imports_of(work.project, work.paths)
        if rev is not None and not all(isinstance(c.source, ImportSource) for c in claims):
            raise UsageError("--rev is for imports from repositories", hint="name them only")
        if not (force or no_download):
            for claim in claims:
                check_unchanged(work.project, claim)
        changes = [
            change
            for claim in claims
            if (
                change := updated(work.project, claim, rev, download=not no_download)
                if isinstance(claim.source, ImportSource)
                else url_updated(work.project, claim, download=not no_download)
            )
            is not None
        ]
        done = place(work.project, changes, check_out=not no_download, force=force)
        progress.clear()
        show(output, work, done)
