"""`vfs report`: what a mount did in periods (epochs), or a stage in its last run, and what that cost."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from vfs.control.client import call
from vfs.core.periods import named
from vfs.errors import FormatError, NoSuchMount, UnknownPath, UsageError
from vfs_cli.exits import MOUNT
from vfs_cli.group import VerbCommand
from vfs_cli.log_runs import stage_of
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.pages import write_page
from vfs_cli.parameters import FILE, NAME, TARGET
from vfs_cli.report_text import describe
from vfs_cli.target import mounted

Report = Mapping[str, Any]


@click.command(
    "report",
    cls=VerbCommand,
    examples=(
        ("vfs report /mnt/data", "since the mount was made, or by epoch"),
        ("vfs report /mnt/data --mark epoch-2", "here ends what was before, and begins epoch-2"),
        ("vfs report --start epoch-1", "begin anew, and forget what was before"),
        ("vfs report --since epoch-1 --html r.html", "one page, with plots"),
        ("vfs report train", "the last run of a stage; its mount may be gone"),
        ("vfs report --last-run --json", "of whichever stage ran last here"),
    ),
    exits=(*MOUNT, UnknownPath, FormatError),
)
@click.argument("what", type=TARGET, default=None, required=False, metavar="[MOUNT|STAGE]")
@click.option("--mark", type=NAME, metavar="NAME", help="End the period; begin one of that name.")
@click.option(
    "--start", type=NAME, metavar="NAME", help="The same, and forget all that was before."
)
@click.option("--since", type=NAME, metavar="NAME", help="Only from the period of that name on.")
@click.option("--last-run", is_flag=True, help="The last run of a stage in this repository.")
@click.option(
    "--html",
    type=FILE,
    metavar="FILE",
    help="Write one page that holds all, with plots; directories above it are made.",
)
@json_option
def command(
    what: str | None,
    mark: str | None,
    start: str | None,
    since: str | None,
    last_run: bool,
    html: str | None,
    as_json: bool,
) -> None:
    """Show bytes asked for and fetched, requests, seconds of waiting, time to the first byte: of a mount, an epoch, or the last run of a stage.

    A mount counts from when it was made; --mark ends a period and begins the next, so that epochs can be compared. The last 64 are kept as long as the mount is.
    Runs of stages keep theirs beside their records.
    """
    if sum(option is not None for option in (mark, start, since)) + last_run > 1:
        raise UsageError("--mark, --start, --since and --last-run exclude each other")
    output = Output(as_json)
    if mark is not None or start is not None:
        _mark(output, what, mark, start)
        return
    title, periods = _of_run(what) if last_run else _of(what)
    if since is not None:
        periods = list(named(periods, since))
        if not periods:
            raise UnknownPath(f"no period is called {since!r}", hint="vfs report names them")
    if html is not None:
        from vfs_cli.report_page import page

        output.line(str(write_page(Path(html), page(title, periods), private=True)))
    elif output.json:
        for period in periods:
            output.document("report", dict(period))
    else:
        describe(output, title, periods)


def _mark(output: Output, what: str | None, mark: str | None, start: str | None) -> None:
    record = mounted(what, Path.cwd())
    name = mark if start is None else start
    call(record, "report", {"mark": name, "start": start is not None})
    if output.json:
        output.document("mark", {"mountpoint": str(record.mountpoint), "name": name})
    else:
        output.line(f"{name} begins in {record.mountpoint}")


def _of(what: str | None) -> tuple[str, list[Report]]:
    """The periods of a mount, or the last run of a stage if no mount is meant."""
    try:
        record = mounted(what, Path.cwd())
    except NoSuchMount:
        if what is None or (stage := stage_of(what)) is None:
            raise
        return _stored(stage[0], stage[1])
    answer = call(record, "report")
    return str(record.mountpoint), list(answer.get("periods") or [])


def _of_run(what: str | None) -> tuple[str, list[Report]]:
    """The last run of a stage, or of any."""
    if what is not None:
        stage = stage_of(what)
        if stage is None:
            raise UnknownPath(f"there is no stage called {what!r}", hint="vfs stage list")
        return _stored(*stage)
    from vfs_cli.target import choose

    target = choose(None, None, "worktree")
    return _stored(Path(target.repo), None)


def _stored(root: Path, address: str | None) -> tuple[str, list[Report]]:
    """What was kept of the last run that has a report. Raises UnknownPath, FormatError."""
    from vfs.pipeline.history import History
    from vfs.pipeline.reporting import kept

    history = History.of(os.fsencode(root))
    for name, record in history.records(address):
        if history.report(name).exists():
            return f"stage {record.stage}", [kept(history.report(name))]
    which = "no stage was" if address is None else f"the stage {address} was not"
    raise UnknownPath(
        f"{which} run here in a private view, so nothing was counted",
        hint=f"vfs repro -f {address or ''}".rstrip(),
    )
