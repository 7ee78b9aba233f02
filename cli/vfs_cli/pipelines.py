"""What the verbs of pipelines have in common: the opened repository, and telling what a walk does."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vfs.errors import StageFailed, UsageError, VfsError
from vfs_cli.exits import Errors
from vfs_cli.output import Output
from vfs_cli.progress import Progress
from vfs_cli.target import Target, choose, opening
from vfs_cli.tracking import WRITE

if TYPE_CHECKING:
    from vfs.pipeline.changed import Reason
    from vfs.pipeline.executor import Executor
    from vfs.pipeline.nodes import Node, Stage
    from vfs.pipeline.run import Done, Setting
    from vfs.pipeline.session import Session

RUN: Errors = (*WRITE, StageFailed)
"""Running stages."""


class Work(NamedTuple):
    """The pipelines of the repository here.

    Attributes:
        session: they.
        target: for paths.
    """

    session: "Session"
    target: Target


@contextmanager
def pipelines(progress: Progress, *, looks: bool = False) -> Iterator[Work]:
    """Open what there is in the repository of the current directory; `looks`: nothing is to be written.

    Raises:
        UsageError: there is no working tree here.
        VfsError: as `vfs.pipeline.session.opened`.
    """
    target = choose(None, None, "worktree")
    if target.mount is not None:
        raise UsageError(
            f"{target.mount.mountpoint} is a mount, which is read-only", hint=f"cd {target.repo}"
        )
    with pipelines_of(target, progress, looks=looks) as work:
        yield work


@contextmanager
def pipelines_of(target: Target, progress: Progress, *, looks: bool = False) -> Iterator[Work]:
    """As `pipelines`, of a working tree that is known."""
    with opening(target) as workspace:
        from vfs.pipeline.session import opened

        with opened(Path(target.repo), workspace, target.here, progress.step, looks=looks) as session:  # fmt: skip
            yield Work(session, target)


def view_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where commands run."""
    for option in reversed(_VIEW):
        function = option(function)
    return function


_VIEW = (
    click.option("--in-place", is_flag=True, help="Run commands in the working tree, as DVC does, instead of a private view of it."),
    click.option("--no-checkout", is_flag=True, help="Leave cached outs to the cache: mounts and later stages have them."),
    click.option("--keep", is_flag=True, help="Keep what a command wrote that failed."),
)  # fmt: skip


def setting(target: Target, output: Output, executor: "Executor", **options: Any) -> "Setting":
    """How commands are run from here."""
    from vfs.config.environment import environment
    from vfs.pipeline.run import Setting

    env = dict(environment())
    shell = env.get("SHELL") or "/bin/sh"
    return Setting(target.here, executor, shell, env, json=output.json, **options)


@contextmanager
def executor(
    target: Target,
    progress: Progress,
    *,
    in_place: bool,
    keep: bool,
    passing: bool = False,
    url: str | None = None,
) -> "Iterator[Executor]":
    """Where commands run; `url`: of a scheduler, on its workers."""
    if url is not None:
        from vfs.cluster.room import Workers
        from vfs.cluster.scheduler import Scheduler

        if in_place or keep:
            raise UsageError("--executor goes with neither --in-place nor --keep")
        with Scheduler(url) as scheduler:
            yield Workers(scheduler)
        return
    if in_place:
        from vfs.pipeline.executor import InPlace

        yield InPlace()
        return
    from vfs.daemon.lazy_mount import LazyMount
    from vfs.pipeline.private import Private

    with LazyMount(target.repo, progress.data) as lower:
        yield Private(lower, keep=keep, passing=passing)


class Teller:
    """Tells the user what a walk does (`vfs.pipeline.repro.Heard`)."""

    def __init__(self, output: Output, progress: Progress, target: Target, *, dry: bool) -> None:
        self._output = output
        self._progress = progress
        self._here = target.here
        self._dry = dry
        self._reasons: dict[Stage, Sequence[Reason]] = {}
        self._following: set[Stage] = set()

    def unchanged(self, stage: "Stage") -> None:
        """Nothing is to be done."""
        self.line(f"Stage {self.name(stage)} did not change.")
        self.document(stage, "unchanged")

    def changed(self, stage: "Stage", reasons: "Sequence[Reason]") -> None:
        """A stage is going to run, or would."""
        self._reasons[stage] = reasons
        if self._dry and stage.definition.frozen:
            self.line(f"Stage {self.name(stage)} is frozen: what lies there would be recorded: {why(reasons, stage, self._here)}")  # fmt: skip
            self.document(stage, "would-record")
        elif self._dry:
            self.line(f"Stage {self.name(stage)} would run: {why(reasons, stage, self._here)}")
            for line in commands(stage):
                self.line(f"> {line}")
            self.document(stage, "would-run")

    def follows(self, stage: "Stage", needed: "Sequence[Stage]") -> None:
        """A stage would be looked at again, after these have run."""
        may = all(one in self._following for one in needed)
        self._following.add(stage)
        names = ", ".join(self.name(one) for one in needed)
        self.line(
            f"Stage {self.name(stage)} depends on {names}, which {'may run then' if may else 'would run'}."
        )
        self.document(stage, "may-run", depends_on=[one.address(self._here) for one in needed])

    def begins(self, stage: "Stage", lines: tuple[str, ...]) -> None:
        """A command is about to run."""
        reasons = self._reasons.get(stage)
        self.line(
            f"Running stage {self.name(stage)}{f': {why(reasons, stage, self._here)}' if reasons else ''}"
        )
        if len(lines) == 1:  # of several each is shown before it runs
            self.line(f"> {lines[0]}")

    def ended(self, stage: "Stage") -> None:
        """What a command printed, which ran beside others, is about to be shown."""
        self.line(f"Output of stage {self.name(stage)}:")

    def restored(self, stage: "Stage") -> None:
        """Outs come from the cache instead of a run."""
        self.line(f"Stage {self.name(stage)} was run before; its outs come from the cache.")

    def note(self, text: str) -> None:
        """Something that somebody should know."""
        self._progress.clear()
        self._output.warning(text)

    def done(self, stage: "Stage", done: "Done") -> None:
        """A stage is up to date now."""
        if done.outcome.value == "pulled":
            self.line(f"Stage {self.name(stage)} was run elsewhere; its outs were fetched.")
        self.document(stage, done.outcome.value)

    def failed(self, stage: "Stage", error: VfsError, skipped: "Sequence[Node]") -> None:
        """A stage failed; these are left out."""
        self.note(error.message)
        self.document(stage, "failed", error=error.message)
        for node in skipped:
            self.line(f"{node.address(self._here)} is left out: it depends on what failed.")
            if self._output.json:
                self._output.document("stage", {**_names(node, self._here), "outcome": "skipped"})

    def stopped(self, stage: "Stage", error: VfsError) -> None:
        """A stage failed, and everything ends with that error."""
        self.document(stage, "failed", error=error.message)

    def document(self, stage: "Stage", outcome: str, **more: Any) -> None:
        """Tell a program what became of a stage."""
        if self._output.json:
            reasons = [reason_fields(reason) for reason in self._reasons.get(stage, ())]
            fields = {**_names(stage, self._here), "outcome": outcome, "reasons": reasons, **more}
            self._output.document("stage", fields)
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """Tell a person something."""
        if not self._output.json:
            self._progress.clear()
            self._output.line(text)
            sys.stdout.flush()

    def name(self, stage: "Stage") -> str:
        """A stage in a sentence."""
        return repr(stage.address(self._here))


def commands(stage: "Stage") -> tuple[str, ...]:
    """The lines of a stage's command."""
    command = stage.definition.command
    return tuple(command.splitlines()) if isinstance(command, str) else command


def why(reasons: "Sequence[Reason]", stage: "Stage", here: bytes) -> str:
    """Reasons as one line of text."""
    shown = ", ".join(told(reason, stage, here) for reason in reasons[:3])
    more = f" and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return shown + more if reasons else "it is forced"


def told(reason: "Reason", stage: "Stage", here: bytes) -> str:
    """A reason, with its path as one types it here (a stage's paths are relative to its `wdir`)."""
    from vfs.pipeline.nodes import typed

    one = stage.definition
    paths = {dep.written: dep.path for dep in one.deps}
    paths |= {params.written: params.path for params in one.params}
    paths |= {out.written: out.path for out in one.outs}
    path = paths.get(reason.path)
    if path is not None:
        return str(reason._replace(path=typed(path, here)))
    return str(reason)


def reason_fields(reason: "Reason") -> dict[str, Any]:
    """A reason as a part of a document."""
    return {key: value for key, value in reason._asdict().items() if value}


def _names(node: "Node", here: bytes) -> dict[str, Any]:
    file = node.file.decode("utf-8", "backslashreplace")
    return {"stage": node.address(here), "file": file}
