"""`vfs pull`: fetch, then check out."""

from typing import Any

import click

from vfs.errors import DataUnavailable, ObjectMissing, RepositoryBusy, UnknownPath, WouldOverwrite
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, offline_option, wait_option
from vfs_cli.output import Output
from vfs_cli.run_cache import fetch_runs, run_cache_option, show_runs
from vfs_cli.sharing import (
    Options,
    allow_missing_option,
    checked_out,
    conclude,
    hidden,
    sharing_options,
    show,
    show_checkout,
    working,
)
from vfs_cli.target import WORKTREE


@click.command(
    "pull",
    cls=VerbCommand,
    examples=(
        ("vfs pull", "everything the pointers here name"),
        ("vfs pull data/train", "one directory inside a tracked one"),
        ("vfs pull --all-tags", "also fetch what any tag needs"),
    ),
    exits=(*SNAPSHOT, UnknownPath, *READ, *CACHE, RepositoryBusy, WouldOverwrite),
)
@sharing_options
@offline_option
@click.option("--force", is_flag=True, help="Replace and remove also what the cache does not have.")
@allow_missing_option
@run_cache_option
@wait_option
@json_option
def command(
    targets: tuple[str, ...],
    force: bool,
    allow_missing: bool,
    run_cache: bool,
    wait: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Fetch what is missing (`vfs fetch`), then make the working tree what its pointers say (`vfs checkout`).

    Other revisions that are named are fetched besides; what is checked out are the pointers as they lie here.
    """
    from vfs.sharing.fetch import Fetch
    from vfs.tracking.checkout import How
    from vfs.tracking.gone import roots_here
    from vfs.tracking.uses import locked, uses

    chosen = Options(**options)
    output = Output(as_json)
    with working(targets, chosen.jobs, output) as work:
        surveyed = work.workspace.survey(WORKTREE, work.progress.step)
        selection, here = uses(surveyed, WORKTREE, work.targets, glob=chosen.glob)
        if not any(use.wanted.inside for use in here):
            selection.check()
        revs = chosen._replace(revs=(WORKTREE, *chosen.revs) if chosen.revs else ())
        found = work.used(revs)
        whole = None if targets else surveyed
        with locked(work.workspace, found.uses, wait, roots_here(work.workspace, whole)):
            report = Fetch(work.workspace, chosen.remote, work.progress.step).run(found)
            entries = fetch_runs(work, chosen.remote, report) if run_cache else 0
            done = checked_out(work, here, How(force=force, partial=allow_missing), whole)
    show(output, "fetch", "fetched", report)
    if run_cache:
        show_runs(output, "fetched", entries)
    show_checkout(output, done)
    if allow_missing:
        report.troubles = [
            one
            for one in report.troubles
            if not isinstance(one.error, ObjectMissing | DataUnavailable)
        ]
    known = {trouble.path for trouble in report.troubles}
    new = [
        trouble
        for trouble in done.troubles
        if not any(path == trouble.path or path.startswith(trouble.path + b"/") for path in known)
    ]
    conclude(output, "pulled", [*hidden(found), *report.troubles, *new])
