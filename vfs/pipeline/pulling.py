"""`vfs repro --pull`: data that is recorded and not here is brought instead of made.

Rules (DVC's, source: `stage/__init__.py`, `stage/run.py`):

* A stage of which only data is missing, with the inputs that its lock has, is not run: its outs come from remotes.
* A stage that runs gets deps that are missing; outs of the run cache come too.
* What no remote has is no failure here: the stage runs, or says what it lacks.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from vfs.errors import ConfigError, Unsupported
from vfs.formats.stage_values import Locked
from vfs.formats.values import Out
from vfs.pipeline.absent import NotHere
from vfs.pipeline.changed import NOT_IN_CACHE, Reason
from vfs.pipeline.elsewhere import bring, bring_parts, fetch
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Node, Source, Stage
from vfs.pipeline.stages import lock_of
from vfs.tracking.project import Project, is_inside
from vfs.types import Digest
from vfs.workspace.outs import Claim


class Puller:
    """Brings data into one working tree; under DVC's lock."""

    def __init__(self, project: Project, graph: Graph) -> None:
        self._project = project
        self._graph = graph

    def runs(self) -> None:
        """Bring the run cache of the default remote, if there is one that has it. Raises RemoteError."""
        from vfs.pipeline.runshare import RunShare

        with suppress(ConfigError, Unsupported):
            RunShare(self._project.workspace, self._project.root, None).fetch()

    def outs(self, stage: Stage, reasons: Sequence[Reason]) -> bool:
        """Bring the outs of a stage of which only data is missing; whether that is all there was to do."""
        if stage.locked is None or not all(self._missing(stage, reason) for reason in reasons):
            return False
        lock, name = lock_of(stage.file), stage.definition.name
        claims = [
            claim
            for claim in self._project.survey.claims.served
            if claim.pointer == (lock if name else stage.file) and claim.stage == name
        ]
        return bring(self._project, claims)

    def deps(self, stage: Stage, reasons: Sequence[Reason]) -> None:
        """Bring deps that are missing, as far as they are recorded."""
        gone = {reason.path for reason in reasons if reason.kind == "dep" and reason.change == "deleted"}  # fmt: skip
        deps = [dep for dep in stage.definition.deps if dep.written in gone]
        paths = [path for dep in deps for path in (dep.path, stage.led.get(dep.written)) if path]
        bring(
            self._project,
            [
                claim
                for claim in self._project.survey.claims.served
                if any(is_inside(claim.out.path, path) or is_inside(path, claim.out.path) for path in paths)
            ]
        )  # fmt: skip

    def rest(self, absent: NotHere, paths: Iterable[bytes]) -> None:
        """Bring what never was here of directories that are here in part, where commands find nothing else."""
        for path in paths:
            for claim, files in absent.pieces(path):
                if files:
                    bring_parts(self._project, claim, (name for name, _ in files))

    def objects(self, run: Locked) -> None:
        """Bring the contents of outs into the cache."""
        claims = [
            Claim(Out(item.written.encode(), item.digest, item.is_tree, item.size), b"runs")
            for item in run.outs.values()
            if item.digest is not None
        ]
        fetch(self._project, claims)

    def _missing(self, stage: Stage, reason: Reason) -> bool:
        """Whether nothing but data is missing, which the records have as the stage's lock needs it."""
        assert stage.locked is not None
        if reason.kind == "out":
            cached = {out.written for out in stage.definition.outs if out.cached}
            return reason.path in cached and reason.change in ("deleted", NOT_IN_CACHE)
        if reason.kind != "dep" or reason.change != "deleted":
            return False
        path = next((d.path for d in stage.definition.deps if d.written == reason.path), None)
        owner = self._graph.owner(path) if path is not None else None
        item = stage.locked.deps.get(reason.path)
        if owner is None or path is None or item is None:
            return False
        return path not in owner.out_paths or self._recorded(owner, path) == item.digest

    def _recorded(self, owner: Node, path: bytes) -> Digest | None:
        if isinstance(owner, Source):
            claim = self._project.owners.get(path)
            return claim.out.digest if claim is not None else None
        outs = {out.path: out.written for out in owner.definition.outs}
        item = owner.locked.outs.get(outs[path]) if owner.locked is not None else None
        return item.digest if item is not None else None
