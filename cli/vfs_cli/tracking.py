"""What `add`, `commit`, `remove` and `move` have in common: options, the locked repository, the end that says what Git is to take."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vfs.control.protocol import path_fields
from vfs.errors import (
    RepositoryBusy,
    StoreFull,
    UnknownPath,
    UnsafePath,
    UsageError,
    WouldOverwrite,
)
from vfs_cli.exits import READ, SNAPSHOT, Errors
from vfs_cli.output import Output
from vfs_cli.progress import Progress
from vfs_cli.target import Target, choose, opening
from vfs_cli.text import shell_word

if TYPE_CHECKING:
    from vfs.tracking.add import Added
    from vfs.tracking.project import Project

WRITE: Errors = (
    *SNAPSHOT,
    UnknownPath,
    UnsafePath,
    *READ,
    StoreFull,
    RepositoryBusy,
    WouldOverwrite,
)
"""Recording what lies in the working tree."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Work(NamedTuple):
    """A repository that is written to.

    Attributes:
        project: it, locked.
        paths: of the working tree, as the command line named them.
        target: for `show`.
    """

    project: "Project"
    paths: list[bytes]
    target: Target


@contextmanager
def working(names: Sequence[str], wait: float, progress: Progress) -> Iterator[Work]:
    """The repository that some paths lie in, under its lock.

    Raises:
        UsageError: there is no working tree here.
        VfsError: as `open_project`.
    """
    target = choose(None, None, "worktree")
    if target.mount is not None:
        raise UsageError(
            f"{target.mount.mountpoint} is a mount, which is read-only",
            hint=f"cd {target.repo}",
        )
    paths = [target.path(name) for name in names]
    with opening(target) as workspace:
        from vfs.tracking.project import open_project

        here = target.here + b"/." if target.here else b"."
        root, among = Path(target.repo), paths or [here]
        with open_project(root, workspace, among, progress.step, wait=wait) as project:
            yield Work(project, paths, target)


def show(output: Output, work: Work, done: "Added") -> None:
    """Say what was done, and what Git is to take; with `core.autostage` it takes it."""
    for note in done.notes:
        output.warning(note.message)
    if output.json:
        for out in done.outs:
            output.document("out", {**path_fields(out), "changed": out in set(done.changed)})
    elif not done.changed:
        output.line("Nothing changed.")
    else:
        for out in done.changed:
            output.path(work.target.typed(out))
    show_written(output, work.project, work.target, done.written)


def show_written(
    output: Output, project: "Project", target: Target, written: Sequence[bytes]
) -> None:
    """Say what Git is to take; with `core.autostage` it takes it."""
    staged = project.store.autostage
    if staged and written:
        from vfs.git.here import stage

        stage(project.top, written)
    if output.json:
        for file in written:
            output.document("written", path_fields(file))
    elif written and not staged:
        output.line("")
        output.line("To track the changes with Git, run:")
        output.line("")
        output.line("    git add " + " ".join(shell_word(target.typed(file)) for file in written))
