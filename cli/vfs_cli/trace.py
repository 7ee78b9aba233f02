"""`vfs trace`: what the command of a stage touched when it ran."""

import os
from typing import TYPE_CHECKING, Any

import click

from vfs.control.protocol import path_fields
from vfs.errors import FormatError, UnknownPath, UsageError
from vfs_cli.exits import SNAPSHOT, Errors
from vfs_cli.group import VerbCommand
from vfs_cli.log_runs import stage_of
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME, REV
from vfs_cli.target import choose
from vfs_cli.text import format_size

if TYPE_CHECKING:
    from pathlib import Path

    from vfs.formats.stage_values import Locked
    from vfs.pipeline.history import Record
    from vfs.sandbox.trace import Touch, Trace

EXITS: Errors = (UnknownPath, FormatError)


@click.command(
    "trace",
    cls=VerbCommand,
    examples=(
        ("vfs trace show train", "of its last run, in the order in which paths were first met"),
        ("vfs trace show sub/dvc.yaml:train --json", "for programs"),
        ("vfs trace show train v1.0", "of the run that made what that revision records"),
        ("vfs trace diff train", "its last run against the one before"),
        ("vfs trace diff train v1.0", "its last run against that of a revision"),
        ("vfs trace diff train v1.0 v2.0", "those of two revisions"),
    ),
    exits=(*EXITS, *SNAPSHOT),
)
@click.argument("action", type=click.Choice(["show", "diff"]))
@click.argument("name", type=NAME, metavar="STAGE")
@click.argument("revisions", type=REV, nargs=-1, metavar="[REV…]")
@json_option
def command(action: str, name: str, revisions: tuple[str, ...], as_json: bool) -> None:
    """Show what a run of a stage touched, or how that differs from another run.

    A path was 'opened' (a file), 'listed' (a directory), 'made', or is a 'ghost': looked for and not found. Of files that were not here, how many bytes were
    read. Only runs in a private view have a trace, and only on the machine they ran on: the run of a revision is the newest of them that had and made what the
    lock of that revision records (command, dependencies, parameters and outs).
    """
    if len(revisions) > (1 if action == "show" else 2):
        raise UsageError(f"too many revisions for {action}", hint="show takes one, diff two")
    output = Output(as_json)
    traces = _traces(name, revisions, 1 if action == "show" else 2)
    now = traces[0]
    before = traces[1].touches if action == "diff" else {}
    for path, touch in now.touches.items():
        if before.get(path) is not touch:
            _show(output, path, touch, "+" if action == "diff" else "", now)
    for path, touch in before.items():
        if now.touches.get(path) is not touch:
            _show(output, path, touch, "-", traces[1])
    for gap in now.gaps:
        output.note(f"not all {gap.of.value} are known: {gap.why}")
        if output.json:
            output.document("gap", {"of": gap.of.value, "why": gap.why})


def _traces(name: str, revisions: tuple[str, ...], number: int) -> "list[Trace]":
    """The traces of runs of a stage: of the revisions, the last one first, or else the newest. Raises UnknownPath: there are not so many."""
    from vfs.pipeline.history import History
    from vfs.pipeline.tracing import kept

    found = stage_of(name)
    if found is None:
        raise UnknownPath(f"there is no stage called {name!r}", hint="vfs stage list")
    root, address = found
    history = History.of(os.fsencode(root))
    traced = ((history.trace(run), record) for run, record in history.records(address))
    runs = [(path, record) for path, record in traced if path.exists()]
    paths = [
        _of_revision(runs, address, rev, locked)
        for rev, locked in zip(revisions, _locked(address, revisions), strict=True)
    ]
    paths = [*(path for path, _ in runs[: number - len(paths)]), *reversed(paths)]
    if len(paths) < number:
        what = "no run of it was traced here" if not runs else "only one run of it was traced here"
        raise UnknownPath(f"stage {address}: {what}", hint=f"vfs repro -f {address}")
    return [kept(path) for path in paths]


def _locked(address: str, revisions: tuple[str, ...]) -> "list[Locked | None]":
    """What revisions record of a stage. Raises VfsError."""
    if not revisions:
        return []
    from vfs.pipeline.stages import locked_in
    from vfs_cli.trees import trees

    with trees(choose(None, None, "worktree"), revisions, quiet=True) as opened:
        return [locked_in(address, tree.read) for tree in opened]


def _of_revision(
    runs: "list[tuple[Path, Record]]", address: str, rev: str, locked: "Locked | None"
) -> "Path":
    """The newest run that made what a revision records. Raises UnknownPath."""
    if locked is None:
        raise UnknownPath(f"{rev} records no run of stage {address}", hint=f"vfs log {address}")
    for path, record in runs:
        if record.made(locked):
            return path
    raise UnknownPath(
        f"the run of stage {address} that {rev} records was not traced on this machine",
        hint="it ran elsewhere, or in place, or its record was let go; git checkout and vfs repro -f run it again",
    )


def _show(output: Output, path: bytes, touch: "Touch", sign: str, trace: "Trace") -> None:
    read = trace.read.get(path)
    if output.json:
        fields: dict[str, Any] = {**path_fields(path), "touch": touch.value}
        if read is not None:
            fields["read"] = read
        output.document("touched", {**fields, "change": "new" if sign == "+" else "gone"} if sign else fields)  # fmt: skip
    else:
        size = f"{'' if read is None else format_size(read):>10} " if trace.read else ""
        output.path(path, f"{sign}{touch.value:<7} {size}")
