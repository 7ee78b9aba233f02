"""`vfs repro --rev`: a revision made again, and whether it comes out as it was recorded."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vfs_cli.failure import FOUND_WRONG
from vfs_cli.output import Output
from vfs_cli.pipelines import Teller, Work, pipelines_of
from vfs_cli.progress import Progress

if TYPE_CHECKING:
    from vfs.pipeline.graph import Graph
    from vfs.pipeline.nodes import Stage
    from vfs.pipeline.run import Done


@contextmanager
def at_revision(
    work: Work, rev: str, output: Output, progress: Progress, *, keep: bool
) -> Iterator[Work]:
    """The pipelines of a revision, in a tree that goes at the end.

    Raises:
        UnknownRevision: there is none.
        VfsError: as `passing_tree`, `pipelines_of`.
    """
    from vfs.pipeline.passing import passing_tree

    project, target = work.session.project, work.target
    commit = project.workspace.repository.resolve(rev).oid
    with passing_tree(project, commit, keep=keep) as place:
        tops = (place, *target.tops)
        with pipelines_of(target._replace(repo=str(place), tops=tops), progress) as made:
            yield made
        if keep:
            shown = os.path.relpath(place, Path.cwd())
            output.note(f"the tree of {rev} is kept: git worktree remove --force {shown}")


def graph_at(work: Work, rev: str) -> "Graph":
    """The graph of a revision. Raises FormatError: as `Session.graph`; what it lacks is brought with that revision."""
    from vfs.errors import FormatError

    try:
        return work.session.graph()
    except FormatError as error:
        if not error.heals:
            raise
        hint = f"`vfs fetch --rev {shlex.quote(rev)}` brings it, or says why it cannot"
        raise FormatError(
            error.problem, file=error.file, line=error.line, hint=hint, heals=True
        ) from error


class Again(Teller):
    """Tells what comes out otherwise than recorded."""

    def __init__(self, output: Output, progress: Progress, work: Work, rev: str, *, dry: bool) -> None:  # fmt: skip
        super().__init__(output, progress, work.target, dry=dry)
        self._rev = rev
        self._made = 0
        self._wrong = 0

    def done(self, stage: "Stage", done: "Done") -> None:
        """A stage was made again."""
        from vfs.formats.locked import entry
        from vfs.pipeline.recording import differing

        differs = differing(stage, done.run)
        same = None if differs is None else not differs
        self._made += 1
        self._wrong += not same
        if differs is None:
            self.line(f"Stage {self.name(stage)}: {self._rev} has no record to compare with.")
        elif differs:
            self.line(f"Stage {self.name(stage)} differs from its record: {', '.join(differs)}")
        else:
            self.line(f"Stage {self.name(stage)}: same as recorded.")
        lock = json.loads(json.dumps(entry(done.run), default=str))
        self.document(stage, done.outcome.value, reproduced=same, differs=differs or [], lock=lock)

    def end(self) -> None:
        """Say what it comes to. Raises Exit: something is not as it was recorded."""
        if not self._made:
            self.line(f"nothing was run: {self._rev} records all of it as it declares it; -f runs it all the same")  # fmt: skip
        elif not self._wrong:
            self.line(f"{self._made} of {self._made} stages: as {self._rev} records them")
        else:
            self.line(f"{self._wrong} of {self._made} stages: not as {self._rev} records them")
            raise click.exceptions.Exit(FOUND_WRONG)
