"""Stages on workers: an `Executor`. The rules and the order are in docs/pipelines.md, "Beyond one machine"."""

import io
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vfs.cluster.going import Going, going_on, plain_persistent
from vfs.cluster.placing import put_in_place
from vfs.cluster.scheduler import Scheduler
from vfs.cluster.wire import Result, Task
from vfs.errors import DataUnavailable, RemoteError, StageFailed, Unsupported
from vfs.formats.stage_values import DeclaredOut, Definition, Locked, LockedItem
from vfs.git.parcel import Parcel, packed
from vfs.pipeline import recording, scratches
from vfs.pipeline.absent import claim_of
from vfs.pipeline.attending import Attending
from vfs.pipeline.clearing import scratch, stale_outs
from vfs.pipeline.elsewhere import fetch, lacking, push
from vfs.pipeline.executor import Job, Means, Room
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters
from vfs.pipeline.private import through_link
from vfs.pipeline.reads import Reads, Report
from vfs.pipeline.written import persistent
from vfs.sandbox.trace import load
from vfs.tracking.links import failed
from vfs.tracking.project import Project, told
from vfs.workspace.outs import Claim

if TYPE_CHECKING:
    from vfs.sandbox.trace import Trace

_UNKNOWN: Final = 8
"""Stages handed out at a time if there are no workers yet: nobody knows how many come."""

_SAME: Final = (
    "the remote has to be the same place for workers as here, by a URL or path that all reach"
)


class Workers:
    """Makes rooms on the workers of a scheduler."""

    lazy = True

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.jobs = scheduler.threads or _UNKNOWN

    @contextmanager
    def room(self, project: Project, stage: Stage, means: Means) -> Iterator[Room]:
        """A room on whichever worker takes the stage; the working tree is packed as it is now.

        Raises:
            DataUnavailable: a dep is neither on the remote nor in the cache.
            ConfigError, RemoteError: there is no remote, or it does not take the deps.
            Unsupported: an out is never pushed or lies beyond a symlink, or too much would have to be sent.
            StoreError: Git cannot read the working tree.
        """
        _check_links(project, stage)
        absent = means.measure.absent
        assert absent is not None
        needed = absent.around([*stage.dep_paths, *persistent(stage.definition.outs)])
        made = {out.path for out in stage.definition.outs if out.cached and not out.push}
        kept = made | {claim.out.path for claim in needed if not claim.out.push}
        if kept:
            raise Unsupported(
                f"stage {stage.address()!r} cannot run on a worker: {told(min(filter(None, kept)))} has `push: false`",
                hint="data comes and goes by the remote; run this stage without --executor",
            )
        _check_persistent(project, stage, means, needed)
        before = recording.inputs(project, stage, means.measure, Parameters(project, means.measure))
        push(project, needed, means.check)
        outs = {claim.out.path for claim in absent.around([b""])}
        plain = plain_persistent(stage)
        outs.update(path for path in stage.out_paths if path not in plain)
        going = going_on(project, stage, means.measure)
        parcel = _parcel(project, stage, means, [*stage.dep_paths, *plain], outs)
        yield OnWorker(self._scheduler, project, stage, means, before, going, parcel)


def _check_links(project: Project, stage: Stage) -> None:
    """Refuse symlinks by which a worker would write outside of its tree. Raises Unsupported."""
    wdir, why = stage.definition.wdir, ""
    beyond = [path for path in stage.out_paths if through_link(project, path)]
    links = [path for path in plain_persistent(stage) if os.path.islink(project.absolute(path))]
    if through_link(project, os.path.join(wdir, b".")):
        why = f"a symlink leads to its directory {told(wdir)}"
    elif beyond:
        why = f"a symlink leads to its out {told(beyond[0])}"
    elif links:
        why = f"its out {told(links[0])} is a symlink"
    if why:
        raise Unsupported(
            f"stage {stage.address()!r} cannot run on a worker: {why}",
            hint="replace it by what it leads to; or run this stage without --executor",
        )


def _parcel(
    project: Project, stage: Stage, means: Means, also: Sequence[bytes], but: Collection[bytes]
) -> Parcel:
    """The working tree, packed in the scratch of the stage, which another run sweeps if this process is killed."""
    place = scratch(project, stage)
    scratches.sweep(os.path.dirname(place))
    try:
        scratches.begin(place)
        inner = os.path.join(place, b"parcel")
        os.mkdir(inner)
        return packed(project.top, also, but, inner, means.check)
    except OSError as error:
        raise failed(place, error) from error
    finally:
        scratches.end(place, set())


def _check_persistent(
    project: Project, stage: Stage, means: Means, claims: Iterable[Claim]
) -> None:
    """Refuse an out that the command goes on with and a remote has, if a worker would find another one. Raises Unsupported."""
    recorded = {one.out.path for one in claims if means.measure.is_recorded(one.out)}
    for path in persistent(out for out in stage.definition.outs if out.cached):
        if path not in recorded and os.path.lexists(project.absolute(path)):
            raise Unsupported(
                f"stage {stage.address()!r} goes on with {told(path)}, which is not as it is recorded",
                hint="vfs commit records it; or run this stage without --executor",
            )


class OnWorker:
    """One stage on a worker."""

    def __init__(
        self,
        scheduler: Scheduler,
        project: Project,
        stage: Stage,
        means: Means,
        before: Locked,
        going: Going,
        parcel: Parcel,
    ) -> None:
        self._scheduler = scheduler
        self._project = project
        self._stage = stage
        self._means = means
        self._before = before
        self._going = going
        self._parcel = parcel
        self._result = Result()
        self.notes: list[str] = []
        self.trace: Trace | None = None
        self.reads = Reads()
        self.report: Report | None = None
        self.ghosts: list[bytes] = []
        if not scheduler.threads:
            self.notes.append(
                f"the Dask scheduler at {scheduler.place} has no workers; stage {stage.address()!r} waits for one"
            )

    def run(self, job: Job, attending: Attending) -> int:
        """As `Room.run`."""
        task = Task(
            self._parcel, self._stage.definition, job.env["DVC_STAGE"], job.lines,
            os.path.basename(job.shell), self._before, self._going,
        )  # fmt: skip
        result = self._scheduler.result(task, attending)
        if result is None:
            return -attending.came
        _write(job.streams.stdout, result.log)
        self.notes += result.notes
        self.reads, self.ghosts = result.reads, [*result.ghosts]
        self.report = result.report
        if result.trace:
            self.trace = load(io.BytesIO(result.trace), "what a worker sent")
        result.check()
        self._result = result
        return result.status

    def proposed(self) -> Definition | None:
        """Not asked of workers."""
        return None

    def use(self, stage: Stage) -> None:
        """As `Room.use`."""
        self._stage = stage

    def outs(self) -> dict[str, LockedItem]:
        """As `Room.outs`: they are on the remote, and what no cache keeps is here."""
        project, result = self._project, self._result
        for one in result.sent:
            data = io.BytesIO(one.data)
            project.cache.receive(one.digest, data.readinto, is_tree=one.is_tree)
        project.cache.sync()
        claims = self._claims(self._elsewhere(self._stage.definition.outs))
        who = f"a worker ran stage {self._stage.address()!r}"
        try:
            gone = lacking(project, claims)
        except RemoteError as error:
            raise type(error)(
                f"{who}, and the remote cannot be asked for its outs; nothing was recorded: {error.message}",
                hint=_SAME,
            ) from error
        if gone:
            raise StageFailed(f"{who}, and the remote lacks {told(min(gone))}", hint=_SAME)
        return dict(result.outs)

    def settle(self, run: Locked) -> None:
        """As `Room.settle`: they are fetched, if they are to lie here. Raises DataUnavailable: one that no cache keeps is nowhere."""
        project, stage, measure = self._project, self._stage, self._means.measure
        stale = stale_outs(project, stage, measure, run, stage.definition.outs)
        plain = [out for out in stale if not out.cached]
        cached = [out for out in stale if out.cached] if self._means.checkout else []
        if not fetch(project, self._claims(self._elsewhere(plain))):
            raise DataUnavailable(
                f"a worker ran stage {stage.address()!r}, and what it made and no cache keeps could not be fetched; nothing was recorded",
                hint="vfs fsck --remote says what the remote lacks",
            )
        if not fetch(project, self._claims(self._elsewhere(cached))):
            self.notes.append(
                f"outs of stage {stage.address()!r} could not be fetched; vfs pull brings them"
            )
            cached = []
        self.notes += put_in_place(project, stage, self._means, run, stale, [*plain, *cached])

    def _elsewhere(self, outs: Iterable[DeclaredOut]) -> list[DeclaredOut]:
        """Those outs whose contents did not come with the result."""
        sent = {(one.digest, one.is_tree) for one in self._result.sent}
        items = self._result.outs
        return [
            out
            for out in outs
            if (items[out.written].digest, items[out.written].is_tree) not in sent
        ]

    def _claims(self, outs: Sequence[DeclaredOut]) -> list[Claim]:
        return [claim_of(self._stage, out, self._result.outs[out.written]) for out in outs]


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
