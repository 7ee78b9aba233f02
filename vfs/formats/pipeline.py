"""`dvc.yaml`, as far as a reader of `dvc.lock` needs it.

Purpose: for the name of a locked stage, say whether the pipeline still has it, its `wdir`, and
the flags of its outs (`cache: false`, `remote`, `push`, `persist`).

Rules (source: DVC's `parsing/__init__.py`, `schema.py`): `foreach: list|mapping|"${x}"` with
`do:` makes `name@key` (the item itself for plain lists, its index if any item is composite);
`matrix: {a: [...], b: [...]}` makes `name@a0-b0` (the items joined by `-`, `<key><index>` for
composite ones); `${item}`, `${item.k}`, `${key}` are defined inside.

Only stages that a lock names are generated. Variable files come in as a mapping.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import templating, yaml12
from vfs.formats.fields import Fields, clip

MAX_BYTES = 8 * 1024 * 1024
MAX_GENERATED = 100_000
_DEFAULT_VARIABLES = "params.yaml"


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
        problem: why not.
    """

    wdir: bytes
    outs: dict[bytes, OutFlags] | None
    problem: str = ""


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
        self._globals: templating.Variables | FormatError | None = None
        self._groups: dict[str, dict[str, templating.Variables]] = {}

    def declaration(self, name: str) -> Declaration | None:
        """How the pipeline declares the stage `name` or `group@key`; None if it does not.

        Raises:
            FormatError: it has the stage, but where it works cannot be resolved.
        """
        definition = self._stages.get(name)
        if definition is not None and not _generates(definition):
            return self._declared(name, definition, None)
        group, at, key = name.rpartition("@")
        definition = self._stages.get(group) if at else None
        if definition is None or not _generates(definition):
            return None
        if group not in self._groups:
            self._groups[group] = self._generated(Fields(definition, self._file, f"stages.{group}"))
        extra = self._groups[group].get(key)
        if extra is None:
            return None
        fields = Fields(definition, self._file, f"stages.{group}")
        body = fields.raw("do") if fields.has_key("foreach") else definition
        return self._declared(name, body, extra)

    def plain(self) -> Iterator[tuple[str, Declaration]]:
        """The stages that are written one by one; those that cannot be resolved are left out."""
        for name, definition in self._stages.items():
            if not _generates(definition):
                with suppress(FormatError):
                    yield name, self._declared(name, definition, None)

    def variable_files(self) -> tuple[bytes, ...]:
        """Repository paths of the variable files that any stage may need."""
        found = {templating.variable_file(_DEFAULT_VARIABLES, self._directory)}
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
            return Declaration(wdir, None, error.message)
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
        known = self._variables()
        if local:
            known = templating.load_variables(local, wdir, self._files, self._file, known)
        return {**known, **extra}

    def _variables(self) -> templating.Variables:
        """The variables of the whole file.

        Raises:
            FormatError: they cannot be read.
        """
        if self._globals is None:
            items = list(self._vars)
            if templating.variable_file(_DEFAULT_VARIABLES, self._directory) in self._files:
                items.insert(0, _DEFAULT_VARIABLES)
            try:
                self._globals = templating.load_variables(
                    items, self._directory, self._files, self._file
                )
            except FormatError as error:
                self._globals = error
        if isinstance(self._globals, FormatError):
            raise self._globals
        return self._globals

    def _generated(self, fields: Fields) -> dict[str, templating.Variables]:
        """The variables that each key of a foreach or matrix stage defines."""
        if fields.has_key("foreach"):
            return _foreach(self._resolved(fields.raw("foreach")), fields)
        matrix = self._resolved(fields.raw("matrix"))
        if not isinstance(matrix, dict):
            raise fields.error("matrix", f"expected a mapping, found {clip(matrix)}")
        return _matrix(matrix, fields)

    def _resolved(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            if not templating.has_expression(value):
                return value
            return templating.interpolate(value, self._variables(), self._file)
        if isinstance(value, list):
            return [self._resolved(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {key: self._resolved(item, depth + 1) for key, item in value.items()}
        return value


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
                found.add(templating.variable_file(item, directory))
            except FormatError:
                continue  # the stage that needs it will say so


def _generates(definition: object) -> bool:
    return isinstance(definition, dict) and ("foreach" in definition or "matrix" in definition)


def _foreach(items: Any, fields: Fields) -> dict[str, templating.Variables]:
    if isinstance(items, dict):
        pairs = {_key(key): value for key, value in items.items()}
        return {key: {"item": value, "key": key} for key, value in pairs.items()}
    if not isinstance(items, list):
        raise fields.error("foreach", f"expected a list or mapping, found {clip(items)}")
    if any(isinstance(item, (dict, list)) for item in items):
        return {str(index): {"item": item} for index, item in enumerate(items)}
    return {key: {"item": item} for spell in _SPELLINGS for item in items for key in [spell(item)]}


def _matrix(matrix: dict[Any, Any], fields: Fields) -> dict[str, templating.Variables]:
    for key, values in matrix.items():
        if not isinstance(values, list):
            raise fields.error(f"matrix.{clip(key)}", f"expected a list, found {clip(values)}")
    if prod(len(values) for values in matrix.values()) > MAX_GENERATED:
        raise fields.error("matrix", f"makes more than {MAX_GENERATED} stages")
    generated: dict[str, templating.Variables] = {}
    for combination in product(*(enumerate(values) for values in matrix.values())):
        pairs = list(zip(matrix, combination, strict=True))
        item = {name: value for name, (_, value) in pairs}
        for spell in _SPELLINGS:
            key = "-".join(
                f"{name}{index}" if isinstance(value, (dict, list)) else spell(value)
                for name, (index, value) in pairs
            )
            generated.setdefault(key, {"item": item, "key": key})
    return generated


def _key(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# DVC spells a bool in a stage's name `true` if the list is written in place, `True` if it came
# from a variable; either is looked up.
_SPELLINGS = (_key, str)


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
