"""`dvc.lock`: what the stages of a pipeline produced.

Format: schema 2.0 (`schema: '2.0'`, `stages: {name: …}`) and DVC 1's (stages at the top level).
Source: DVC's `schema.py`, `stage/loader.py`; checked against DVC 2.58 and 3.67.

Rules:
  * DVC goes by `dvc.yaml`: a locked stage or out that `dvc.yaml` does not have is ignored;
  * paths in a lock are relative to the stage's `wdir`, which only `dvc.yaml` knows;
  * `cache`, `persist`, `remote`, `push` of an out stand in `dvc.yaml`, not in the lock;
  * where `dvc.yaml` cannot be resolved (a missing variable), a stage without a templated `wdir`
    keeps all its locked outs; one with it becomes a `Problem`.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Mapping
from dataclasses import replace

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.fields import Fields, clip
from vfs.formats.outputs import TEXT_KEYS, covers, keep_apart, out_path, parse_out, problem_of
from vfs.formats.pipeline import Declaration, Pipeline, variable_files
from vfs.formats.values import Era, Lock, Out, Stage
from vfs.types import Problem

__all__ = ["Lock", "Stage", "parse_lock", "variable_files"]

_STAGE_KEYS = frozenset({"cmd", "deps", "params", "outs", "datasets"})


def parse_lock(
    data: bytes,
    path: bytes,
    pipeline: bytes | None,
    variables: Mapping[bytes, bytes] | None = None,
) -> Lock:
    """Read the lock that lies at `path` in the repository.

    Args:
        data: its bytes.
        path: its repository path.
        pipeline: bytes of the `dvc.yaml` beside it, None if there is none (then DVC ignores
            the lock, and every stage is undeclared).
        variables: contents of the variable files that `variable_files(pipeline, …)` names, by
            repository path; those that do not exist are left out.

    Raises:
        FormatError: the lock or the pipeline cannot be used at all.
    """
    file = show(path)[1:-1]
    document = yaml12.load(data, file=file, text_keys=TEXT_KEYS)
    stages, versioned = lock_stages(Fields({} if document is None else document, file))
    declared = None
    if pipeline is not None:
        beside = path.rpartition(b"/")[0] + b"/dvc.yaml" if b"/" in path else b"dvc.yaml"
        declared = Pipeline(
            pipeline, beside, {} if variables is None else variables, show(beside)[1:-1]
        )
    reader = _Reader(path, declared)
    found = [reader.stage(name, value, stages) for name, value in stages.children()]
    kept = _apart([stage for stage in found if stage is not None], file, reader.problems)
    hashed = any(_has_hash(value) for _, value in stages.children())
    era = Era.DVC1 if not versioned else Era.DVC3 if hashed else Era.DVC2
    told = tuple(dict.fromkeys(reader.problems))  # stages of one group lack the same
    return Lock(era, kept, told)


def lock_stages(top: Fields) -> tuple[Fields, bool]:
    """The mapping of stages of a lock, and whether it has a schema version. Raises FormatError."""
    version = top.raw("schema")
    if version is None or isinstance(version, dict):  # DVC 1; a stage may be called `schema`
        return top, False
    if version != "2.0":
        raise top.error("schema", f"unknown version {clip(version)}, expected '2.0'")
    top.allow(frozenset({"schema", "stages", "datasets"}))
    if "stages" not in top:
        return Fields({}, top.file, "stages"), True
    return top.child("stages"), True


class _Reader:
    """Reads the stages of one lock; gathers their problems."""

    def __init__(self, path: bytes, pipeline: Pipeline | None) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._pipeline = pipeline

    def stage(self, name: str, value: object, stages: Fields) -> Stage | None:
        """One stage, or None and a problem."""
        try:
            fields = Fields(value, stages.file, stages.path(name))
            fields.allow(_STAGE_KEYS)
            declaration = None if self._pipeline is None else self._pipeline.declaration(name)
            directory = self._path.rpartition(b"/")[0]
            wdir = directory if declaration is None else declaration.wdir
            items = fields.items("outs")
            command = _command(fields)
        except FormatError as error:
            self.problems.append(problem_of(error, self._path))
            return None
        if declaration is not None and declaration.problem is not None:
            self.problems.append(problem_of(declaration.problem, self._path))
        outs = []
        for number, item in enumerate(items):
            where = fields.path(f"outs[{number}]")
            out = self._out(item, stages.file, where, wdir, declaration)
            if out is not None:
                outs.append(out)
        return Stage(name, command, wdir, tuple(outs), declaration is not None)

    def _out(
        self, item: object, file: str, where: str, wdir: bytes, declaration: Declaration | None
    ) -> Out | None:
        blamed = self._path
        try:
            fields = Fields(item, file, where)
            claimed = out_path(fields, wdir)
            blamed = self._path if covers(claimed, self._path) else claimed
            out = parse_out(fields, wdir, self._path)
        except FormatError as error:
            if declaration is not None:
                self.problems.append(problem_of(error, blamed))
            return None
        if declaration is None or declaration.outs is None:
            return out
        flags = declaration.flags(out.path)
        if flags is None:
            return None  # left over from an earlier version of the stage
        return replace(
            out,
            cached=flags.cached,
            persist=flags.persist,
            remote=flags.remote,
            push=flags.push,
        )


def _apart(stages: list[Stage], file: str, problems: list[Problem]) -> tuple[Stage, ...]:
    """The stages without outs that overlap outs of stages before them."""
    kept, overlaps = keep_apart((o for s in stages if s.declared for o in s.outs), file)
    if not overlaps:
        return tuple(stages)
    problems.extend(overlaps)
    identities = {id(out) for out in kept}
    return tuple(
        replace(stage, outs=tuple(out for out in stage.outs if id(out) in identities))
        if stage.declared
        else stage
        for stage in stages
    )


def _command(fields: Fields) -> str:
    command = fields.raw("cmd")
    if isinstance(command, list) and all(isinstance(line, str) for line in command):
        return "\n".join(command)
    return fields.text("cmd", "")


def _has_hash(stage: object) -> bool:
    if not isinstance(stage, dict):
        return False
    items = [
        item for key in ("outs", "deps") if isinstance(stage.get(key), list) for item in stage[key]
    ]
    return any(isinstance(item, dict) and "hash" in item for item in items)
