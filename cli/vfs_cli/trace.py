"""`vfs trace`: what the command of a stage touched when it ran."""

import os
from typing import TYPE_CHECKING, Any

import click

from vfs.control.protocol import path_fields
from vfs.errors import FormatError, UnknownPath
from vfs_cli.exits import Errors
from vfs_cli.group import VerbCommand
from vfs_cli.log_runs import stage_of
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME
from vfs_cli.text import format_size

if TYPE_CHECKING:
    from vfs.sandbox.trace import Touch, Trace

EXITS: Errors = (UnknownPath, FormatError)


@click.command(
    "trace",
    cls=VerbCommand,
    examples=(
        ("vfs trace show train", "of its last run, in the order in which paths were first met"),
        ("vfs trace show sub/dvc.yaml:train --json", "for programs"),
        ("vfs trace diff train", "its last run against the one before"),
    ),
    exits=EXITS,
)
@click.argument("action", type=click.Choice(["show", "diff"]))
@click.argument("name", type=NAME, metavar="STAGE")
@json_option
def command(action: str, name: str, as_json: bool) -> None:
    """Show what the last run of a stage touched, or how that differs from the run before.

    A path was 'opened' (a file), 'listed' (a directory), 'made', or is a 'ghost': looked for and not found. Only runs in a private view
    have a trace.
    """
    output = Output(as_json)
    traces = _traces(name, 1 if action == "show" else 2)
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


def _traces(name: str, number: int) -> "list[Trace]":
    """The newest traces of a stage. Raises UnknownPath: there are not so many."""
    from vfs.pipeline.history import History
    from vfs.pipeline.tracing import kept

    found = stage_of(name)
    if found is None:
        raise UnknownPath(f"there is no stage called {name!r}", hint="vfs stage list")
    root, address = found
    history = History.of(os.fsencode(root))
    paths = (history.trace(run) for run, _ in history.records(address))
    traces = [kept(path) for _, path in zip(range(number), (p for p in paths if p.exists()), strict=False)]  # fmt: skip
    if len(traces) < number:
        what = "no run of it was traced here" if not traces else "only one run of it was traced here"  # fmt: skip
        raise UnknownPath(f"stage {address}: {what}", hint=f"vfs repro -f {address}")
    return traces


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
