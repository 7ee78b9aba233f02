"""`vfs estimate`: what reading paths, or the inputs of a stage, would take now."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vfs.control.protocol import path_fields
from vfs.core.advice import predicted_seconds
from vfs.errors import UnknownPath, UsageError
from vfs_cli.asking import mount_of, of_stage, rates
from vfs_cli.exits import CACHE, MOUNT, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.log_runs import stage_of
from vfs_cli.options import json_option, mount_option, repo_option, rev_option
from vfs_cli.output import Output
from vfs_cli.parameters import PATH
from vfs_cli.progress import Progress
from vfs_cli.target import Target, locate, opened, snapshot
from vfs_cli.text import count, format_size, readable

if TYPE_CHECKING:
    from vfs.workspace import Snapshot, Workspace
    from vfs.workspace.estimate import Estimate

VERSION = 1


@click.command(
    "estimate",
    cls=VerbCommand,
    examples=(
        ("vfs estimate data/train", "bytes and requests, before anything is read"),
        ("vfs estimate --rev v2 data", "of another revision"),
        ("vfs estimate train", "what the stage 'train' will read, by its last run or its deps"),
        ("vfs estimate data --ask-remotes", "exactly, also of packed remotes; asks them"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, *READ, *CACHE),
    wrong="some paths cannot be served",
)
@click.argument("what", type=PATH, default=".", metavar="[PATH|STAGE]")
@click.option(
    "--ask-remotes", "asking", is_flag=True, help="Ask remotes what they have, and where."
)
@rev_option
@repo_option
@mount_option
@json_option
def command(
    what: str,
    asking: bool,
    rev: str | None,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Tell what reading all of a path would take now: what is here, what must come from which remote, in how many requests.

    Of everything read once, from front to back, in the order of paths, as 'vfs prefetch' does; a program that jumps asks for more, smaller ranges.
    Nothing is fetched, and no remote is asked without --ask-remotes: then it is assumed that the first remote has everything, and of
    a packed remote that nothing is compressed. Seconds are predicted by what a mount of the repository has measured, if there is one.
    """
    output = Output(as_json)
    target, top = _located(what, repo, mount, rev)
    with opened(target) as workspace, Progress(quiet=as_json) as progress:
        from vfs.workspace.estimate import estimate

        shown = snapshot(workspace, target.rev, progress)
        tops, by = _tops(target, what, top, shown)
        found = estimate(workspace, shown, tops, ask=asking, progress=progress.step)
        said = _said(found, target, workspace)
    if output.json:
        output.document("estimate", {"version": VERSION, "rev": target.rev, "by": by, **said})
    else:
        _show(output, found, said, by)
    if found.broken:
        raise click.exceptions.Exit(1)


def _located(
    what: str, repo: str | None, mount: str | None, rev: str | None
) -> tuple[Target, bytes]:
    """The target, and the path in it. A stage is of the working tree unless a revision is named."""
    stage = None if repo or mount or what == "." else stage_of(what)
    if stage is not None and rev is None:
        rev = "worktree"
    return locate(what, repo, mount, rev)


def _tops(target: Target, what: str, top: bytes, shown: "Snapshot") -> tuple[list[bytes], str]:
    """The paths that are meant, and what says so: `path`, `run`, `deps`. Raises UnknownPath."""
    try:
        shown.resolve(top)
    except UnknownPath:
        stage = stage_of(what)
        if stage is None:
            raise
        root, address = stage
        tops, ran = of_stage(Path(root), address, shown)
        if not tops:
            raise UsageError(
                f"the stage {address} reads nothing that {target.rev} has",
                hint="vfs stage show says what it declares",
            ) from None
        return tops, "run" if ran else "deps"
    return [top], "path"


def _said(found: "Estimate", target: Target, workspace: "Workspace") -> dict[str, Any]:
    measured = rates(mount_of(target.repo, target.mount))
    remote = found.remote
    seconds = predicted_seconds(
        remote.transfer,
        remote.requests,
        measured.get("bytes_per_second"),
        measured.get("request_seconds"),
        workspace.settings.jobs,
    )
    return {
        "asked_remotes": found.asked,
        "files": found.files,
        "bytes": found.size,
        "resident": {"files": found.resident_files, "bytes": found.resident},
        "sources": [
            {
                "place": source.label or None,
                "layout": source.layout or None,
                "remote": source.remote,
                "files": row.files,
                "lacking": row.content,
                "bytes": row.transfer,
                "requests": row.requests,
                "manifests": row.manifests,
                "assumed": row.assumed,
            }
            for source, row in found.rows.items()
        ],
        "fetch": {"bytes": remote.transfer, "requests": remote.requests, "assumed": remote.assumed},
        "seconds": None if seconds is None else round(seconds, 3),
        "broken": found.broken,
        "problems": [{**path_fields(path), "problem": problem} for path, problem in found.problems],
    }


def _show(output: Output, found: "Estimate", said: dict[str, Any], by: str) -> None:
    how = {"run": " (what its last run opened)", "deps": " (what it declares)"}.get(by, "")
    output.line(f"{count(found.files, 'content')}, {format_size(found.size)}{how}")
    rows = [["chunk store", "-", str(found.resident_files), format_size(found.resident), "-", "-"]]
    for source, row in found.rows.items():
        fetched = source.layout not in ("file", "")
        about = "about " if row.assumed else ""
        rows.append(
            [
                source.label or "nowhere",
                source.layout or "-",
                str(row.files),
                format_size(row.content),
                about + format_size(row.transfer) if fetched else "-",
                about + str(row.requests) if fetched else "-",
            ]
        )
    output.table(("FROM", "LAYOUT", "FILES", "CONTENT", "TO FETCH", "REQUESTS"), rows)
    fetch = said["fetch"]
    if not fetch["requests"]:
        output.line("no remote is needed")
    else:
        about = "about " if fetch["assumed"] else ""
        output.line(
            f"to fetch: {about}{format_size(fetch['bytes'])} in {about}{count(fetch['requests'], 'request')}"
        )
        seconds = said["seconds"]
        output.line(
            "seconds: not known, no mount of this repository has fetched anything yet"
            if seconds is None
            else f"seconds: about {seconds:.3g}, at what a mount has measured"
        )
    for path, problem in found.problems:
        output.warning(f"{readable(path)} cannot be served: {problem}")
    if found.broken > len(found.problems):
        output.warning(f"and {found.broken - len(found.problems)} more paths")
