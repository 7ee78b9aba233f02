"""`vfs diff`: which files differ between two revisions, with their sizes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vfs.control.protocol import path_fields
from vfs.errors import UsageError
from vfs.types import Entry
from vfs_cli.entries import content_fields
from vfs_cli.exits import MOUNT, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, mount_option, repo_option
from vfs_cli.output import Output
from vfs_cli.parameters import REV
from vfs_cli.progress import Progress
from vfs_cli.target import WORKTREE, Target, choose, opened, snapshot
from vfs_cli.text import format_size, readable

if TYPE_CHECKING:
    from vfs.workspace import Change, Snapshot, Workspace


@click.command(
    "diff",
    cls=VerbCommand,
    examples=(
        ("vfs diff", "the working tree, tracked data included, against HEAD"),
        ("vfs diff v1.0 v1.1", "every file that differs, also inside tracked directories"),
        ("vfs diff v1.0..v1.1 --json", "the same for programs"),
        ("vfs diff v1.0 --mount /mnt/data", "what a mount shows, against v1.0"),
    ),
    exits=(*MOUNT, *SNAPSHOT, *READ),
)
@click.argument("revisions", type=REV, nargs=-1, metavar="[REV [REV]]")
@repo_option
@mount_option
@json_option
def command(revisions: tuple[str, ...], repo: str | None, mount: str | None, as_json: bool) -> None:
    """Show which files differ between two revisions.

    One REV is compared with the working tree or, in a mount or with --mount, with what the mount shows; without any, HEAD is.
    Contents are compared by their digests: of the working tree, only files are read that changed since they were last read.
    """
    old, new, target = _pair(revisions, repo, mount)
    output = Output(as_json)
    counts = {"added": 0, "removed": 0, "changed": 0}
    sizes = [0, 0]
    with opened(target) as workspace:
        with Progress(quiet=as_json) as progress:
            before, after = (snapshot(workspace, rev, progress) for rev in (old, new))
            changes = _changes(output, workspace, before, after, progress)
        for path, was, now in changes:
            change = "added" if was is None else "removed" if now is None else "changed"
            counts[change] += 1
            sizes[0] += was.size if was is not None else 0
            sizes[1] += now.size if now is not None else 0
            _show(output, change, path, was, now)
    if output.json:
        summary = {"old": old, "new": new, **counts, "old_size": sizes[0], "new_size": sizes[1]}
        output.document("summary", summary)
    elif any(counts.values()):
        text = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        output.note(f"{text}; {format_size(sizes[0])} -> {format_size(sizes[1])}")


def _changes(
    output: Output,
    workspace: "Workspace",
    before: "Snapshot",
    after: "Snapshot",
    progress: Progress,
) -> Iterator["Change"]:
    """What differs; of a working tree, what lies inside tracked data and not what its pointers say of it."""
    root = workspace.root
    if WORKTREE not in (before.rev, after.rev) or before.rev == after.rev or root is None:
        return before.diff(after)
    from vfs.tracking.difference import against_worktree
    from vfs.tracking.status import open_state, status

    with open_state(root) as table:
        report = status(root, table, progress=progress.step)
    for out in report.outs:
        if out.unlisted and out.change is not None:
            path = readable(out.use.out.path)
            output.warning(
                f"{path}: the cache does not have its list, or has it damaged (vfs fetch brings it): which files differ is not known"
            )
    if after.rev == WORKTREE:
        return against_worktree(before, after, report)
    return ((path, was, now) for path, now, was in against_worktree(after, before, report))


def _pair(
    revisions: tuple[str, ...], repo: str | None, mount: str | None
) -> tuple[str, str, Target]:
    """The two revisions, older first, and the target whose repository has them."""
    if len(revisions) == 1 and ".." in revisions[0] and "..." not in revisions[0]:
        left, _, right = revisions[0].partition("..")
        revisions = (left or "HEAD", right or "HEAD")
    if len(revisions) > 2:
        raise UsageError("more than two revisions", hint="vfs diff [REV [REV]]")
    target = choose(repo, mount, None)
    if len(revisions) == 2:
        return *revisions, target
    old = revisions[0] if revisions else "HEAD"
    if target.mount is not None:
        return old, target.rev, target
    return old, WORKTREE if Path(target.repo, ".git").exists() else "HEAD", target


def _show(output: Output, change: str, path: bytes, was: Entry | None, now: Entry | None) -> None:
    if output.json:
        fields = {
            **path_fields(path),
            "change": change,
            "old": None if was is None else content_fields(was),
            "new": None if now is None else content_fields(now),
        }
        output.document("change", fields)
    else:
        output.path(path, {"added": "A ", "removed": "D ", "changed": "M "}[change])
