"""What a `dvc.lock` records of each stage, and writing it.

Format (source: DVC's `schema.py`, `stage/serialize.py`, `dvcfile.py`, 3.67): schema 2.0; DVC 1 had the stages at the top. Deps and outs are sorted
by path, `params.yaml` comes before other files, keys are sorted. Written in place: stages keep their places, new ones go to the end.

Rule: values are read as DVC's loader sees them, dates too, for they are compared with those of parameter files.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.fields import Fields
from vfs.formats.lock import lock_stages
from vfs.formats.outputs import FILE_KEYS, parse_hash
from vfs.formats.pointer_text import dump_yaml, load_yaml
from vfs.formats.stage_values import Command, Locked, LockedItem
from vfs.formats.variables import DEFAULT_FILE
from vfs.types import Algorithm

_STAGE_KEYS = frozenset({"cmd", "deps", "params", "outs"})
_ITEM_KEYS = (FILE_KEYS - {"relpath"}) | {"path", "files", "dataset"}
_READ = frozenset({"path", "hash", "md5", "size", "nfiles", "isexec"})
_REST = ("version_id", "etag", "checksum", "remote", "cloud", "files", "dataset")


def locked_stages(data: bytes | None, file: str) -> dict[str, Locked]:
    """The stages of a lock, in its order; none without a file.

    Args:
        data: its bytes, None if there is none.
        file: its name in messages.

    Raises:
        FormatError: it is no lock.
    """
    if data is None:
        return {}
    document = yaml12.load(data, file=file, dvc_numbers=True)
    stages, _ = lock_stages(Fields({} if document is None else document, file))
    found: dict[str, Locked] = {}
    for name, value in stages.children():
        try:
            found[name] = locked(value, file, stages.path(name))
        except FormatError as error:
            lines = yaml12.Lines(depth=2)
            yaml12.load(data, file=file, lines=lines)
            line = lines.at(("stages", name) if "stages" in stages.path(name) else (name,))
            raise FormatError(error.problem, file=file, line=line, hint=error.hint) from None
    return found


def locked(value: object, file: str, where: str = "") -> Locked:
    """One entry.

    Args:
        value: as it was read.
        file: name for messages.
        where: of the entry in the file.

    Raises:
        FormatError: it is no entry of a lock.
    """
    fields = Fields(value, file, where)
    fields.allow(_STAGE_KEYS)
    return Locked(
        command=_command(fields),
        deps=_items(fields, "deps"),
        params=_params(fields),
        outs=_items(fields, "outs"),
    )


def entry(locked: Locked) -> dict[str, Any]:
    """An entry, keys and items in DVC's order."""
    command = locked.command
    found: dict[str, Any] = {"cmd": command if isinstance(command, str) else list(command)}
    if locked.deps:
        found["deps"] = [_item(locked.deps[path]) for path in sorted(locked.deps)]
    if locked.params:
        found["params"] = {
            file: {key: locked.params[file][key] for key in sorted(locked.params[file])}
            for file in sorted(locked.params, key=lambda file: (file != DEFAULT_FILE, file))
        }
    if locked.outs:
        found["outs"] = [_item(locked.outs[path]) for path in sorted(locked.outs)]
    return found


def with_entries(
    old: bytes | None, file: str, entries: Mapping[str, Locked], remove: Collection[str] = ()
) -> bytes | None:
    """A lock in which stages are recorded anew.

    Args:
        old: its bytes, None if there is none.
        file: its name in messages.
        entries: what is recorded, by the stages' names.
        remove: stages whose entries go.

    Returns:
        The bytes that DVC writes; None: it has no stage left, and the file goes.

    Raises:
        FormatError: it is no lock.
    """
    document: Any = load_yaml(old, file, empty=True) if old is not None else {}
    if not document:
        document = {"schema": "2.0"}
    elif not isinstance(document.get("schema"), str):  # DVC 1; a stage may be called `schema`
        document = {"schema": "2.0", "stages": document}
    stages = document.get("stages")
    if stages is None:
        document["stages"] = stages = {}
    if not isinstance(stages, dict):
        raise FormatError("stages: expected a mapping", file=file)
    for name in remove:
        stages.pop(name, None)
    for name, one in entries.items():
        stages[name] = deepcopy(entry(one))  # what two stages share is no alias in the file
    return dump_yaml(document) if stages or document.get("datasets") else None


def _command(fields: Fields) -> Command:
    command = fields.raw("cmd")
    if not isinstance(command, list):
        return fields.required_text("cmd")
    for index, line in enumerate(command):
        if not isinstance(line, str):
            raise fields.error(f"cmd[{index}]", "expected a string")
    return tuple(command)


def _params(fields: Fields) -> dict[str, dict[str, Any]]:
    if not fields.has_key("params"):
        return {}
    files = fields.child("params")
    return {file: dict(files.child(file).children()) for file, _ in files.children()}


def _items(fields: Fields, key: str) -> dict[str, LockedItem]:
    found: dict[str, LockedItem] = {}
    for index, value in enumerate(fields.items(key)):
        item = Fields(value, fields.file, fields.path(f"{key}[{index}]"))
        item.allow(_ITEM_KEYS)
        written = item.text("path")
        if written is None:
            raise item.error("path", "expected a string, found nothing")
        digest, is_tree = parse_hash(item)
        rest = {name: one for name, one in item.children() if name not in _READ}
        if digest is None and "hash" in item:
            rest["hash"] = item.raw("hash")
        found[written] = LockedItem(
            written,
            digest,
            is_tree,
            item.count("size"),
            item.count("nfiles"),
            item.flag("isexec"),
            rest,
        )
    return found


def _item(item: LockedItem) -> dict[str, Any]:
    """An item; what names its content comes first, as in DVC."""
    found: dict[str, Any] = {"path": item.written}
    if item.digest is not None:
        if item.digest.algorithm is not Algorithm.MD5_DOS2UNIX:
            found["hash"] = "md5"
        found["md5"] = item.digest.hex + (".dir" if item.is_tree else "")
    else:
        for key in ("hash", "etag", "checksum"):
            if key in item.rest:
                found[key] = item.rest[key]
    if item.size is not None:
        found["size"] = item.size
    if item.nfiles is not None:
        found["nfiles"] = item.nfiles
    if item.executable:
        found["isexec"] = True
    for key in _REST:
        if key in item.rest:
            found.setdefault(key, item.rest[key])
    return found
