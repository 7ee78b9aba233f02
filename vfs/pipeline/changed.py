"""What makes a stage run: the reasons, each with what it is about (docs/pipelines.md has the table).

Rules (DVC's, source: `stage/__init__.py`, `output.py`, `dependency/param.py`):

* Content decides, never a time; parameters are compared as values.
* A frozen stage is not judged by what it depends on.
* Of an out that is both, *not in cache* is told.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from vfs.formats.params import same
from vfs.formats.pointer_text import Described
from vfs.formats.run_cache import cacheable
from vfs.formats.stage_values import DeclaredOut, DeclaredParams, Definition, Locked, LockedItem
from vfs.formats.values import Out
from vfs.pipeline.measure import Measure, place_of
from vfs.pipeline.nodes import Stage
from vfs.pipeline.parameters import Parameters
from vfs.pipeline.runcache import have_outs
from vfs.tracking.caches import Caches
from vfs.tracking.project import Project
from vfs.tracking.status import OutStatus, look_at
from vfs.tracking.targets import Selection, Wanted
from vfs.tracking.uses import Use
from vfs.workspace.outs import Claim

Kind = Literal["always", "command", "dep", "param", "out", "unknown"]
NOT_IN_CACHE = "not in cache"


class Reason(NamedTuple):
    """Why a stage runs.

    Attributes:
        kind: what it is about; `unknown`: it cannot be judged, and `change` says why.
        path: of the dep, the out, or the file of parameters, as written.
        key: of the parameter; "" where it is the whole file.
        change: `modified`, `deleted`, `new`, `not in cache`; "" of a command.
    """

    kind: Kind
    path: str = ""
    key: str = ""
    change: str = ""

    def __str__(self) -> str:
        if self.kind == "unknown":
            return f"cannot be judged: {self.change}"
        what = f"{self.path}: {self.key}" if self.key else self.path
        return " ".join(part for part in (self.kind, what, self.change) if part)


class Judge:
    """Judges the stages of one working tree.

    Args:
        project: that they lie in.
        measure: of it.
        parameters: of it.
        known: what `vfs.tracking.status` found of outs, by path.
        checkout: outs that the cache has are to be in the working tree.
        ask: remotes whether they have what is nowhere here, and storages of deps at URLs whether these changed; what is recorded is believed otherwise.

    If `measure` knows what is not here, an out that is not and can be had is no reason.
    """

    def __init__(
        self,
        project: Project,
        measure: Measure,
        parameters: Parameters,
        known: Mapping[bytes, OutStatus] | None = None,
        *,
        checkout: bool = True,
        ask: bool = True,
    ) -> None:
        self._project = project
        self._measure = measure
        self._parameters = parameters
        self._known = known or {}
        self._checkout = checkout
        self._ask = ask
        self._remote: dict[bytes, bool] = {}
        self._caches = Caches(project.store)
        self._scanner = project.scanner()

    def warm(self, stages: Iterable[Stage]) -> None:
        """Look at many stages at once, before each is judged."""
        paths: list[bytes] = []
        stages = list(stages)
        self._ask_remotes(stages)
        for stage in stages:
            paths += [one.path for one in stage.definition.deps if one.path is not None]
            paths += stage.out_paths
        self._measure.warm(paths)

    def reasons(self, stage: Stage) -> list[Reason]:
        """Why a stage runs; none: it is as it was when it last ran.

        Raises:
            DataUnavailable, UnsafePath: something cannot be read.
            FormatError: a file of parameters cannot be.
        """
        definition, locked = stage.definition, stage.locked
        found: list[Reason] = []
        if not definition.frozen:
            if definition.callback or definition.always_changed:
                found.append(Reason("always"))
            found += self.inputs(definition, locked)
        found += self._outs(stage)
        if locked is not None and lines_of(locked.command) != lines_of(definition.command):
            found.append(Reason("command"))
        return found

    def inputs(self, definition: Definition, locked: Locked | None) -> Iterator[Reason]:
        """What differs of the deps and parameters."""
        for dep in definition.deps:
            item = None if locked is None else locked.deps.get(dep.written)
            if dep.at_url:
                change = self._at_url(definition, dep.written, item)
                if change:
                    yield Reason("dep", dep.written, "", change)
                continue
            place = place_of(self._project, definition.wdir, dep.written, dep.path)
            found = self._measure.dep(place, None if item is None else item.digest)
            change = _compared(item, found)
            if change:
                yield Reason("dep", dep.written, "", change)
        for params in definition.params:
            yield from self._params(definition, params, locked)

    def _at_url(self, definition: Definition, written: str, item: LockedItem | None) -> str:
        if not self._ask:
            return "new" if item is None else ""
        from vfs.pipeline.urls import item_at  # with the drivers of remotes

        found = item_at(self._project, definition.file, written)
        if found is None:
            return "deleted"
        return "new" if item is None else "" if found.same(item) else "modified"

    def _params(
        self, definition: Definition, params: DeclaredParams, locked: Locked | None
    ) -> Iterator[Reason]:
        actual = self._parameters.values(definition, params)
        if actual is None:
            yield Reason("param", params.written, "", "deleted")
            return
        info = None if locked is None else locked.params.get(params.written)
        if info is None:
            for key in params.keys or ("",):
                yield Reason("param", params.written, str(key), "new")
            return
        for key in params.keys or tuple(dict.fromkeys((*actual, *info))):
            change = _of_values(key, actual, info)
            if change:
                yield Reason("param", params.written, str(key), change)

    def _outs(self, stage: Stage) -> Iterator[Reason]:
        for out in stage.definition.outs:
            if out.path is None:  # what the graph is refused for
                continue
            item = None if stage.locked is None else stage.locked.outs.get(out.written)
            change = self._out(stage, out, out.path, item)
            if change:
                yield Reason("out", out.written, "", change)

    def _out(self, stage: Stage, out: DeclaredOut, path: bytes, item: LockedItem | None) -> str:
        place = place_of(self._project, stage.definition.wdir, out.written, path)
        if item is not None and self._is_absent(out, item):
            return "" if self._can_be_had(stage, out, item) else self._lost(out, item)
        if not out.cached or item is None or item.digest is None:
            return _compared(item, self._measure.of(place, item.digest if item else None))
        status = self._known.get(path)
        if status is None and not item.is_tree:
            if not self._caches.has(item.digest):
                return NOT_IN_CACHE
            return _compared(item, self._measure.of(place, item.digest))
        if status is None:
            if not os.path.lexists(place.absolute):
                return self._lost(out, item)  # also what never was here
            status = self._look(stage, path, item)
        if status.not_here and not self._measure.lazy:
            return self._lost(out, item)
        return NOT_IN_CACHE if status.missing or status.unlisted else status.change or ""

    def _is_absent(self, out: DeclaredOut, item: LockedItem) -> bool:
        """Whether an out is not here, and commands find it all the same as it was recorded."""
        absent = self._measure.absent if self._measure.lazy else None
        claim = None if absent is None else absent.missing.get(out.path or b"")
        return claim is not None and claim.out.digest == item.digest

    def _can_be_had(self, stage: Stage, out: DeclaredOut, item: LockedItem) -> bool:
        """Whether it need not be here."""
        assert out.path is not None
        if self._is_cached(out, item):
            definition = stage.definition
            return definition.frozen or not (self._checkout and cacheable(definition))
        if not self._ask:
            return True
        if out.path not in self._remote:
            self._ask_remotes([stage])
        return self._remote.get(out.path, False)

    def _lost(self, out: DeclaredOut, item: LockedItem) -> str:
        return "deleted" if self._is_cached(out, item) else NOT_IN_CACHE

    def _is_cached(self, out: DeclaredOut, item: LockedItem) -> bool:
        return have_outs(self._caches, Locked("", {}, {}, {out.written: item}))

    def _ask_remotes(self, stages: Iterable[Stage]) -> None:
        """Find out at once which outs that are nowhere here a remote has."""
        absent = self._measure.absent
        if absent is None or not self._ask or not self._measure.lazy or not absent.missing:
            return
        outs = [
            (out, item)
            for stage in stages
            for out in stage.definition.outs
            if out.path in absent.missing and stage.locked is not None
            if (item := stage.locked.outs.get(out.written)) is not None
            and not self._is_cached(out, item)
        ]
        claims = [absent.missing[out.path] for out, _ in outs if out.path is not None]
        if claims:
            from vfs.pipeline.elsewhere import on_remotes  # with the drivers of remotes

            found = on_remotes(self._project, claims)
            self._remote.update({claim.out.path: claim.out.path in found for claim in claims})

    def _look(self, stage: Stage, path: bytes, item: LockedItem) -> OutStatus:
        """A directory, as `vfs status` does: one that nobody touched costs a `stat` of each file."""
        project = self._project
        claim = Claim(Out(path, item.digest, is_tree=True), stage.file, None, stage.definition.name)
        nothing = Selection([], (), set(), ())
        use = Use(Wanted(claim), nothing, project.store, project.root, "worktree")
        return look_at(use, project.table, project.contents, project.top, self._scanner)


def lines_of(command: str | tuple[str, ...]) -> str | list[str]:
    """A command as locks compare it."""
    return command if isinstance(command, str) else list(command)


def _compared(item: LockedItem | None, found: Described | None) -> str:
    if found is None:
        return "deleted"
    if item is None or item.digest is None:
        return "new"
    return "" if found.digest == item.digest else "modified"


def _of_values(key: str, actual: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    if key not in actual:
        return "deleted"
    if key not in info:
        return "new"
    return "" if same(actual[key], info[key]) else "modified"
