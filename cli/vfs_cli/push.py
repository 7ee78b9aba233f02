"""`vfs push`: objects of the DVC cache to remotes."""

from typing import Any

import click

from vfs.errors import UnknownPath
from vfs_cli.exits import CACHE, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.run_cache import run_cache_option, run_share, show_runs
from vfs_cli.sharing import Options, conclude, hidden, sharing_options, show, working


@click.command(
    "push",
    cls=VerbCommand,
    examples=(
        ("vfs push", "everything the pointers here name and the default remote lacks"),
        ("vfs push -r backup --all-tags", "all releases, to another remote"),
        ("vfs push --run-cache", "runs of stages too: who pulls them runs nothing twice"),
        ("vfs push --verify data.dvc", "ask for each file, and mend what has a wrong size there"),
    ),
    exits=(*SNAPSHOT, UnknownPath, *READ, *CACHE),
)
@sharing_options
@click.option(
    "--verify", is_flag=True, help="Ask for every file; send again what has another size there."
)
@run_cache_option
@json_option
def command(
    targets: tuple[str, ...], verify: bool, run_cache: bool, as_json: bool, **options: Any
) -> None:
    """Push objects of the DVC cache that remotes lack.

    A TARGET is as for `vfs fetch`. Outputs go to the remote they name themselves (`remote:`), else to --remote, else to the
    default remote; those with `push: false` and imports stay. Each object is hashed as it is sent. What the cache lacks is named at
    the end and the rest is pushed; a list of files goes last and never without its files. An interrupted run goes on where
    it was.
    """
    from vfs.sharing.push import Push
    from vfs.state import spare_table

    chosen = Options(**options)
    output = Output(as_json)
    with working(targets, chosen.jobs, output) as work:
        found = work.used(chosen)
        runs = run_share(work, chosen.remote) if run_cache else None
        found.uses.extend(runs.uses() if runs is not None else ())
        with spare_table(work.workspace.repository.git_dir) as table:
            push = Push(work.workspace, table, chosen.remote, work.progress.step, verify=verify)
            report = push.run(found)
        entries = runs.push() if runs is not None else 0
    show(output, "push", "pushed", report)
    if run_cache:
        show_runs(output, "pushed", entries)
    conclude(output, "pushed", [*hidden(found), *report.troubles])
