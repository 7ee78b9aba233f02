"""Commands in a private view (`vfs.sandbox`): the working tree gets the outs, when the command ended well, and nothing else of what it wrote.

Rules:

* Outs are out of the way before the command, as in place, and back if it fails; `persist` ones are seen, and what the command changed of them is brought.
* What else was written or deleted is undeclared: told, and kept in the scratch.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vfs.pipeline.attending import Attending
from vfs.pipeline.clearing import clear, put_back, scratch
from vfs.pipeline.executor import Job, Room, shell_command
from vfs.pipeline.measure import Measure
from vfs.pipeline.nodes import Stage
from vfs.sandbox.changes import Change, Kind, What, strip
from vfs.sandbox.view import View
from vfs.tracking.links import failed
from vfs.tracking.project import Project, is_inside, told

_SHOWN = 5


class Private:
    """A view of its own for each stage."""

    @contextmanager
    def room(self, project: Project, stage: Stage, measure: Measure) -> Iterator[Room]:
        """The working tree under an overlay."""
        former = scratch(project, stage) + b"/former"
        notes = clear(project, stage, measure, former)
        through = [os.path.join(project.root, b".dvc"), b".git"]
        view = View(project.top, scratch(project, stage) + b"/view", through=through)
        room = _View(project, stage, view, notes)
        try:
            yield room
        finally:
            if not room.brought:
                put_back(project, stage, former)
            shutil.rmtree(former, ignore_errors=True)
            measure.forget(stage.out_paths)
            view.close(keep=room.keep)


class _View:
    def __init__(self, project: Project, stage: Stage, view: View, notes: list[str]) -> None:
        self.top = project.top
        self.notes = notes
        self._project = project
        self._stage = stage
        self._view = view
        self.brought = False
        self.keep = True  # of a run that failed, for whoever looks why

    def run(self, job: Job, attending: Attending) -> int:
        lines = [shell_command(job.shell, line) for line in job.lines]
        with attending.held(), attending.running(self._view):
            status = self._view.run(
                lines, job.cwd, job.env,
                stdin=job.streams.stdin, stdout=job.streams.stdout, stderr=job.streams.stderr,
            )  # fmt: skip
        return status.code

    def afterwards(self) -> list[str]:
        """Bring outs to the working tree; what is to be told of the rest."""
        undeclared: list[Change] = []
        for change in list(self._view.changes()):
            if any(is_inside(change.path, out) for out in self._stage.out_paths):
                self._place(change)
            elif change.kind is not Kind.DIRECTORY:
                undeclared.append(change)
        self.brought = True
        self.keep = bool(undeclared)
        if not undeclared:
            return []
        shown = ", ".join(f"{told(one.path)} ({one.what.value})" for one in undeclared[:_SHOWN])
        return [f"undeclared, and only in {os.fsdecode(self._view.scratch)}: {shown}"]

    def settle(self) -> None:
        """They are there."""

    def _place(self, change: Change) -> None:
        source = os.path.join(self._view.upper, change.path)
        target = self._project.absolute(change.path)
        try:
            if change.what is What.DELETED:
                with suppress(FileNotFoundError):
                    os.unlink(target)
            elif change.kind is Kind.DIRECTORY:
                os.makedirs(target, exist_ok=True)
            elif change.what is What.MODE:
                os.chmod(target, change.mode)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.isdir(target) and not os.path.islink(target):
                    shutil.rmtree(target)
                strip(source)
                os.replace(source, target)
        except OSError as error:
            raise failed(target, error) from error
