"""`dvc.yaml`, as far as a reader of `dvc.lock` needs it.

Purpose: for the name of a locked stage, say whether the pipeline still has it, its `wdir`, and
the flags of its outs (`cache: false`, `remote`, `push`, `persist`).

Only stages that a lock names are generated. Variable files come in as a mapping.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import templating, yaml12
from vfs.formats.expansion import Generated, body_of, expand, is_group
from vfs.formats.fields import Fields
from vfs.formats.variables import DEFAULT_FILE, Scope, global_scope, variable_file

MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OutFlags:
    """How `dvc.yaml` declares an out."""

    cached: bool = True
    persist: bool = False
    remote: str | None = None
    push: bool = True


@dataclass(frozen=True, slots=True)
class Declaration:
    """A stage as `dvc.yaml` declares it.

    Attributes:
        wdir: repository directory.
        outs: declared outs by repository path; None if their paths could not be resolved.
        problem: why not, if that may be mended.
    """

    wdir: bytes
    outs: dict[bytes, OutFlags] | None
    problem: FormatError | None = None

    def flags(self, path: bytes) -> OutFlags | None:
        """How an out is declared; None if it is not. Where the working tree lies is not known here, so one that is written absolute may be any that ends so."""
        outs = self.outs or {}
        if path in outs:
            return outs[path]
        absolute = (name for name in outs if name.startswith(b"//") and name.endswith(b"/" + path))
        return next((outs[name] for name in absolute), None)


class Pipeline:
    """A parsed `dvc.yaml`."""

    def __init__(self, data: bytes, path: bytes, files: Mapping[bytes, bytes], file: str) -> None:
        """Read it.

        Args:
            data: its bytes.
            path: its repository path.
            files: variable files by repository path (see `variable_files`).
            file: name for messages.

        Raises:
            FormatError: the file is no pipeline.
        """
        document = yaml12.load(data, file=file, max_bytes=MAX_BYTES, dvc_numbers=True)
        top = Fields({} if document is None else document, file)
        stages = top.child("stages") if "stages" in top else Fields({}, file, "stages")
        self._file = file
        self._directory = path.rpartition(b"/")[0]
        self._files = files
        self._stages = dict(stages.children())
        self._vars = top.items("vars")
        self._globals: Scope | FormatError | None = None
        self._groups: dict[str, Generated] = {}

    def declaration(self, name: str) -> Declaration | None:
        """How the pipeline declares the stage `name` or `group@key`; None if it does not.

        Raises:
            FormatError: it has the stage, but where it works cannot be resolved.
        """
        definition = self._stages.get(name)
        if definition is not None and not is_group(definition):
            return self._declared(name, definition, None)
        group, at, key = name.rpartition("@")
        definition = self._stages.get(group) if at else None
        if definition is None or not is_group(definition):
            return None
        if group not in self._groups:
            try:
                self._groups[group] = self._generated(definition)
            except FormatError as error:
                raise self._in_stage(error, group) from None
        extra = self._groups[group].get(key)
        if extra is None:
            return None
        return self._declared(name, body_of(definition), extra)

    def plain(self) -> Iterator[tuple[str, Declaration]]:
        """The stages that are written one by one; those that cannot be resolved are left out."""
        for name, definition in self._stages.items():
            if not is_group(definition):
                with suppress(FormatError):
                    yield name, self._declared(name, definition, None)

    def variable_files(self) -> tuple[bytes, ...]:
        """Repository paths of the variable files that any stage may need."""
        found = {variable_file(DEFAULT_FILE, self._directory)}
        _named(self._vars, self._directory, found)
        for definition in self._stages.values():
            body = definition.get("do", definition) if isinstance(definition, dict) else None
            if isinstance(body, dict) and isinstance(body.get("vars"), list):
                _named(body["vars"], _directory(self._directory, body.get("wdir")), found)
        return tuple(sorted(found))

    def _declared(self, name: str, body: object, extra: templating.Variables | None) -> Declaration:
        fields = Fields(body, self._file, f"stages.{name}")
        written = fields.text("wdir", ".")
        variables: templating.Variables = {}
        local = fields.items("vars")
        if templating.has_expression(written):
            variables = {**self._variables(), **(extra or {})}
            value = templating.interpolate(written, variables, self._file)
            written = templating.to_text(value, self._file)
        wdir = resolve_relative(self._directory, written)
        try:
            outs = self._outs(fields, wdir, extra or {}, local)
        except FormatError as error:
            return Declaration(wdir, None, self._in_stage(error, name) if error.heals else None)
        return Declaration(wdir, outs)

    def _outs(
        self, fields: Fields, wdir: bytes, extra: templating.Variables, local: list[Any]
    ) -> dict[bytes, OutFlags]:
        declared: dict[bytes, OutFlags] = {}
        variables: templating.Variables | None = None
        for kind in ("outs", "metrics", "plots"):
            for number, item in enumerate(fields.items(kind)):
                where = f"{fields.where}.{kind}[{number}]"
                pairs = {item: None} if isinstance(item, str) else item
                for written, flags in Fields(pairs, self._file, where).children():
                    if variables is None and templating.has_expression(written):
                        variables = self._stage_variables(wdir, extra, local)
                    path = templating.interpolate(written, variables or {}, self._file)
                    text = templating.to_text(path, self._file)
                    declared[_path(wdir, text)] = _flags(flags, self._file, where)
        return declared

    def _stage_variables(
        self, wdir: bytes, extra: templating.Variables, local: list[Any]
    ) -> templating.Variables:
        known = self._scope()
        if local:
            known = known.with_items(local, wdir)
        return {**known.values, **extra}

    def _variables(self) -> templating.Variables:
        """The variables of the whole file. Raises FormatError: they cannot be read."""
        return self._scope().values

    def _scope(self) -> Scope:
        if self._globals is None:
            try:
                self._globals = global_scope(self._vars, self._directory, self._files, self._file)
            except FormatError as error:
                self._globals = error
        if isinstance(self._globals, FormatError):
            raise self._globals
        return self._globals

    def _generated(self, definition: dict[Any, Any]) -> Generated:
        """The variables that each key of a foreach or matrix stage defines."""
        needed = templating.has_expression(definition.get("foreach", definition.get("matrix")))
        return expand(definition, self._variables() if needed else {}, self._file)

    def _in_stage(self, error: FormatError, stage: str) -> FormatError:
        """An error of this file, with the stage that it keeps from being known."""
        if error.file not in ("", self._file):
            return error
        told = f"stages.{stage}: {error.problem}"
        return FormatError(told, file=self._file, hint=error.hint, heals=error.heals)


def variable_files(data: bytes, path: bytes) -> tuple[bytes, ...]:
    """Repository paths of the variable files that a `dvc.yaml` may need, if they exist.

    Raises:
        FormatError: the file is no pipeline.
    """
    return Pipeline(data, path, {}, show(path)[1:-1]).variable_files()


def _directory(directory: bytes, wdir: object) -> bytes:
    try:
        return resolve_relative(directory, wdir if isinstance(wdir, str) else ".")
    except FormatError:
        return directory


def _named(items: list[Any], directory: bytes, found: set[bytes]) -> None:
    for item in items:
        if isinstance(item, str):
            try:
                found.add(variable_file(item, directory))
            except FormatError:
                continue  # the stage that needs it will say so


def _path(wdir: bytes, written: str) -> bytes:
    """The repository path of a declared out; what lies outside is no repository path."""
    try:
        return resolve_relative(wdir, written)
    except FormatError:
        return b"/" + written.encode("utf-8", "backslashreplace")


def _flags(value: object, file: str, where: str) -> OutFlags:
    if value is None or isinstance(value, list):  # a list holds plot properties only
        return OutFlags()
    fields = Fields(value, file, where)
    remote = fields.text("remote")
    return OutFlags(
        cached=fields.flag("cache", True),
        persist=fields.flag("persist"),
        remote=None if remote is None else remote.lower(),
        push=fields.flag("push", True),
    )
