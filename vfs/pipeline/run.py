"""One run of one stage: steps 1 to 9 of docs/pipelines.md.

Rule: whatever happens, and whenever, the lock has its old entry or that of a run that ended well, whose outs are in the cache.
"""

import math
import os
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vfs.core.interrupting import interruptible
from vfs.errors import StageFailed, VfsError
from vfs.formats.run_cache import cacheable
from vfs.formats.stage_values import DeclaredOut, Definition, Locked
from vfs.objects import writing
from vfs.pipeline import recording
from vfs.pipeline.absent import NotHere
from vfs.pipeline.attending import Attending
from vfs.pipeline.before import no_directory
from vfs.pipeline.changed import lines_of
from vfs.pipeline.clearing import clear
from vfs.pipeline.executor import Executor, Job, Means, Room
from vfs.pipeline.history import History, Record
from vfs.pipeline.logs import kept, printed, show
from vfs.pipeline.measure import Measure, Place
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters
from vfs.pipeline.restoring import Restorer
from vfs.pipeline.runcache import RunCache, have_outs
from vfs.pipeline.running import claimed
from vfs.tracking.caches import Caches
from vfs.tracking.part import with_unseen
from vfs.tracking.project import Project

if TYPE_CHECKING:
    from vfs.pipeline.pulling import Puller


class Outcome(StrEnum):
    """How a stage was brought up to date."""

    RAN = "ran"
    RESTORED = "restored"
    PULLED = "pulled"
    VERIFIED = "verified"  # frozen: what is there was recorded


class Done(NamedTuple):
    """What a run did.

    Attributes:
        outcome: how.
        written: files that Git is to take.
        run: what is recorded now.
    """

    outcome: Outcome
    written: list[bytes]
    run: Locked


class Said(Protocol):
    """Who tells the user."""

    def begins(self, stage: Stage, lines: tuple[str, ...]) -> None:
        """A command is about to run."""

    def ended(self, stage: Stage) -> None:
        """What a command printed, which ran beside others, is about to be shown."""

    def restored(self, stage: Stage) -> None:
        """Outs come from the cache instead of a run."""

    def note(self, text: str) -> None:
        """Something that somebody should know."""


class Setting(NamedTuple):
    """How stages are run.

    Attributes:
        here: the current directory, of the repository; stages are called as seen from it.
        executor: where.
        shell: path of the shell.
        env: environment of commands.
        run_cache: ask the run cache.
        wait: seconds to wait for DVC's lock before a run; afterwards as long as it takes.
        alone: one command at a time, which has our standard input and output.
        json: standard output is for documents, so commands write to standard error.
        checkout: cached outs are to lie in the working tree.
        history: the working tree that remembers the runs; b"": the one they are in.
        again: they make a revision again, beside the user's tree: the run cache is not to learn anything from them that is not recorded.
    """

    here: bytes
    executor: Executor
    shell: str
    env: Mapping[str, str]
    run_cache: bool = True
    wait: float = 0.0
    alone: bool = True
    json: bool = False
    checkout: bool = True
    history: bytes = b""
    again: bool = False


Declare = Callable[[Definition], Stage]


class Runner:
    """Runs stages of one working tree; thread-safe.

    Attributes:
        puller: brings what is recorded and not here; None: nothing is asked of remotes.
        absent: what is recorded and not here; in a private view commands find it all the same.
        guard: held by whichever thread judges or records.
    """

    def __init__(
        self, project: Project, setting: Setting, attending: Attending, said: Said
    ) -> None:
        self.puller: Puller | None = None
        self.absent = NotHere(project)
        self.measure = Measure(project, self.absent, lazy=setting.executor.lazy)
        self.parameters = Parameters(project, self.measure)
        self.restorer = Restorer(project)
        self._project = project
        self._setting = setting
        self._attending = attending
        self._said = said
        self.guard = threading.RLock()
        self._history = History.of(setting.history or project.top, project.top)
        self._locks: dict[bytes, bytes] = {}

    @contextmanager
    def locked(self, wait: float) -> Iterator[None]:
        """DVC's lock, and that of our own threads. Raises RepositoryBusy."""
        root = Path(os.fsdecode(self._project.absolute(self._project.root)))
        with self.guard, writing(root, wait):
            yield

    def interruptible(self) -> AbstractContextManager[None]:
        """What is read in it ends when a signal comes, in any thread. What came before does not count: a command that ended well all the same is recorded."""
        return interruptible(None if self._attending.came else self._attending.check)

    def run(self, stage: Stage, *, force: bool = False, declare: Declare | None = None) -> Done:
        """Bring a stage up to date that is not.

        Args:
            stage: whatever it depends on is up to date.
            force: run it whatever is known.
            declare: writes what the command touched into its declaration.

        Raises:
            StageFailed: its command failed, or did not make what it was to make.
            DataUnavailable, FormatError: it lacks something it needs.
            VfsError: it cannot be recorded.
        """
        began = time.time()
        name = self._history.name(stage, began)
        with claimed(self._project, stage, self._setting.wait) as lock, ExitStack() as stack:
            with self.interruptible(), self.locked(self._setting.wait):
                if stage.definition.frozen:
                    return self._verify(stage, partial(with_unseen, self._project))
                # another run was perhaps waited for
                self.measure.forget([*stage.dep_paths, *stage.out_paths])
                before = self.inputs(stage)
                known = None if force or declare else self._known(stage, before)
                if known is not None:
                    return self._restore(stage, known, began, name)
                self._check_shell(stage)
                room = stack.enter_context(
                    self._setting.executor.room(self._project, stage, self._means)
                )
            self._say(room)
            try:
                self._command(stage, room, name, lock)
                if declare is not None:
                    stage, before = self._declared(stage, before, room, declare)
                with self.interruptible(), self.locked(math.inf):
                    done = self._record(stage, before, room)
            except VfsError as error:
                self._history.add(name, self._told(stage, before, began, error.message, room))
                raise
            finally:
                self._keep_trace(room, name)
                stack.close()
                self._say(room)
            self._history.add(name, self._told(stage, done.run, began, "", room))
            return done

    def _check_shell(self, stage: Stage) -> None:
        """Refuse a shell that is not there while all is as it was. Raises StageFailed."""
        shell = self._setting.shell
        if shutil.which(shell, path=self._setting.env.get("PATH")) is None:
            raise StageFailed(
                f"stage {stage.address(self._setting.here)!r} is for the shell {shell}, which is not there",
                hint="let SHELL name one that is",
            )

    def _declared(
        self, stage: Stage, before: Locked, room: Room, declare: Declare
    ) -> tuple[Stage, Locked]:
        """The stage with what its command touched, and its inputs."""
        new = room.proposed()
        if new is None:
            self._said.note("what the command touched is not known; nothing was declared by it")
            return stage, before
        if new == stage.definition:
            return stage, before
        stage = declare(new)
        room.use(stage)
        return stage, self.inputs(stage)

    def _keep_trace(self, room: Room, name: str) -> None:
        if room.trace is not None:
            from vfs.pipeline.tracing import keep

            with suppress(OSError):
                keep(room.trace, self._history.trace(name))
        if room.report is not None:
            from vfs.pipeline import reporting

            with suppress(OSError):
                reporting.keep(room.report, self._history.report(name))

    @property
    def _means(self) -> Means:
        locked = partial(self.locked, math.inf)
        return Means(
            self.measure, self.restorer, locked, self._setting.checkout, self._attending.check
        )

    def _say(self, room: Room) -> None:
        """What there is to say of a room, and was not said."""
        for note in room.notes:
            self._said.note(note)
        room.notes.clear()

    def verify(self, stage: Stage, *, drop: bool = False) -> Done:
        """Record what lies there, as if the stage had just made it; raises as `run`, DataUnavailable: files of an out would leave it that never were here (`drop`: they do)."""
        seen = None if drop else partial(recording.whole, self._project)
        with self.locked(self._setting.wait):
            return self._verify(stage, seen)

    # Steps ----------------------------------------------------------------------------------------

    def inputs(self, stage: Stage) -> Locked:
        """What a stage depends on, as it is now. Raises DataUnavailable, FormatError: something of it is missing."""
        wdir = stage.definition.wdir
        place = Place(wdir, self._project.absolute(wdir))
        if not os.path.isdir(place.absolute) and not self._is_recorded_directory(place):
            raise no_directory(stage)
        if not self.measure.lazy:
            self.absent.check_here(stage)
        return recording.inputs(self._project, stage, self.measure, self.parameters)

    def _is_recorded_directory(self, place: Place) -> bool:
        place = self.measure.led(place)
        found = None if os.path.lexists(place.absolute) else self.measure.recorded(place)
        return found is not None and found.is_tree

    def _known(self, stage: Stage, before: Locked) -> Locked | None:
        """A run with these inputs whose outs the cache has: the last one, or one of the run cache."""
        definition, locked = stage.definition, stage.locked
        if not cacheable(definition):
            return None
        caches = Caches(self._project.store)
        if locked is not None and _same(locked, before):
            outs = {out.written: locked.outs.get(out.written) for out in definition.outs}
            items = {written: item for written, item in outs.items() if item is not None}
            if len(items) == len(outs) and all(item.digest for item in items.values()):
                run = Locked(before.command, before.deps, before.params, items)
                return run if have_outs(caches, run) else None
        if not self._setting.run_cache:
            return None
        found = RunCache(self._project.cache.directory).find(definition, before)
        if found is None:
            return None
        if self.puller is not None and not have_outs(caches, found):
            self.puller.objects(found)
        if not have_outs(caches, found):
            return None
        return Locked(before.command, before.deps, before.params, found.outs)

    def _restore(self, stage: Stage, run: Locked, began: float, name: str) -> Done:
        self.restorer.check(self._wanted(stage))
        for note in clear(self._project, stage, self.measure):
            self._said.note(note)
        self._said.restored(stage)
        self.restorer.restore(run, self._wanted(stage))
        self.measure.forget(stage.out_paths)
        written = self._settle(stage, run, cache=False)
        record = self._told(stage, run, began, "")._replace(outcome=Outcome.RESTORED)
        self._history.add(name, record)
        return Done(Outcome.RESTORED, written, run)

    def _wanted(self, stage: Stage) -> Iterator[DeclaredOut]:
        """The outs that are to lie in the working tree."""
        yield from (
            out for out in stage.definition.outs if self._setting.checkout or not out.cached
        )

    def _verify(self, stage: Stage, seen: recording.Seen | None) -> Done:
        before = self.inputs(stage)
        outs = recording.outs(self._project, stage, seen)
        run = Locked(before.command, before.deps, before.params, outs)
        self.measure.forget(stage.out_paths)
        written = self._settle(stage, run, cache=True)
        return Done(Outcome.VERIFIED, written, run)

    def _command(self, stage: Stage, room: Room, name: str, lock: tuple[int, ...]) -> None:
        self._attending.check()  # a thread beside the main one is not ended by a signal
        definition, setting = stage.definition, self._setting
        command = definition.command
        lines = tuple(command.splitlines()) if isinstance(command, str) else command
        self._said.begins(stage, lines)
        top = os.fsdecode(self._project.absolute(self._project.root))
        env = {"DVC_ROOT": top, **setting.env, "DVC_STAGE": stage.address(setting.here)}
        cwd = os.path.join(self._project.top, definition.wdir)
        log, shown = self._history.log(name), 2 if setting.json else 1
        try:
            with kept(log, alone=setting.alone, stdout=shown) as streams:
                job = Job(stage, lines, setting.shell, cwd, env, streams, lock)
                status = room.run(job, self._attending)
        finally:
            if not setting.alone and printed(log):
                with self.guard:
                    self._said.ended(stage)
                    show(log, shown)
        if status and self._attending.came:
            self._said.note(f"stage {stage.address(setting.here)!r} was interrupted")
            self._attending.check()
        if status:
            name = shlex.quote(stage.address(setting.here))
            how = f"ended with {status}" if status > 0 else f"was ended by signal {-status}"
            raise StageFailed(
                f"stage {stage.address(setting.here)!r}: its command {how}",
                hint=f"its lock is as it was; vfs log {name} --output shows what it printed",
            )

    def _record(self, stage: Stage, before: Locked, room: Room) -> Done:
        measure = self.measure
        measure.forget([*stage.dep_paths, *stage.out_paths])  # anybody may have written meanwhile
        after = self.inputs(stage)
        changed = recording.changed(before, after)
        if changed:
            raise StageFailed(
                f"{changed} changed while stage {stage.address()!r} ran; nothing was recorded",
                hint="a command must not write what it depends on; run it again if you changed it",
            )
        run = Locked(before.command, before.deps, before.params, room.outs())
        room.settle(run)
        measure.forget(stage.out_paths)
        written = self._settle(stage, run, cache=True)
        return Done(Outcome.RAN, written, run)

    def _settle(self, stage: Stage, run: Locked, *, cache: bool) -> list[bytes]:
        cache = cache and (not self._setting.again or self._is_recorded(stage, run))
        here = self._setting.checkout
        written = recording.settle(self._project, stage, run, self._locks, cache=cache, here=here)
        self.absent.made(stage, run)
        return written

    def _is_recorded(self, stage: Stage, run: Locked) -> bool:
        """Whether a run is what its record says, and the run cache knows no other of its inputs."""
        if stage.locked is None or not _same(stage.locked, run):
            return False
        known = RunCache(self._project.cache.directory).has(run)
        return not known and recording.differing(stage, run) == []

    def _told(
        self, stage: Stage, run: Locked, began: float, failure: str, room: Room | None = None
    ) -> Record:
        record = Record.of(stage, run, began, time.time() - began, failure)
        if room is None:
            return record
        ghosts = [os.fsdecode(path) for path in room.ghosts]
        return record._replace(**room.reads._asdict(), ghosts=ghosts)


def _same(locked: Locked, now: Locked) -> bool:
    """Whether a lock has these inputs."""
    return lines_of(locked.command) == lines_of(now.command) and not recording.changed(locked, now)
