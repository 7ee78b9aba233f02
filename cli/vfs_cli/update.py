"""`vfs update`: bring imports up to date."""

from typing import TYPE_CHECKING

import click

from vfs.control.protocol import path_fields
from vfs.errors import UsageError, VfsError
from vfs_cli.group import VerbCommand
from vfs_cli.importing import force_option
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import FILE, NAME
from vfs_cli.progress import Progress
from vfs_cli.tracking import WRITE, Work, show, working

if TYPE_CHECKING:
    from vfs.tracking.project import Project
    from vfs.workspace.outs import Claim


@click.command(
    "update",
    cls=VerbCommand,
    examples=(
        ("vfs update images.dvc", "the newest of what the pointer follows"),
        ("vfs update --rev v2.0 images.dvc", "another revision, which it follows from now on"),
        ("vfs update", "all imports; 'vfs update .' those below this directory"),
        ("vfs update --dry-run", "which sources have something newer"),
    ),
    exits=WRITE,
)
@click.argument("targets", type=FILE, nargs=-1, metavar="[TARGET…]")
@click.option(
    "--rev", type=NAME, metavar="REV", help="Branch, tag or commit of the other repository."
)
@click.option(
    "--no-download",
    is_flag=True,
    help="Write the pointers only; they name no content until the next update.",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be updated; write and download nothing."
)
@force_option
@wait_option
@json_option
def command(
    targets: tuple[str, ...],
    rev: str | None,
    no_download: bool,
    dry_run: bool,
    force: bool,
    wait: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Bring imports up to date: TARGET is a pointer, an output, or a directory of such.

    What did not change at its source is not downloaded, nor what the cache has already. Data that was changed here is kept,
    and refused to be replaced without --force; the others are updated.
    """
    output = Output(as_json)
    with Progress() as progress, working(targets, wait, progress) as work:
        from vfs.formats.values import ImportSource
        from vfs.sharing.imports import updated
        from vfs.sharing.placing import imports_of, place
        from vfs.sharing.urls import url_updated

        claims = imports_of(work.project, work.paths or [b""])
        if rev is not None and not all(isinstance(c.source, ImportSource) for c in claims):
            raise UsageError("--rev is for imports from repositories", hint="name them only")
        download = not (no_download or dry_run)
        kept: list[VfsError] = []
        if download and not force:
            claims, kept = _unchanged(work.project, claims)
            if kept and not claims:
                raise kept[0]
        changes = [
            change
            for claim in claims
            if (
                change := updated(work.project, claim, rev, download=download)
                if isinstance(claim.source, ImportSource)
                else url_updated(work.project, claim, download=download)
            )
            is not None
        ]
        if dry_run:
            progress.clear()
            lacking = {claim.out.path for claim in claims if claim.out.digest is None}
            _tell(output, work, sorted(lacking | {change.out for change in changes}))
            return
        done = place(work.project, changes, check_out=download, force=force)
        progress.clear()
        show(output, work, done)
        for error in kept[1:]:
            output.warning(error.message)
        if kept:
            raise kept[0]


def _unchanged(project: "Project", claims: "list[Claim]") -> "tuple[list[Claim], list[VfsError]]":
    """Those that may be updated, and why the others may not."""
    from vfs.sharing.placing import check_unchanged

    may, kept = [], []
    for claim in claims:
        try:
            check_unchanged(project, claim)
            may.append(claim)
        except VfsError as error:
            kept.append(error)
    return may, kept


def _tell(output: Output, work: Work, behind: list[bytes]) -> None:
    """Name the imports whose sources have something newer."""
    for out in behind:
        if output.json:
            output.document("out", {**path_fields(out), "changed": True})
        else:
            output.path(work.target.typed(out), "would be updated  ")
    if not behind and not output.json:
        output.line("Everything is up to date.")
