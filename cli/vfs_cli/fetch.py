"""`vfs fetch`: missing objects from remotes into the DVC cache."""

from typing import Any

import click

from vfs.errors import RepositoryBusy, UnknownPath
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, offline_option, wait_option
from vfs_cli.output import Output
from vfs_cli.run_cache import fetch_runs, run_cache_option, show_runs
from vfs_cli.sharing import Options, conclude, hidden, sharing_options, show, working


@click.command(
    "fetch",
    cls=VerbCommand,
    examples=(
        ("vfs fetch", "everything the pointers here name and the cache lacks"),
        ("vfs fetch data/train model.dvc", "a directory inside a tracked one; a pointer"),
        ("vfs fetch --rev v1.0 --rev v1.1", "what two versions need"),
        ("vfs fetch --all-commits -j 32", "all of history"),
        ("vfs fetch --run-cache", "runs of stages too: `vfs repro` need not run them"),
    ),
    exits=(*SNAPSHOT, UnknownPath, *READ, *CACHE, RepositoryBusy),
)
@sharing_options
@offline_option
@run_cache_option
@wait_option
@json_option
def command(
    targets: tuple[str, ...], run_cache: bool, wait: float, as_json: bool, **options: Any
) -> None:
    """Fetch missing objects from remotes into the DVC cache.

    A TARGET is a pointer, an output, a path inside a tracked directory, a stage or a directory; without one, everything.
    Every object is verified as it comes. What cannot be had is named at the end, and the rest is fetched all the same; an
    interrupted run goes on where it was. The working tree is not touched: `vfs checkout` does that, `vfs pull` both.
    """
    from vfs.sharing.fetch import Fetch
    from vfs.tracking.uses import locked

    chosen = Options(**options)
    output = Output(as_json)
    with working(targets, chosen.jobs, output) as work:
        found = work.used(chosen)
        with locked(work.workspace, found.uses, wait):
            report = Fetch(work.workspace, chosen.remote, work.progress.step).run(found)
            entries = fetch_runs(work, chosen.remote, report) if run_cache else 0
    show(output, "fetch", "fetched", report)
    if run_cache:
        show_runs(output, "fetched", entries)
    conclude(output, "fetched", [*hidden(found), *report.troubles])
