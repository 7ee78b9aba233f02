"""Walking the graph: each stage after all it depends on; what changed is run.

Rules (DVC's, source: `repo/reproduce.py`):

* A stage is judged when all it depends on is done: what these made decides.
* A source whose data changed is committed, as `vfs commit` does; imports are left alone.
* The first failure ends the walk. With `keep_going` only what depends on the failed stage is left out.
* With several jobs a stage begins as soon as all it depends on is done.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

from vfs.errors import StageFailed, VfsError
from vfs.git.here import tracked
from vfs.pipeline.attending import Attending
from vfs.pipeline.before import check_deps
from vfs.pipeline.changed import Judge, Reason
from vfs.pipeline.checks import refusal
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Node, Source, Stage
from vfs.pipeline.run import Done, Outcome, Runner, Said
from vfs.tracking.commit import commit
from vfs.tracking.part import GONE
from vfs.tracking.project import Project


class Options(NamedTuple):
    """What a walk does.

    Attributes:
        force: run stages that did not change.
        dry: only tell which would run.
        keep_going: go on after a failure.
        jobs: commands at a time.
        wait: seconds to wait for DVC's lock.
    """

    force: bool = False
    dry: bool = False
    keep_going: bool = False
    jobs: int = 1
    wait: float = 0.0


class Heard(Said, Protocol):
    """Who tells the user of a walk."""

    def unchanged(self, stage: Stage) -> None:
        """Nothing is to be done."""

    def changed(self, stage: Stage, reasons: Sequence[Reason]) -> None:
        """A stage is going to run, or would."""

    def follows(self, stage: Stage, needed: Sequence[Stage]) -> None:
        """A stage would be looked at again, after these have run."""

    def done(self, stage: Stage, done: Done) -> None:
        """A stage is up to date now."""

    def failed(self, stage: Stage, error: VfsError, skipped: Sequence[Node]) -> None:
        """A stage failed; these are left out."""

    def stopped(self, stage: Stage, error: VfsError) -> None:
        """A stage failed, and the walk is going to end with that error."""


@dataclass(slots=True)
class Walked:
    """What a walk did.

    Attributes:
        changed: stages that ran, or would.
        followed: of a dry run, stages that depend on those and did not change themselves.
        failed: stages, and why.
        skipped: nodes that depend on those.
        written: files that Git is to take.
    """

    changed: list[Stage] = field(default_factory=list)
    followed: list[Stage] = field(default_factory=list)
    failed: list[tuple[Stage, VfsError]] = field(default_factory=list)
    skipped: list[Node] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)


class Walk:
    """One walk; use it once."""

    def __init__(
        self,
        project: Project,
        graph: Graph,
        judge: Judge,
        runner: Runner,
        options: Options,
        heard: Heard,
    ) -> None:
        self._project = project
        self._graph = graph
        self._judge = judge
        self._runner = runner
        self._options = options
        self._heard = heard
        self._checked = False
        self._refused: VfsError | None = None
        self._left_out: set[Node] = set()
        self.walked = Walked()

    def go(self, nodes: Sequence[Node], attending: Attending) -> Walked:
        """Bring nodes up to date, in their order.

        Raises:
            VfsError: the first failure, unless the walk goes on after it; then StageFailed at its end.
            KeyboardInterrupt, SystemExit: a signal came.
        """
        self._nodes = nodes
        if not self._options.keep_going:
            check_deps(self._project, self._graph, nodes)
        self._judge.warm(node for node in nodes if isinstance(node, Stage))
        try:
            if self._options.jobs > 1 and not self._options.dry:
                self._side_by_side(nodes, attending)
            else:
                for node in nodes:
                    attending.check()
                    if node not in self._left_out:
                        self._took(node, partial(self._node, node))
        finally:
            self._runner.restorer.remember()
        if self.walked.failed:
            raise _failure(self.walked)
        return self.walked

    def _took(self, node: Node, work: Callable[[], None]) -> None:
        """Do the work of a node; what a failure means."""
        try:
            work()
        except VfsError as error:
            if not isinstance(node, Stage) or error is self._refused:
                raise
            if not self._options.keep_going:
                self._heard.stopped(node, error)
                raise
            after = self._graph.after(node) - self._left_out
            skipped = [one for one in self._nodes if one in after]
            self._left_out.update(skipped)
            self.walked.failed.append((node, error))
            self.walked.skipped += skipped
            self._heard.failed(node, error, skipped)

    def _node(self, node: Node) -> None:
        if isinstance(node, Source):
            self._source(node)
            return
        with self._runner.guard, self._runner.interruptible():
            reasons = self._reasons(node)
            if not reasons and not self._options.force:
                self._unchanged(node)
                return
            if not (self._options.dry and node.definition.frozen):
                self.walked.changed.append(node)
            self._heard.changed(node, reasons)
            if self._options.dry:
                return
            self._check_tracked()
            if self._pulled(node, reasons):
                return
        done = self._runner.run(node, force=self._options.force)
        self.walked.written += done.written
        self._heard.done(node, done)

    def _reasons(self, stage: Stage) -> list[Reason]:
        try:
            return self._judge.reasons(stage)
        except VfsError:
            if not self._not_run(stage):
                raise
            return []  # what it lacks would be made first

    def _not_run(self, stage: Stage) -> list[Stage]:
        """What a stage depends on and a dry run did not run."""
        followed = (*self.walked.changed, *self.walked.followed) if self._options.dry else ()
        return [node for node in self._graph.needs(stage) if node in followed]

    def _unchanged(self, stage: Stage) -> None:
        """Nothing is to be done, or nobody knows: what a dry run did not run may change what the stage depends on."""
        needed = self._not_run(stage)
        if not needed:
            self._heard.unchanged(stage)
            return
        self.walked.followed.append(stage)
        self._heard.follows(stage, needed)

    def _pulled(self, stage: Stage, reasons: Sequence[Reason]) -> bool:
        """Bring what is recorded and not here, if that is wished; whether nothing is left to do."""
        puller = self._runner.puller
        if puller is None:
            return False
        with self._runner.locked(self._options.wait):
            locked = None if self._options.force else stage.locked
            if locked is not None and puller.outs(stage, reasons):
                self._runner.measure.forget((*stage.out_paths, *stage.dep_paths))
                self._heard.done(stage, Done(Outcome.PULLED, [], locked))
                return True
            puller.deps(stage, reasons)
            self._pull_rest(stage)
            self._runner.measure.forget(stage.dep_paths)
        return False

    def _pull_rest(self, node: Node) -> None:
        """Bring what lacks in directories that are here in part, if that is wished and no view shows it."""
        runner = self._runner
        if runner.puller is not None and not runner.measure.lazy:
            paths = list(node.out_paths)
            if isinstance(node, Stage):
                outs = node.definition.outs
                paths = [*node.dep_paths, *(out.path for out in outs if out.persist and out.path)]
            runner.puller.rest(runner.absent, paths)
            runner.measure.forget(paths)

    def _source(self, source: Source) -> None:
        """Commit data that changed and that is the user's own."""
        project = self._project
        claims = [claim for claim in project.survey.claims.own if claim.pointer == source.file]
        if self._options.dry or any(claim.source is not None for claim in claims):
            return
        with self._runner.guard:
            if self._runner.puller is not None:
                with self._runner.locked(self._options.wait):
                    self._pull_rest(source)
            differs = [
                claim.out.path
                for claim in claims
                if not self._runner.measure.is_recorded(claim.out)
            ]
            if differs:
                with self._runner.locked(self._options.wait):
                    # A stage that needs what is not here is refused when it is due.
                    added = commit(project, differs, keep=True)
                self.walked.written += added.written
                for note in added.notes:
                    if note.code == GONE:
                        self._heard.note(note.message)
                self._runner.absent.committed(source.file)
                self._runner.measure.forget(differs)

    def _check_tracked(self) -> None:
        """Refuse outs that Git tracks before anything runs, whichever stage comes to it first. Raises FormatError."""
        if self._refused is not None:
            raise self._refused
        if self._checked:
            return
        self._checked = True
        owners = {
            out.path: node
            for node in self._nodes
            if isinstance(node, Stage)
            for out in node.definition.outs
            if out.cached and out.path is not None
        }
        found = tracked(self._project.top, list(owners))
        if found is None:
            return
        out = next(path for path in owners if (found + b"/").startswith(path + b"/"))
        name = out.decode("utf-8", "backslashreplace")
        self._refused = refusal(
            owners[out], f"the out {name} is tracked by Git",
            f"git rm -r --cached {name}; or declare it with `cache: false`",
        )  # fmt: skip
        raise self._refused

    # Several jobs ---------------------------------------------------------------------------------

    def _side_by_side(self, nodes: Sequence[Node], attending: Attending) -> None:
        among = set(nodes)
        waiting = {node: {one for one in self._graph.needs(node) if one in among} for node in nodes}
        running: dict[Future[None], Node] = {}
        with ThreadPoolExecutor(self._options.jobs, thread_name_prefix="vfs-stage") as pool:
            try:
                while waiting or running:
                    self._start(waiting, running, pool)
                    if not running:
                        break
                    ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in ended:
                        node = running.pop(future)
                        self._took(node, future.result)
                        _settle(waiting, [node])
                    attending.check()
            except BaseException:
                waiting.clear()
                raise

    def _start(
        self,
        waiting: dict[Node, set[Node]],
        running: dict[Future[None], Node],
        pool: ThreadPoolExecutor,
    ) -> None:
        for node in [node for node in waiting if node in self._left_out]:
            del waiting[node]
        for node in [node for node, needs in waiting.items() if not needs]:
            if len(running) >= self._options.jobs:
                return
            del waiting[node]
            running[pool.submit(self._node, node)] = node


def _settle(waiting: dict[Node, set[Node]], done: Iterable[Node]) -> None:
    for needs in waiting.values():
        needs.difference_update(done)


def _failure(walked: Walked) -> StageFailed:
    names = ", ".join(stage.address() for stage, _ in walked.failed)
    also = f"; left out: {len(walked.skipped)} that depend on them" if walked.skipped else ""
    return StageFailed(f"failed: {names}{also}")
