"""One stage in a private view: what comes before its command, while it runs, and afterwards. `vfs.pipeline.private` makes it, and has the rules."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from vfs.core.paths import show
from vfs.errors import DataUnavailable, StoreError, Unsupported, VfsError
from vfs.formats.stage_values import DeclaredOut, Definition, Locked, LockedItem
from vfs.pipeline import scratches
from vfs.pipeline.absent import NotHere
from vfs.pipeline.aside import aside_of
from vfs.pipeline.attending import Attending
from vfs.pipeline.clearing import clear, clear_outs, scratch, stale_outs
from vfs.pipeline.executor import Here, Job, Means
from vfs.pipeline.foreseen import foreseen
from vfs.pipeline.ghosts import Appeared, appeared, ghosts_of
from vfs.pipeline.leading import Layers
from vfs.pipeline.lower import Views
from vfs.pipeline.nodes import Stage
from vfs.pipeline.reads import Counting, Reads, Report, not_given
from vfs.pipeline.tracing import MOST, differences, proposed
from vfs.pipeline.undeclared import told_of, undeclared
from vfs.pipeline.written import apply, move_outs, open_up, persistent, take
from vfs.sandbox.changes import Change, What
from vfs.sandbox.trace import IGNORED, Trace
from vfs.sandbox.view import View
from vfs.tracking.links import failed
from vfs.tracking.part import Part
from vfs.tracking.project import Project, is_inside, told


class PrivateRoom:
    """One stage in its view; without one, in the working tree."""

    def __init__(self, views: Views, project: Project, stage: Stage, means: Means) -> None:
        self._views = views
        self._project = project
        self._stage = stage
        self._means = means
        self._ignoring = views.ignoring(project.top)
        self._scratch = scratch(project, stage)
        self._view: View | None = None
        self._here: Here | None = None
        self._made = False  # the command ended well, or nobody knows how
        self._settled = False
        self._left: list[Change] = []
        self.notes: list[str] = []
        self.trace: Trace | None = None
        self.reads = Reads()
        self.report: Report | None = None
        self._unread: list[bytes] = []  # of its deps, and of what it opened
        self._sought: list[bytes] = []  # of whatever it looked for
        self.ghosts: list[bytes] = []
        self._parts = dict(self._in_part())

    # Before and while -----------------------------------------------------------------------------

    def run(self, job: Job, attending: Attending) -> int:
        """As `Room.run`."""
        if self._views.impossible is None:
            below = self._below()
            try:
                return self._in_view(job, attending, below, self._hidden() if below else [])
            except Unsupported as error:
                self._views.impossible = error
        if self._needs_below():
            raise self._views.impossible
        if self._views.tell():
            why = self._views.impossible
            hint = f" ({why.hint})" if why.hint else ""
            self.notes.append(f"{why.message}; commands run in the working tree{hint}")
        return self._in_place(job, attending)

    def _in_view(
        self, job: Job, attending: Attending, below: list[bytes], hidden: list[bytes]
    ) -> int:
        project, stage = self._project, self._stage
        try:
            scratches.begin(self._scratch)
            persist = persistent(stage.definition.outs)
            self._view = view = View(
                project.top, self._scratch, below=below, hide=hidden,
                through=[b".git", os.path.join(project.root, b".dvc")],
                without=[path for path in stage.out_paths if path not in persist],
                unwatched=IGNORED,
            )  # fmt: skip
        except OSError as error:
            raise failed(self._scratch, error) from error
        streams = job.streams
        counting = Counting(self._views.lower if below else None)
        self._made = True
        with self._ahead(below, hidden), attending.held(), attending.running(view):
            status = view.run(
                job.commands, job.cwd, job.env,
                stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr,
            )  # fmt: skip
        self._made = not status.code
        self.reads = counting.end(status.read)
        mount = below[0] if below else b""
        self._unread = counting.unread(view.trace, stage.dep_paths, project.top, mount)
        sought = counting.unread(view.trace, [b""], project.top, mount)
        self._sought = [path for path in sought if not (path and self._ignoring(path))]
        if view.trace is not None:
            trace = self._ignoring.without(view.trace)
            self.trace = counting.by_path(trace, project.top, mount)
            self.ghosts = ghosts_of(trace, self._ignoring)
        self.report = counting.report(stage, self.trace)
        return status.code

    def _ahead(self, below: list[bytes], hidden: list[bytes]) -> AbstractContextManager[None]:
        """What the last run read that is not here is fetched meanwhile."""
        if not below:
            return nullcontext()
        wanted = partial(foreseen, self._project.top, self._stage.address(), frozenset(hidden))
        return self._views.lower.ahead(wanted)

    def _in_place(self, job: Job, attending: Attending) -> int:
        self._view = None
        with self._means.locked():
            cleared = clear(self._project, self._stage, self._means.measure)
        self._here = Here(self._project, self._stage, self._means, [])
        self.notes += cleared
        return self._here.run(job, attending)

    def _below(self) -> list[bytes]:
        """The mount, if anything of it would be seen."""
        absent, outs = self._absent, self._stage.out_paths
        rest = any(part is not None and part.unseen for part in self._parts.values())
        if not rest and not any(not _in_any(path, outs) for path in absent.missing):
            return []
        try:
            below = self._views.lower.layer(absent.version)
        except VfsError as error:
            if self._needs_below():
                raise Unsupported(
                    f"stage {self._stage.address()!r} needs what is not here, and cannot be mounted: {error.message}",
                    hint="vfs pull brings it; then it runs, or runs with --in-place",
                ) from error
            self.notes.append(
                f"what is recorded and not here cannot be seen by commands: {error.message}"
            )
            return []
        self._check_deps(below)
        return [below]

    def _check_deps(self, below: bytes) -> None:
        """Refuse a dep that the mount cannot show. Raises DataUnavailable."""
        for dep in self._stage.dep_paths:
            for claim, files in self._absent.pieces(dep):
                path = claim.out.path
                needed = path if files is None else os.path.join(path, files[0][0])
                try:
                    os.lstat(os.path.join(below, needed))
                except OSError as error:
                    raise DataUnavailable(
                        f"stage {self._stage.address()!r} needs {told(needed)}, which is recorded and cannot be had ({error.strerror})",
                        hint="vfs pull says why",
                    ) from error

    def _hidden(self) -> list[bytes]:
        """What of tracked directories that are here was deleted: all that lacks in them, if none of it never was here."""
        found: list[bytes] = []
        for path, part in self._parts.items():
            if part is not None and part.unseen:
                found += (path + b"/" + name for name in part.hidden())
            elif os.path.isdir(self._project.absolute(path)):
                found.append(path)
        return found

    def _in_part(self) -> Iterator[tuple[bytes, Part | None]]:
        """Outs of which something is here, and what lacks in them. What no dep needs is hidden if nobody here knows; of what it makes the command sees nothing."""
        absent, outs = self._absent, self._stage.definition.outs
        needed = {
            claim.out.path for dep in self._stage.dep_paths for claim, _ in absent.pieces(dep)
        }
        made = {out.path for out in outs if not out.persist}
        for claim in absent.here:
            path = claim.out.path
            yield path, None if path in made else absent.part(claim, ask=path in needed)

    def _needs_below(self) -> bool:
        """Whether the stage depends on what is not here."""
        return any(map(self._absent.pieces, self._stage.dep_paths))

    @property
    def _absent(self) -> NotHere:
        absent = self._means.measure.absent
        assert absent is not None
        return absent

    # Afterwards -----------------------------------------------------------------------------------

    def proposed(self) -> Definition | None:
        """As `Room.proposed`."""
        if self._sought:  # any of it might have been a dep
            raise not_given(self._stage, self._sought)
        if self._view is None or self.trace is None or not self.trace.complete:
            return None
        claims = self._project.survey.claims.served
        whole = {claim.out.path for claim in claims if claim.out.is_tree}
        project, view = self._project, self._view
        changes = self._changes(view)
        new, unnamed = proposed(
            project.top, self._stage, self.trace, changes, whole, view.below, self._ignoring
        )
        if unnamed:
            names = ", ".join(map(show, unnamed[:MOST]))
            self.notes.append(f"no dvc.yaml can name {names}; declared without")
        return new

    def use(self, stage: Stage) -> None:
        """As `Room.use`."""
        self._stage = stage
        if self._here is not None:
            self._here.use(stage)

    def _changes(self, view: View) -> list[Change]:
        try:
            return list(view.changes())
        except OSError as error:
            raise failed(view.upper, error) from error

    def outs(self) -> dict[str, LockedItem]:
        """As `Room.outs`."""
        if self._here is not None or self._view is None:
            assert self._here is not None
            return self._here.outs()
        view, project, stage = self._view, self._project, self._stage
        if self._unread:
            raise not_given(stage, self._unread)
        persist = persistent(stage.definition.outs)
        layers = Layers(
            os.path.join(self._scratch, b"made"), view.upper, (project.top, *view.below),
            [path for path in stage.out_paths if path not in persist], frozenset(view.hide),
        )  # fmt: skip
        move_outs(stage, layers)
        changes = self._changes(view)
        self._left = undeclared(changes, stage.out_paths)
        if self.trace is not None:
            self.notes += differences(stage, self.trace, changes, self._ignoring)
        if now := appeared(project.top, stage.out_paths, self.ghosts):
            self.notes.append(f"stage {stage.address()!r}: {Appeared(stage, now).told()}")
        going_on = [one for one in changes if _in_any(one.path, persist)]
        return take(project, stage, layers, partial(self._apply, going_on, view))

    def _apply(self, changes: list[Change], view: View) -> None:
        """Change `persist` outs in the working tree as the command did."""
        for path in persistent(self._stage.definition.outs):
            open_up(os.path.join(view.upper, path))
        aside = aside_of(self._scratch)
        for path in apply(self._project, changes, view, aside):
            where = told(os.path.relpath(os.path.join(aside, path), self._project.top))
            self.notes.append(
                f"{told(path)}, which was written while the stage ran, was moved to {where}"
            )

    def settle(self, run: Locked) -> None:
        """As `Room.settle`: outs that differ are replaced."""
        if self._here is not None:
            self._here.settle(run)
            return
        project, measure = self._project, self._means.measure
        outs = [out for out in self._stage.definition.outs if not out.persist]
        stale = stale_outs(project, self._stage, measure, run, outs)
        self.notes += clear_outs(project, self._stage, measure, stale)
        for out in stale:
            if not out.cached:
                self._move(out)
        if self._means.checkout:
            self._means.restorer.restore(run, [out for out in stale if out.cached])
        self._settled = True

    def _move(self, out: DeclaredOut) -> None:
        """An out that no cache keeps goes to its place."""
        import shutil  # may be on another file system

        assert out.path is not None
        target = self._project.absolute(out.path)
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.move(
                os.fsdecode(os.path.join(self._scratch, b"made", out.path)), os.fsdecode(target)
            )
        except OSError as error:
            raise failed(target, error) from error

    def _wrote(self, view: View) -> bool:
        """Whether a command did not fail, and what it wrote would be lost with its scratch."""
        if self._views.passing or not self._made:
            return False
        if os.path.lexists(os.path.join(self._scratch, b"made")):
            return True
        try:
            return any(one.what is not What.DELETED for one in self._changes(view))
        except StoreError:  # a layer below is gone: nobody can tell
            return True

    def close(self) -> None:
        """Remove the scratch but for what somebody should see."""
        if self._view is None:
            if self._here is None:
                scratches.end(self._scratch, set())
            return
        where = told(os.path.relpath(self._scratch, self._project.top))
        keep: set[bytes] = set()
        name = self._stage.address()
        if self._left and self._settled:
            keep.add(b"upper")
            kept = "; it is not kept" if self._views.passing else f"; kept in {where}/upper, not in the working tree"  # fmt: skip
            self.notes.append(f"stage {name!r} wrote {told_of(self._left)}{kept}")
        elif not self._settled and (self._views.keep or self._wrote(self._view)):
            keep |= {b"upper", b"made"}
            self.notes.append(f"what stage {name!r} wrote is kept in {where}")
        scratches.end(self._scratch, keep)


def _in_any(path: bytes, outs: Sequence[bytes]) -> bool:
    return any(is_inside(path, out) for out in outs)
