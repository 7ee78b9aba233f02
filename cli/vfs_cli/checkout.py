"""`vfs checkout`: data from the DVC cache into the working tree."""

import os
from typing import TYPE_CHECKING

import click

from vfs.control.client import call
from vfs.control.registry import find_mounts
from vfs.errors import FormatError, NoSuchMount, RepositoryBusy, UnknownPath, WouldOverwrite
from vfs_cli.exits import CACHE, MOUNT, READ, SNAPSHOT
from vfs_cli.group import VerbCommand
from vfs_cli.options import json_option, wait_option
from vfs_cli.output import Output
from vfs_cli.parameters import REV
from vfs_cli.sharing import (
    allow_missing_option,
    checked_out,
    conclude,
    glob_option,
    show_checkout,
    targets_argument,
    working,
)
from vfs_cli.target import WORKTREE

if TYPE_CHECKING:
    from vfs.workspace import Workspace

_ANSWER_SECONDS = 10.0


@click.command(
    "checkout",
    cls=VerbCommand,
    examples=(
        ("vfs checkout", "what the pointers here name, from the cache"),
        ("vfs checkout data/train --rev v1.0", "one directory as it was in v1.0"),
        ("vfs checkout --link mount data", "a link into the mount of this repository"),
        ("vfs checkout --force model.bin", "give up what was changed"),
    ),
    exits=(*MOUNT, *SNAPSHOT, UnknownPath, *READ, *CACHE, RepositoryBusy, WouldOverwrite),
)
@targets_argument
@click.option(
    "--rev", type=REV, metavar="REV",
    help="What REV's pointers name (default: the pointers as they lie here).",
)  # fmt: skip
@click.option(
    "--link", type=click.Choice(["copy", "reflink", "hardlink", "symlink", "mount"]),
    help="How files get here, or an error (default: what works of cache.type in DVC's configuration).",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace and remove also what the cache does not have.")
@allow_missing_option
@glob_option
@wait_option
@json_option
def command(
    targets: tuple[str, ...],
    rev: str | None,
    link: str | None,
    force: bool,
    allow_missing: bool,
    glob: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Make tracked files of the working tree what their pointers say, from the DVC cache.

    A TARGET is as for `vfs fetch`. What is right already is not touched. Without --force, nothing is replaced or removed that
    is not in the cache; such an output stays as it is, whole, and is named. Files that you put into a tracked directory
    stay. Without a TARGET, an output whose pointer is gone goes if nothing in it is yours. With --rev the pointers themselves stay those of this working tree, so `vfs status` tells a difference.
    """
    from vfs.tracking.checkout import How
    from vfs.tracking.gone import roots_here
    from vfs.tracking.uses import locked, uses

    output = Output(as_json)
    with working(targets, None, output) as work:
        mount, shown = _mount(work.workspace, rev) if link == "mount" else (b"", "")
        surveyed = work.workspace.survey(rev or WORKTREE, work.progress.step)
        selection, found = uses(surveyed, rev or WORKTREE, work.targets, glob=glob)
        if not any(use.wanted.inside for use in found):
            selection.check()
        whole = surveyed if rev is None and not targets else None
        with locked(work.workspace, found, wait, roots_here(work.workspace, whole)):
            done = checked_out(work, found, How(link, mount, shown, force, allow_missing), whole)
        if not done.troubles:
            selection.check()
    show_checkout(output, done)
    conclude(output, "checked out", done.troubles)
    if whole is not None:
        _refuse_broken(output, work.workspace)


def _refuse_broken(output: Output, workspace: "Workspace") -> None:
    """Name pipelines and pointers that cannot be used, whose outs nobody knows. Raises FormatError: there are some."""
    from vfs.pipeline.stages import tree_of
    from vfs.workspace.here import survey_here

    assert workspace.root is not None
    survey = survey_here(workspace.root)
    found = {error.message: error for error in tree_of(workspace.root, survey).errors}
    for problem in (*survey.claims.broken, *survey.claims.problems):
        if problem.code == FormatError.code:
            known = any(os.fsencode(error.file) == problem.path for error in found.values())
            error = FormatError(problem.message, hint=problem.hint)
            found.update({} if known else {problem.message: error})
    *others, last = found.values() or (None,)
    for error in others:
        output.warning(error.message)
    if last is not None:
        raise last


def _mount(workspace: "Workspace", rev: str | None) -> tuple[bytes, str]:
    """Where a mount of this repository shows a revision, and which commit that is ("": the working tree).

    Raises:
        NoSuchMount: it is not mounted.
    """
    records = [record for record in find_mounts() if record.repo == str(workspace.root)]
    if not records:
        raise NoSuchMount(
            f"{workspace.root} is not mounted anywhere", hint="vfs mount MOUNTPOINT, then again"
        )
    wanted = workspace.repository.resolve(rev or "HEAD").oid
    shown: list[tuple[bytes, str]] = []
    for record in records:
        status = call(record, "status", timeout=_ANSWER_SECONDS)
        shown.append((os.fsencode(record.mountpoint), str(status.get("commit") or "")))
    exact = [one for one in shown if one[1] == wanted or (rev is None and not one[1])]
    if exact or rev is None:
        return (exact or shown)[0]
    return os.path.join(shown[0][0], b".snapshots", os.fsencode(wanted)), wanted
