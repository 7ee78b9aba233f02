"""Where the command of a stage runs: in the working tree, or in a view of its own.

The seam: a run makes a `Job` and asks an `Executor` for a `Room` of it. What the executor does on entering comes *before the command* (outs
are out of the way), `Room.run` *is* it, `Room.outs` takes what it made into the cache, and `Room.settle` brings that to the working tree.
Leaving the context cleans up, whatever happened.
"""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vfs.formats.stage_values import Definition, Locked, LockedItem
from vfs.pipeline import recording
from vfs.pipeline.attending import Attending
from vfs.pipeline.clearing import clear
from vfs.pipeline.logs import Streams
from vfs.pipeline.measure import Measure
from vfs.pipeline.nodes import Stage
from vfs.pipeline.reads import Reads, Report
from vfs.pipeline.restoring import Restorer
from vfs.tracking.project import Project

if TYPE_CHECKING:
    from vfs.sandbox.trace import Trace

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
        inherited: descriptors that a command keeps as long as anything of it runs, where it may go on after us.
    """

    stage: Stage
    lines: tuple[str, ...]
    shell: str
    cwd: bytes
    env: Mapping[str, str]
    streams: Streams
    inherited: tuple[int, ...] = ()

    @property
    def commands(self) -> list[list[str]]:
        """What is run, one after the other: of several lines each is shown before it runs, so that one sees which fails."""
        if len(self.lines) < 2:
            return [shell_command(self.shell, line) for line in self.lines]
        shown = (f"printf '%s\\n' {shlex.quote(f'> {line}')}" for line in self.lines)
        pairs = zip(shown, self.lines, strict=True)
        return [shell_command(self.shell, line) for pair in pairs for line in pair]


class Means(NamedTuple):
    """What a room works with.

    Attributes:
        measure: of the working tree.
        restorer: for it.
        locked: DVC's lock, however long that takes.
        checkout: cached outs are to lie in the working tree afterwards.
        check: raises if a signal came, for long work before the command.
    """

    measure: Measure
    restorer: Restorer
    locked: Callable[[], AbstractContextManager[None]]
    checkout: bool
    check: Callable[[], object]


class Room(Protocol):
    """Where one job runs.

    Attributes:
        notes: what the user should know of it, and was not told yet.
        trace: what the command touched, if that was recorded.
        reads: how much it read.
        ghosts: the first paths that it looked for in vain.
        report: what its lazy mount did meanwhile; None without one.
    """

    notes: list[str]
    trace: "Trace | None"
    reads: Reads
    ghosts: list[bytes]
    report: Report | None

    def run(self, job: Job, attending: Attending) -> int:
        """Run the lines in order, up to the first that fails; its exit status (negative: the signal that ended it).

        Raises:
            Unsupported: they cannot be run here.
        """

    def proposed(self) -> Definition | None:
        """The declaration of the stage with what its command touched, before `outs`; None if that is not known. Raises StageFailed (it could not touch something), StoreError."""

    def use(self, stage: Stage) -> None:
        """The stage is declared so from now on."""

    def outs(self) -> dict[str, LockedItem]:
        """Take what it made into the cache, on the disk; under DVC's lock. Raises as `recording.outs`."""

    def settle(self, run: Locked) -> None:
        """The outs are in the cache: bring them to the working tree, if they are not there. Raises StoreError."""


class Executor(Protocol):
    """Makes rooms.

    Attributes:
        lazy: commands find what is recorded and not in the working tree.
        jobs: commands at a time, unless somebody says how many.
    """

    lazy: bool
    jobs: int

    def room(self, project: Project, stage: Stage, means: Means) -> AbstractContextManager[Room]:
        """A room for a stage; entered under DVC's lock, left at any time.

        Raises:
            StoreError, Unsupported: there can be none.
        """


class InPlace:
    """The working tree itself, as DVC has it."""

    lazy = False
    jobs = 1

    @contextmanager
    def room(self, project: Project, stage: Stage, means: Means) -> Iterator[Room]:
        """The working tree, without the outs of the stage."""
        yield Here(project, stage, means, clear(project, stage, means.measure))


class Here:
    """The working tree as a room; the outs are out of the way."""

    def __init__(self, project: Project, stage: Stage, means: Means, notes: list[str]) -> None:
        self._project = project
        self._stage = stage
        self._means = means
        self.notes = notes
        self.trace: Trace | None = None
        self.reads = Reads()
        self.report: Report | None = None
        self.ghosts: list[bytes] = []

    def run(self, job: Job, attending: Attending) -> int:
        """As `Room.run`."""
        import subprocess  # a tenth of the start of a command that may run nothing

        for command in job.commands:
            with attending.held():
                try:
                    process = subprocess.Popen(
                        command, cwd=job.cwd, env=job.env,
                        stdin=job.streams.stdin, stdout=job.streams.stdout, stderr=job.streams.stderr,
                        pass_fds=job.inherited,
                    )  # fmt: skip
                except FileNotFoundError:
                    return 127
                with attending.running(process):
                    status = process.wait()
            if status:
                return status
        return 0

    def proposed(self) -> Definition | None:
        """Nothing is known."""
        return None

    def use(self, stage: Stage) -> None:
        """As `Room.use`."""
        self._stage = stage

    def outs(self) -> dict[str, LockedItem]:
        """As `Room.outs`."""
        return recording.outs(self._project, self._stage)

    def settle(self, run: Locked) -> None:
        """They are there, unless they are not to be."""
        if not self._means.checkout:
            clear(self._project, self._stage, self._means.measure, uncached=False)


def shell_command(shell: str, line: str) -> list[str]:
    """The arguments that let a shell run a line without reading anybody's configuration (source: DVC's `stage/run.py`)."""
    return [shell, *_OPTIONS.get(os.path.basename(shell).lower(), ()), "-c", line]
