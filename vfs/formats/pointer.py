"""`.dvc` files and `Dvcfile`s of every era.

Purpose: bytes of a pointer -> `Pointer`. The file may have any name, several outs, `wdir`, and
paths with `../`; it may be an old single-stage file (`cmd`, `deps`, `outs` with `metric`, `tags`).

Source: DVC's `schema.py` from 0.9 to 3.67; behaviour checked against DVC 2.58 and 3.67.

Rule: a file that is no YAML, no mapping, or has unknown keys at the top raises `FormatError`; an
out that cannot be used becomes a `Problem` and the others are kept.

Invariant: raises nothing but `FormatError`.
"""

from vfs.core.paths import check_path, resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.fields import Fields
from vfs.formats.outputs import (
    OUT_KEYS,
    TEXT_KEYS,
    covers,
    external,
    keep_apart,
    parse_out,
    problem_of,
    resolve_wdir,
)
from vfs.formats.sources import parse_source
from vfs.formats.values import (
    Era,
    FileEntry,
    ImportSource,
    Out,
    Place,
    Pointer,
    UrlSource,
)
from vfs.types import Problem

__all__ = [
    "Era",
    "FileEntry",
    "ImportSource",
    "Out",
    "Place",
    "Pointer",
    "UrlSource",
    "parse_pointer",
]

_KEYS = frozenset(
    {"md5", "cmd", "wdir", "deps", "outs", "frozen", "locked", "meta", "always_changed", "desc"}
    | {"params", "metrics", "plots"}
)


def parse_pointer(data: bytes, path: bytes) -> Pointer:
    """Read the pointer that lies at `path` in the repository.

    Args:
        data: its bytes.
        path: repository path of the `.dvc` file or `Dvcfile` (decides what outs are relative to).

    Raises:
        FormatError: nothing of the file is usable.
    """
    file = show(path)[1:-1]
    document = yaml12.load(data, file=file, text_keys=TEXT_KEYS)
    fields = Fields({} if document is None else document, file)
    fields.allow(_KEYS)
    wdir = resolve_wdir(path.rpartition(b"/")[0], fields.text("wdir"), fields)
    outs, problems, elsewhere = _outs(fields, wdir, path)
    apart, overlaps = keep_apart(outs, file)
    source, problem = parse_source(fields, path)
    wrong = [*problems, *([] if problem is None else [problem])]
    return Pointer(
        era=_era(fields, path),
        outs=apart,
        source=source,
        command=_command(fields),
        frozen=fields.flag("frozen") or fields.flag("locked"),
        problems=(*elsewhere, *wrong, *overlaps),
        unreadable=next((one for one in wrong if one.code == FormatError.code), None),
    )


def _outs(
    fields: Fields, wdir: bytes, path: bytes
) -> tuple[list[Out], list[Problem], list[Problem]]:
    """The outs, what is wrong with others, and those outside of the repository, which DVC knows and vfs does not serve."""
    outs: list[Out] = []
    problems: list[Problem] = []
    elsewhere: list[Problem] = []
    for number, value in enumerate(fields.items("outs")):
        try:
            outs.append(parse_out(Fields(value, fields.file, f"outs[{number}]"), wdir, path))
        except FormatError as error:
            found = elsewhere if _is_elsewhere(value) else problems
            found.append(problem_of(error, _blamed(value, wdir, path)))
    return outs, problems, elsewhere


def _is_elsewhere(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() - OUT_KEYS:
        return False
    written = value.get("path")
    return isinstance(written, str) and external(written)


def _blamed(value: object, wdir: bytes, path: bytes) -> bytes:
    """The path on which a bad out is reported: its own if that is sound, else the pointer's."""
    written = value.get("path") if isinstance(value, dict) else None
    if not isinstance(written, str) or not written or external(written):
        return path
    try:
        claimed = check_path(resolve_relative(wdir, written))
        return path if covers(claimed, path) else claimed
    except FormatError:
        return path


def _command(fields: Fields) -> str | None:
    command = fields.raw("cmd")
    if isinstance(command, list) and all(isinstance(line, str) for line in command):
        return "\n".join(command)
    return fields.text("cmd") or None


def _era(fields: Fields, path: bytes) -> Era:
    """The era by the marks each generation left; see `docs/formats.md`."""
    items = [
        item for key in ("outs", "deps") for item in fields.items(key) if isinstance(item, dict)
    ]
    if any("hash" in item for item in items):
        return Era.DVC3
    old_marks = ("metric", "persist", "cache")
    if (
        path.rpartition(b"/")[2] == b"Dvcfile"
        or fields.has_key("locked")
        or (fields.has_key("cmd") and not fields.raw("cmd"))
        or any("tags" in item or item.get("cache") is True for item in items)
        or any(item.get(mark) is False for item in items for mark in old_marks[:2])
    ):
        return Era.DVC0
    modern = ("size", "nfiles", "isexec", "files", "cloud", "version_id", "push", "remote", "desc")
    if any(mark in item for item in items for mark in modern):
        return Era.DVC2
    return Era.DVC1
