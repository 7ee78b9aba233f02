"""An entry of `stages`, after `${…}`, as a `Definition`.

Format (source: DVC's `stage/loader.py`, `output.py`, `dependency/__init__.py`): of a path that a list names twice the flags are
merged; `params` are keys of `params.yaml`, or `{file: keys}`; a file without keys is tracked as a whole.
"""

from collections.abc import Callable, Iterator
from typing import Any

from vfs.core.paths import resolve_relative
from vfs.errors import FormatError
from vfs.formats.fields import clip, describe
from vfs.formats.outputs import external, lowered
from vfs.formats.pipeline_schema import PLOT_KEYS, Keys
from vfs.formats.stage_values import (
    Command,
    DeclaredDep,
    DeclaredOut,
    DeclaredParams,
    Definition,
    OutKind,
)
from vfs.formats.variables import DEFAULT_FILE

Fail = Callable[[Keys, str], FormatError]
"""(keys below the stage, what is wrong there) -> the error to raise."""

_EXTRA = ("desc", "type", "labels", "meta")


def declared(
    entry: dict[str, Any],
    wdir: bytes,
    fail: Fail,
    *,
    file: bytes,
    line: int | None,
    name: str,
    group: str | None = None,
) -> Definition:
    """The definition.

    Args:
        entry: of the stage; its types are checked where a variable can change them.
        wdir: repository directory.
        fail: makes an error.
        file: repository path of the file.
        line: where the stage begins in it.
        name: of the stage.
        group: what it was generated from.

    Raises:
        FormatError: from `fail`.
    """
    desc = entry.get("desc")
    return Definition(
        file=file,
        line=line,
        name=name,
        command=_command(entry.get("cmd"), fail),
        wdir=wdir,
        deps=tuple(DeclaredDep(written, place(wdir, written)) for written in _deps(entry, fail)),
        params=tuple(_params(entry.get("params") or [], wdir, fail)),
        outs=tuple(
            out for kind in OutKind for out in _outs(entry.get(kind) or [], kind, wdir, fail)
        ),
        frozen=entry.get("frozen", False),
        always_changed=entry.get("always_changed", False),
        group=group,
        desc=None if desc is None else str(desc),
        meta=entry.get("meta"),
    )


def place(wdir: bytes, written: str) -> bytes | None:
    """The repository path of a dep or out; None if it lies elsewhere."""
    if external(written):
        return None
    try:
        return resolve_relative(wdir, written)
    except FormatError:
        return None


def _command(value: Any, fail: Fail) -> Command:
    lines = value if isinstance(value, list) else [value]
    for index, line in enumerate(lines):
        keys = ("cmd", index) if lines is value else ("cmd",)
        if not isinstance(line, str):
            raise fail(keys, f"expected a string, found {describe(line)}")
        if not line.strip():
            raise fail(keys, "the command is empty")
    if not lines:
        raise fail(("cmd",), "the command is empty")
    return tuple(lines) if isinstance(value, list) else str(value)


def _path(value: Any, keys: Keys, fail: Fail) -> str:
    """A path of a dep or out."""
    if not isinstance(value, str):
        raise fail(keys, f"expected a path, found {describe(value)}")
    if not value:
        raise fail(keys, "the path is empty")
    if value.endswith(".dvc") or value.rpartition("/")[2] == "dvc.yaml":
        raise fail(
            keys, f"{clip(value)} is a file of DVC's own, it can be no output and no dependency"
        )
    return value


def _deps(entry: dict[str, Any], fail: Fail) -> Iterator[str]:
    """Each one once; DVC records twice what is written twice, and accepts it once."""
    items = enumerate(entry.get("deps") or ())
    yield from dict.fromkeys(_path(item, ("deps", index), fail) for index, item in items)


def _params(items: list[Any], wdir: bytes, fail: Fail) -> Iterator[DeclaredParams]:
    """Files in the order in which they are first named."""
    whole = {
        file for item in items if isinstance(item, dict) for file, keys in item.items() if not keys
    }
    found: dict[str, list[str]] = {}
    for index, item in enumerate(items):
        if isinstance(item, dict):
            for file, names in item.items():
                keys = ("params", index, file)
                if not isinstance(file, str):
                    raise fail(keys, f"expected a file, found {describe(file)}")
                if file in whole:
                    found[file] = []
                else:
                    found.setdefault(file, []).extend(_names(names, keys, fail))
        elif DEFAULT_FILE not in whole:
            found.setdefault(DEFAULT_FILE, []).extend(_names([item], ("params",), fail, index))
    for file, names in found.items():
        yield DeclaredParams(file, place(wdir, file), tuple(names))


def _names(value: Any, keys: Keys, fail: Fail, first: int = 0) -> list[str]:
    """The names of parameters in a list."""
    if not isinstance(value, list):
        raise fail(keys, f"expected a list of parameters, found {describe(value)}")
    for number, name in enumerate(value, first):
        if not isinstance(name, str) or not name:
            raise fail((*keys, number), f"expected a parameter, found {describe(name)}")
    return value


def _outs(items: list[Any], kind: OutKind, wdir: bytes, fail: Fail) -> Iterator[DeclaredOut]:
    merged: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(items):
        for written, flags in (item if isinstance(item, dict) else {item: {}}).items():
            keys = (kind.value, index) if item is written else (kind.value, index, written)
            merged.setdefault(_path(written, keys, fail), {}).update(flags)
    kept = (*_EXTRA, *PLOT_KEYS) if kind is OutKind.PLOT else _EXTRA
    for written, flags in merged.items():
        yield DeclaredOut(
            written,
            place(wdir, written),
            kind,
            cached=flags.get("cache", True),
            persist=flags.get("persist", False),
            remote=lowered(flags.get("remote")),
            push=flags.get("push", True),
            extra={key: value for key, value in flags.items() if key in kept},
        )
