"""`vfs log`: commits that changed the data below a path, with its size in each; runs of a stage."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vfs.errors import UnknownPath, UnknownRevision, UsageError, VfsError
from vfs.types import Entry, Kind
from vfs_cli.exits import MOUNT, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.log_runs import show_runs, stage_of
from vfs_cli.options import json_option, mount_option, repo_option, rev_option
from vfs_cli.output import Output
from vfs_cli.parameters import PATH
from vfs_cli.progress import Progress
from vfs_cli.target import WORKTREE, choose, locate, opened
from vfs_cli.text import count, date, format_size, readable

if TYPE_CHECKING:
    from vfs.git import CommitInfo
    from vfs.workspace import Workspace


class State(NamedTuple):
    """What a path was in one commit: equal identities mean equal contents; `size` in bytes."""

    identity: object
    size: int | None
    files: int


@click.command(
    "log",
    cls=VerbCommand,
    examples=(
        ("vfs log data/images", "when the data changed, and how large it was"),
        ("vfs log -n 3 --rev v2.0", "the last three commits before a tag"),
        (
            "vfs log train",
            "a stage: when it ran, on which commit, how long, how much it read, how it ended",
        ),
        ("vfs log train --output", "what its last run printed"),
        ("vfs log --json data | jq .size", "for programs"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath),
)
@click.argument("path", type=PATH, required=False, metavar="[PATH|STAGE]")
@click.option(
    "-n",
    "limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Most commits, or runs, to show.",
)
@click.option(
    "--scan",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Most commits to look at.",
)
@click.option("--output", "printed", is_flag=True, help="What the last run of a stage printed.")
@rev_option
@repo_option
@mount_option
@json_option
def command(
    path: str | None,
    limit: int,
    scan: int,
    printed: bool,
    rev: str | None,
    repo: str | None,
    mount: str | None,
    as_json: bool,
) -> None:
    """Show the commits that changed PATH, also when only a pointer to its data changed.

    PATH may be a pointer, a tracked directory, or a file inside one. The name of a stage shows its runs in this working tree, if no commit has a
    path that is called so; dvc.yaml:STAGE is always the stage, and so is whatever --output is about. Of each run: 'read' is all that its command
    read, 'streamed' what of that was not here and came through the mount below its private view, 'fetched' what remotes sent for it.
    """
    output = Output(as_json)
    stage = path if (rev, repo, mount) == (None,) * 3 else None
    if stage is not None and (printed or not os.path.lexists(stage)):
        runs = stage_of(stage)
        if runs is not None:
            show_runs(output, runs, stage, limit, printed=printed)
            return
    if printed:
        raise UsageError("--output is about the runs of a stage", hint="vfs stage lists them")
    if path is None:
        target, wanted = choose(repo, mount, rev), b""
    else:
        target, wanted = locate(path, repo, mount, rev)
    start = "HEAD" if target.rev == WORKTREE else target.rev  # commits lead to it
    shown = looked = 0
    with opened(target) as workspace, Progress(quiet=as_json) as progress:
        for commit, state, changed in _states(workspace, wanted, start, scan, progress):
            looked += 1
            if not changed:
                continue
            progress.clear()
            _show(output, commit, state)
            shown += 1
            if shown == limit:
                break
    if not shown and path is not None:
        runs = stage_of(stage) if stage is not None else None
        if runs is not None:
            show_runs(output, runs, path, limit, printed=False)
            return
        last = "last " if looked == scan else ""
        raise UnknownPath(
            f"none of the {last}{count(looked, 'commit')} of {start} has {readable(wanted)}",
            hint="`vfs ls` shows what is there" + ("; --scan N looks at more" if last else ""),
        )


def _states(
    workspace: "Workspace", path: bytes, rev: str, scan: int, progress: Progress
) -> "Iterator[tuple[CommitInfo, State | None, bool]]":
    """Commits, newest first, with their state of `path` and whether it differs from that of their first parent."""
    states: dict[str, State | None] = {}

    def state(commit: str) -> State | None:
        if commit not in states:
            states[commit] = _state(workspace, commit, path)
        return states[commit]

    for number, commit in enumerate(workspace.repository.log(None, rev, scan)):
        progress.step("commits", number, None)
        now = state(commit.oid)
        before = state(commit.parents[0]) if commit.parents else None
        yield commit, now, (now and now.identity) != (before and before.identity)
        states.pop(commit.oid, None)


def _state(workspace: "Workspace", commit: str, path: bytes) -> State | None:
    """What `path` is in a commit; None if it is not there, or the commit is not (a shallow clone's edge)."""
    from vfs.workspace.patience import BRIEF

    try:
        shown = workspace.snapshot(commit, patience=BRIEF)
    except UnknownRevision:
        return None
    try:
        found = shown.resolve(path)
    except UnknownPath:
        return None
    except VfsError as error:  # below what cannot be served
        return State((Kind.BROKEN, None, error.message), 0, 0)
    if isinstance(found, Entry):
        return State((found.kind, found.digest, found.problem), found.size, 1)
    weight = found.weigh()
    return State(found.identity, weight.size, weight.files)


def _show(output: Output, commit: "CommitInfo", state: State | None) -> None:
    if output.json:
        fields: dict[str, Any] = {
            "commit": commit.oid,
            "time": commit.time,
            "author": commit.author,
            "summary": commit.summary,
            "present": state is not None,
            "size": None if state is None else state.size,
            "files": 0 if state is None else state.files,
        }
        output.document("commit", fields)
        return
    what = (
        "removed"
        if state is None
        else f"{format_size(state.size or 0)} in {count(state.files, 'file')}"
    )
    output.line(f"{commit.oid[:12]} {date(commit.time)}  {what:<28} {commit.summary}")
