"""Where the command of a stage runs: in the working tree, or in a view of its own.

The seam: a run makes a `Job` and asks an `Executor` for a `Room` of it. What the executor does on entering comes *before the command* (outs
are out of the way), `Room.run` *is* it, and *afterwards* the outs lie below `Room.top`, under the paths they have in the repository,
until `Room.settle` brings them to the working tree. Leaving the context cleans up, whatever happened.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from vfs.pipeline.attending import Attending
from vfs.pipeline.clearing import clear
from vfs.pipeline.logs import Streams
from vfs.pipeline.measure import Measure
from vfs.pipeline.nodes import Stage
from vfs.tracking.project import Project

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "bash": ("--noprofile", "--norc"),
    "zsh": ("--no-rcs",),
    "fish": ("--no-config",),
}


class Job(NamedTuple):
    """A stage that is to run.

    Attributes:
        stage: it.
        lines: its commands, each for a shell of its own.
        shell: path of the shell.
        cwd: where they run, absolute.
        env: all of their environment.
        streams: its standard input, output and error.
    """

    stage: Stage
    lines: tuple[str, ...]
    shell: str
    cwd: bytes
    env: Mapping[str, str]
    streams: Streams


class Room(Protocol):
    """Where one job runs.

    Attributes:
        top: below it lie the outs afterwards, under their paths of the repository.
        notes: what the user should know of it.
    """

    top: bytes
    notes: list[str]

    def run(self, job: Job, attending: Attending) -> int:
        """Run the lines in order, up to the first that fails; its exit status (negative: the signal that ended it)."""

    def afterwards(self) -> list[str]:
        """The command ended well: let the outs lie below `top`; what the user should know of what else it wrote. Raises StoreError."""

    def settle(self) -> None:
        """The outs are in the cache: bring them to the working tree, if they are not there. Raises StoreError."""


class Executor(Protocol):
    """Makes rooms."""

    def room(
        self, project: Project, stage: Stage, measure: Measure
    ) -> AbstractContextManager[Room]:
        """A room for a stage; entered under DVC's lock, left at any time.

        Raises:
            StoreError, Unsupported: there can be none.
        """


class InPlace:
    """The working tree itself, as DVC has it."""

    @contextmanager
    def room(self, project: Project, stage: Stage, measure: Measure) -> Iterator[Room]:
        """The working tree, without the outs of the stage."""
        notes = clear(project, stage, measure)
        yield _Here(project.top, notes)


class _Here:
    def __init__(self, top: bytes, notes: list[str]) -> None:
        self.top = top
        self.notes = notes

    def run(self, job: Job, attending: Attending) -> int:
        import subprocess  # a tenth of the start of a command that may run nothing

        for line in job.lines:
            with attending.held():
                try:
                    process = subprocess.Popen(
                        shell_command(job.shell, line), cwd=job.cwd, env=job.env,
                        stdin=job.streams.stdin, stdout=job.streams.stdout, stderr=job.streams.stderr,
                    )  # fmt: skip
                except FileNotFoundError:
                    return 127
                with attending.running(process):
                    status = process.wait()
            if status:
                return status
        return 0

    def afterwards(self) -> list[str]:
        """They lie where they are."""
        return []

    def settle(self) -> None:
        """They are there."""


def shell_command(shell: str, line: str) -> list[str]:
    """The arguments that let a shell run a line without reading anybody's configuration (source: DVC's `stage/run.py`)."""
    return [shell, *_OPTIONS.get(os.path.basename(shell).lower(), ()), "-c", line]
