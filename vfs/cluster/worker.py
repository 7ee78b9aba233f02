"""What a worker does with a task: a tree, a private view of it, the command, its outs to the remote.

Rules:

* Nothing is run unless the inputs are those that the client has, by content.
* Outs are on the remote before the result names them. The worker writes no record of the run anywhere: that is the client's.
* A task that nobody waits for any more is ended (`vfs.cluster.watching`).
"""

import io
import math
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vfs import __version__
from vfs.cluster.going import going_on, other
from vfs.cluster.trees import tree_of
from vfs.cluster.watching import watched
from vfs.cluster.wire import Result, Sent, Task, encoded, task_of
from vfs.config import environment, load_settings
from vfs.daemon.lazy_mount import LazyMount
from vfs.errors import DataUnavailable, StageFailed, Unsupported, VfsError
from vfs.formats.lfs import MAX_BYTES, parse_lfs_pointer
from vfs.formats.stage_values import Locked, LockedItem
from vfs.objects import writing
from vfs.pipeline import recording
from vfs.pipeline.absent import NotHere, claim_of
from vfs.pipeline.attending import Attending
from vfs.pipeline.elsewhere import bring, push
from vfs.pipeline.executor import Executor, InPlace, Job, Means, Room
from vfs.pipeline.logs import Streams, kept
from vfs.pipeline.measure import Measure
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters
from vfs.pipeline.private import Private
from vfs.pipeline.restoring import Restorer
from vfs.pipeline.session import Session, opened
from vfs.sandbox.removal import remove
from vfs.sandbox.trace import Touch, save
from vfs.tracking.project import told
from vfs.tracking.record import record
from vfs.workspace.patience import WAITING

if TYPE_CHECKING:
    from vfs.workspace import Workspace

_SMALL: Final = 16 << 20  # bytes of outs that no cache keeps; of what a command printed
_HINT: Final = "what it needs has to be in Git, neither ignored nor a submodule nor an empty directory, or tracked; and the same on all machines, if it lies outside of the repository"


def work(version: str, data: bytes) -> dict[str, Any]:
    """Do a task, in a thread of a Dask worker; what `Scheduler.result` reads.

    Args:
        version: of the client's vfs.
        data: a `Task`, which only the same version reads.
    """
    if version != __version__:
        return {"version": __version__}
    attending = Attending()
    with watched(attending):
        try:
            result = _done(task_of(data), attending)
        except VfsError as error:
            result = Result.failed(error)
        except SystemExit:  # nobody reads it
            result = Result.failed(StageFailed("the task was cancelled"))
    return {"version": __version__, "result": encoded(result)}


def _done(task: Task, attending: Attending) -> Result:
    settings = load_settings(None)
    with (
        tree_of(task.parcel, settings.cache_dir, attending.check) as (tree, lock),
        _opened(tree, task) as session,
    ):
        stage = next((s for s in session.tree.stages if s.definition == task.definition), None)
        if stage is None:
            raise StageFailed(
                f"stage {task.address!r}: a worker does not find it as it is here; nothing was run",
                hint="what declares it has to be in Git, and not ignored: its dvc.yaml and the files of `vars`",
            )
        os.makedirs(session.project.absolute(stage.definition.wdir), exist_ok=True)
        attending.check()
        work = _Work(session, stage, task, attending, lock)
        with LazyMount(str(tree), work.heard) as lower:
            return work.result(Private(lower, passing=True))


@contextmanager
def _opened(tree: Path, task: Task) -> Iterator[Session]:
    with ExitStack() as stack:

        @cache
        def workspace() -> "Workspace":
            from vfs.workspace import open_workspace

            made = open_workspace(str(tree), load_settings(tree))
            stack.callback(made.close)
            return made

        here = os.path.dirname(task.definition.file)
        with opened(tree, workspace, here, lambda *_: None) as session:
            yield session


class _Work:
    """One stage."""

    def __init__(
        self,
        session: Session,
        stage: Stage,
        task: Task,
        attending: Attending,
        lock: tuple[int, ...],
    ) -> None:
        self._project = session.project
        self._stage = stage
        self._task = task
        self._attending = attending
        self._lock = lock
        self._absent = NotHere(session.project)
        self._measure = Measure(session.project, self._absent)
        self._log = session.root / ".git" / "vfs" / "stage.log"
        self._notes: list[str] = []

    def heard(self, progress: dict[str, Any]) -> None:
        """The mount waits for a remote: the client is to know why it took so long."""
        what, _, _ = str(progress.get("stage", "")).partition(",")
        note = f"a worker was {what}"
        if what.startswith(WAITING) and note not in self._notes:
            self._notes.append(note)

    def result(self, executor: Executor) -> Result:
        """Run it. Raises as `Executor.room` and `Room.run`, StageFailed: its inputs are others."""
        project, stage, task = self._project, self._stage, self._task
        try:
            before = recording.inputs(
                project, stage, self._measure, Parameters(project, self._measure)
            )
        except DataUnavailable as error:
            raise DataUnavailable(f"on a worker, {error.message}", hint=_HINT) from error
        differs = recording.changed(task.before, before) or recording.changed(before, task.before)
        differs = differs or other(task.going, going_on(project, stage, self._measure))
        if differs:
            raise StageFailed(
                f"stage {stage.address()!r}: a worker finds another {differs} than is here; nothing was run",
                hint=_HINT,
            )
        self._refuse_pointers(stage.dep_paths, "run")
        self._make_way()
        try:
            return self._in(executor, before)
        except Unsupported:  # neither a view nor a mount; here it is enough that all lies there
            claims = self._absent.around(stage.dep_paths)
            if not bring(project, [one for one in claims if one.out.path in self._absent.missing]):
                raise
            self._measure.forget()
            return self._in(InPlace(), before)

    def _make_way(self) -> None:
        """Remove what Git has where outs are to be: nobody needs it here, and there is nothing to tell of it."""
        for out in self._stage.definition.outs:
            assert out.path is not None
            absolute = self._project.absolute(out.path)
            if out.persist or not os.path.lexists(absolute):
                continue
            if os.path.isdir(absolute) and not os.path.islink(absolute):
                remove(absolute)
            else:
                os.unlink(absolute)

    def _in(self, executor: Executor, before: Locked) -> Result:
        project, stage = self._project, self._stage
        root = Path(os.fsdecode(project.absolute(project.root)))
        locked = partial(writing, root, math.inf)
        means = Means(
            self._measure, Restorer(project), locked, checkout=False, check=self._attending.check
        )
        self._log.unlink(missing_ok=True)
        with ExitStack() as stack:
            with locked():
                room = stack.enter_context(executor.room(project, stage, means))
            with kept(self._log, alone=False) as streams:
                status = room.run(self._job(streams), self._attending)
            self._attending.check()
            found = Result(
                status, _end_of(self._log), trace=_trace(room), reads=room.reads, ghosts=(*room.ghosts,), report=room.report
            )  # fmt: skip
            try:
                if not status:
                    with locked():
                        found = self._recorded(found, room, before)
            except VfsError as error:
                found = found._replace(error=Result.failed(error).error)
            stack.close()  # says the last
            return found._replace(notes=tuple(self._notes + room.notes))

    def _job(self, streams: Streams) -> Job:
        project, stage, task = self._project, self._stage, self._task
        env = dict(environment())
        shell = shutil.which(task.shell, path=env.get("PATH"))
        if shell is None:
            raise StageFailed(
                f"stage {stage.address()!r} is for the shell {task.shell}, which a worker does not have",
                hint="let SHELL name one that all have",
            )
        env |= {"DVC_ROOT": os.fsdecode(project.absolute(project.root)), "DVC_STAGE": task.address}
        cwd = os.path.join(project.top, stage.definition.wdir)
        return Job(stage, task.lines, shell, cwd, env, streams, self._lock)

    def _recorded(self, result: Result, room: Room, before: Locked) -> Result:
        """Take the outs, and let the remote have them."""
        stage, project = self._stage, self._project
        if room.trace is not None:
            self._refuse_pointers(room.trace.of(Touch.OPENED), "recorded")
        outs = room.outs()
        room.settle(Locked(before.command, before.deps, before.params, outs))
        claims = [claim_of(stage, o, outs[o.written]) for o in stage.definition.outs if o.cached]
        sent = self._small(outs)
        if sent is None:
            plain = (out for out in stage.definition.outs if not out.cached)
            claims += [claim_of(stage, out, outs[out.written]) for out in plain]
        push(project, claims, self._attending.check)
        return result._replace(outs=outs, sent=sent or ())

    def _refuse_pointers(self, paths: Iterable[bytes], what: str) -> None:
        """Refuse a file that is here as a pointer of Git LFS: on the client it may be what that stands for. Raises StageFailed."""
        for path in paths:
            if _is_pointer(self._project.absolute(path)):
                raise StageFailed(
                    f"stage {self._stage.address()!r} needs {told(path)}, which is a pointer of Git LFS on a worker; nothing was {what}",
                    hint="set up Git LFS on all workers (git lfs install); or run this stage without --executor",
                )

    def _small(self, outs: dict[str, LockedItem]) -> tuple[Sent, ...] | None:
        """Objects of the outs that no cache keeps, which are in the cache then; None: they are not small."""
        project = self._project
        plain = [out for out in self._stage.definition.outs if not out.cached and out.path]
        found = [record(project, o.path, outs[o.written].digest, store=True) for o in plain if o.path]  # fmt: skip
        recording.put_listings(project, found)
        if sum(one.content.size or 0 for one in found) > _SMALL:
            return None
        objects = {(one.content.digest, one.content.is_tree) for one in found}
        objects |= {(digest, False) for one in found for _, digest in one.entries}
        return tuple(
            Sent(digest, is_tree, project.cache.read(digest, is_tree=is_tree, limit=_SMALL))
            for digest, is_tree in objects
        )


def _end_of(log: Path) -> bytes:
    """What was printed; the last of it if it is much, since the scheduler has it in memory."""
    with log.open("rb") as file:
        left_out = max(0, os.fstat(file.fileno()).st_size - _SMALL)
        file.seek(left_out)
        said = f"[{left_out} bytes of output before this are left out]\n" if left_out else ""
        return said.encode() + file.read()


def _is_pointer(absolute: bytes) -> bool:
    with suppress(OSError):
        found = os.lstat(absolute)
        if stat.S_ISREG(found.st_mode) and found.st_size <= MAX_BYTES:
            return parse_lfs_pointer(Path(os.fsdecode(absolute)).read_bytes()) is not None
    return False


def _trace(room: Room) -> bytes:
    if room.trace is None:
        return b""
    file = io.BytesIO()
    save(room.trace, file)
    return file.getvalue()
