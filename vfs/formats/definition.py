"""`dvc.yaml`, strictly: what stages there are, to run and to judge them.

Purpose: everything that DVC would refuse, and what it would fail at, is refused with file, line and stage, before anything runs. Mounts,
which show what they can of any history, use `vfs.formats.pipeline` on the same mechanism (`variables`, `templating`, `expansion`).

Format (source: DVC's `schema.py`, `parsing/`, 3.67).

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import templating, yaml12
from vfs.formats.declared import declared
from vfs.formats.expansion import body_of, expand, is_group
from vfs.formats.fields import clip, describe
from vfs.formats.pipeline_schema import Keys, faults
from vfs.formats.stage_values import Definition
from vfs.formats.templating import OPTIONS, Into, OptionStyle, Variables
from vfs.formats.variables import Scope, global_scope

MAX_BYTES = 8 * 1024 * 1024


class Sections(NamedTuple):
    """What the top of a `dvc.yaml` names for showing, after `${…}`; paths as written, relative to the file.

    Attributes:
        plots: paths, or mappings of a path or title to its properties.
        artifacts: properties by name.
    """

    params: list[str]
    metrics: list[str]
    plots: list[Any]
    artifacts: dict[str, Any]


def definitions(
    data: bytes,
    path: bytes,
    files: Mapping[bytes, bytes],
    *,
    names: Collection[str] | None = None,
    style: OptionStyle = OPTIONS,
) -> list[Definition]:
    """The stages of a `dvc.yaml`, in its order.

    Args:
        data: its bytes.
        path: its repository path.
        files: variable files by repository path, for example `variables.OnDemand`.
        names: only these are resolved: `name`, `name@item`, or the `name` of a group; None: all.
        style: how mappings are written into commands.

    Raises:
        FormatError: anything that is not as it should be.
    """
    return StrictPipeline(data, path, files, style).definitions(names)


def sections(data: bytes, path: bytes, files: Mapping[bytes, bytes]) -> Sections:
    """What the top of a `dvc.yaml` names. Arguments and errors as for `definitions`."""
    return StrictPipeline(data, path, files).sections()


class StrictPipeline:
    """A parsed `dvc.yaml`."""

    def __init__(
        self,
        data: bytes,
        path: bytes,
        files: Mapping[bytes, bytes],
        style: OptionStyle = OPTIONS,
    ) -> None:
        """Read it, without resolving its stages. Arguments and errors as for `definitions`."""
        self._data = data
        self._path = path
        self._file = show(path)[1:-1]
        self._directory = path.rpartition(b"/")[0]
        self._style = style
        self._lines = yaml12.Lines(depth=2)
        document = self._load(self._lines) or {}
        fault = next(faults(document), None)
        if fault is not None:
            raise self._error(fault.keys, fault.problem)
        assert isinstance(document, dict)
        self._document: dict[str, Any] = document
        items = document.get("vars", [])
        if templating.has_expression(items):
            raise self._error(("vars",), "variables cannot be made from ${…}")
        with self._at(("vars",)):
            self._scope = global_scope(items, self._directory, files, self._file)

    def definitions(self, names: Collection[str] | None = None) -> list[Definition]:
        """The stages, as the function of this name gives them."""
        found: list[Definition] = []
        for name, entry in self._document.get("stages", {}).items():
            if is_group(entry):
                found += self._generated(name, entry, names)
            elif names is None or name in names:
                found.append(self._stage(name, entry, ("stages", name), {}, None))
        return found

    def sections(self) -> Sections:
        """The lists at the top, as the function of this name gives them."""
        return Sections(
            params=self._texts("params"),
            metrics=self._texts("metrics"),
            plots=[
                self._resolved(item, ("plots", index))
                for index, item in enumerate(self._document.get("plots", []))
            ],
            artifacts={
                self._text(name, ("artifacts", name)): self._resolved(item, ("artifacts", name))
                for name, item in self._document.get("artifacts", {}).items()
            },
        )

    def _generated(
        self, group: str, entry: dict[str, Any], names: Collection[str] | None
    ) -> Iterator[Definition]:
        keys: Keys = ("stages", group)
        body, inner = body_of(entry), keys
        made_by = "foreach" if "foreach" in entry else "matrix"
        if made_by == "foreach":
            inner = (*keys, "do")
        if names is not None and not any(
            one.rpartition("@")[0] == group or one == group for one in names
        ):
            return
        with self._at((*keys, made_by)):
            templating.check(entry[made_by], self._file)
            generated = expand(entry, self._scope.values, self._file)
        if "" in generated:
            raise self._error((*keys, made_by), "makes a stage without a name")
        for key, extra in generated.items():
            name = f"{group}@{key}"
            if names is None or group in names or name in names:
                yield self._stage(name, body, inner, extra, group)

    def _stage(
        self, name: str, entry: dict[str, Any], keys: Keys, extra: Variables, group: str | None
    ) -> Definition:
        for key, value in entry.items():
            if templating.mentions(value):
                with self._at((*keys, key), name):
                    templating.check(value, self._file)
        with self._at((*keys, "wdir"), name):
            known = {**self._scope.values, **extra}
            wdir = self._wdir(entry, known)
        local = entry.get("vars", [])
        if local:
            with self._at((*keys, "vars"), name):
                known = self._with_local(local, wdir, extra).values
        resolved = {key: value for key, value in entry.items() if key != "vars"}
        for key, value in resolved.items():
            if templating.mentions(value):
                with self._at((*keys, key), name):
                    into = Into.COMMAND if key == "cmd" else Into.PLAIN
                    resolved[key] = templating.resolve(value, known, self._file, into, self._style)
        return declared(
            resolved,
            wdir,
            lambda inner, problem: self._error((*keys, *inner), problem, name),
            file=self._path,
            line=self._lines.at(("stages", group or name)),
            name=name,
            group=group,
        )

    def _wdir(self, entry: dict[str, Any], variables: Variables) -> bytes:
        written = templating.interpolate(entry.get("wdir", "."), variables, self._file)
        if not isinstance(written, str):
            raise FormatError(f"expected a string, found {describe(written)}", file=self._file)
        return resolve_relative(self._directory, written)

    def _with_local(self, items: list[Any], wdir: bytes, extra: Variables) -> Scope:
        """The variables of a stage that has some of its own."""
        if templating.has_expression(items):
            raise FormatError("variables cannot be made from ${…}", file=self._file)
        return self._scope.overlaid(extra).with_items(items, wdir, reserved=extra)

    def _texts(self, section: str) -> list[str]:
        items = enumerate(self._document.get(section, []))
        return [self._text(item, (section, index)) for index, item in items]

    def _text(self, value: Any, keys: Keys) -> str:
        found = self._resolved(value, keys)
        if not isinstance(found, str):
            raise self._error(keys, f"expected a string, found {describe(found)}")
        return found

    def _resolved(self, value: Any, keys: Keys) -> Any:
        with self._at(keys):
            templating.check(value, self._file)
            return templating.resolve(value, self._scope.values, self._file, Into.ANY)

    def _load(self, lines: yaml12.Lines) -> object:
        return yaml12.load(
            self._data, file=self._file, max_bytes=MAX_BYTES, dvc_numbers=True, lines=lines
        )

    @contextmanager
    def _at(self, keys: Keys, stage: str | None = None) -> Iterator[None]:
        """Errors in here that do not say where they are, are of `keys`; those in other files keep their place."""
        try:
            yield
        except FormatError as error:
            if error.file not in ("", self._file):
                raise
            placed = self._error(keys, error.problem, stage)
            placed.hint, placed.heals = error.hint, error.heals
            raise placed from None

    def _error(self, keys: Keys, problem: str, stage: str | None = None) -> FormatError:
        lines = yaml12.Lines()
        self._load(lines)
        of = keys[:1] == ("stages",) and len(keys) > 1
        where = keys[2:] if of else keys
        text = "".join(f"[{key}]" if isinstance(key, int) else f".{_shown(key)}" for key in where)
        message = f"{text.removeprefix('.')}: {problem}" if where else problem
        if of:
            message = f"stage {clip(stage if stage is not None else keys[1])}: {message}"
        return FormatError(message, file=self._file, line=lines.at(keys))


def _shown(key: object) -> str:
    return clip(key)[1:-1] if isinstance(key, str) else clip(key)
