"""`--run-cache` of `push`, `fetch` and `pull`."""

from typing import TYPE_CHECKING

import click

from vfs_cli.output import Output
from vfs_cli.sharing import Decorated, Work
from vfs_cli.text import count

if TYPE_CHECKING:
    from vfs.pipeline.runshare import RunShare
    from vfs.tracking.report import Report

run_cache_option: Decorated = click.option(
    "--run-cache", "run_cache", is_flag=True,
    help="Also runs of stages with their outs, so that nobody runs them again.",
)  # fmt: skip


def run_share(work: Work, remote: str | None) -> "RunShare":
    """The run cache of the DVC repository here, and a remote."""
    import os

    from vfs.errors import Unsupported
    from vfs.pipeline.runshare import RunShare
    from vfs.tracking.project import find_root
    from vfs_cli.target import choose

    if work.workspace.root is None:
        raise Unsupported("a repository without a working tree has no run cache")
    here = choose(None, None, None).here
    top = os.fsencode(work.workspace.root)
    return RunShare(work.workspace, find_root(top, here + b"/." if here else b"."), remote)


def fetch_runs(work: Work, remote: str | None, report: "Report") -> int:
    """Bring runs, and what they name, which is added to a report; how many came. What the remote lacks of that is no trouble: DVC pushes runs without it."""
    from vfs.errors import ObjectMissing
    from vfs.sharing.fetch import Fetch
    from vfs.sharing.used import Used

    runs = run_share(work, remote)
    entries = runs.fetch()
    more = Fetch(work.workspace, remote, work.progress.step).run(Used(runs.uses(), [], []))
    report.files += more.files
    report.size += more.size
    report.present += more.present
    report.troubles += [one for one in more.troubles if not isinstance(one.error, ObjectMissing)]
    return entries


def show_runs(output: Output, verb: str, number: int) -> None:
    """How many entries went or came."""
    if output.json:
        output.document("runs", {"entries": number})
    else:
        output.line(f"{count(number, 'run')} {verb}")
