"""Stages of DVC 0.x (a `.dvc` file with a command) as entries of `dvc.yaml` and `dvc.lock`.

Format (source: DVC 1's `dvc.yaml`, `stage/serialize.py`, `schema.py` of 3.67): what is declared (command, paths, flags) goes into
`dvc.yaml`, what was found (hashes) into `dvc.lock`. Both lie beside the file, so paths and `wdir` stay as they are written.

Rule: `${…}` of an old command is escaped, since `dvc.yaml` would take it for a variable.
"""

import posixpath
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.declared import declared
from vfs.formats.fields import Fields, describe
from vfs.formats.locked import locked
from vfs.formats.outputs import OUT_KEYS, TEXT_KEYS, resolve_wdir
from vfs.formats.pipeline_schema import NOT_IN_NAMES, Keys
from vfs.formats.pointer_text import dump_yaml, load_yaml
from vfs.formats.stage_values import Definition, Locked
from vfs.formats.variables import DEFAULT_FILE

_KEYS: Final = frozenset(
    {"md5", "cmd", "wdir", "deps", "outs", "locked", "frozen", "meta", "always_changed", "desc"}
)
_HASHES: Final = ("md5", "etag", "checksum", "size", "nfiles", "isexec")

NewHash = Callable[[str, str, str], str | None]
"""(`wdir`, path as written, old `md5` value) -> the `md5` value of DVC 3; None: the item keeps its form, which DVC 3 reads."""


class Single(NamedTuple):
    """Such a stage.

    Attributes:
        declared: its entry of `dvc.yaml`.
        locked: its entry of `dvc.lock`; None if it never ran.
        wdir: as it is written, relative to the file's directory.
    """

    declared: dict[str, Any]
    locked: dict[str, Any] | None
    wdir: str


def single_stage(data: bytes, file: str, new_hash: NewHash) -> Single:
    """Take a `.dvc` file with a command apart.

    Args:
        data: its bytes.
        file: its name in messages.
        new_hash: what becomes of an item's hash.

    Raises:
        FormatError: it is no YAML.
    """
    return taken_apart(load_yaml(data, file), new_hash, _escaped)


def single_definition(data: bytes, path: bytes) -> tuple[Definition, Locked | None] | None:
    """The stage of a `.dvc` file, and what its last run had and made; None if the file has no command.

    Args:
        data: its bytes.
        path: its repository path.

    Raises:
        FormatError: it is no such file.
    """
    file = show(path)[1:-1]
    fields = Fields(yaml12.load(data, file=file, text_keys=TEXT_KEYS), file)
    if "cmd" not in fields:
        return None
    fields.allow(_KEYS)
    for key in ("deps", "outs"):
        for index, item in enumerate(fields.items(key)):
            one = Fields(item, file, f"{key}[{index}]")
            one.allow(OUT_KEYS if key == "outs" else OUT_KEYS | {"params"})
            one.required_text("path")
            if "params" in one:
                _check_params(one)
    for key in ("frozen", "locked", "always_changed"):
        fields.flag(key)
    fields.text("desc")
    entry, record, _ = taken_apart(
        {key: fields.raw(key) for key in _KEYS}, lambda *_: None, lambda value: value
    )
    wdir = resolve_wdir(path.rpartition(b"/")[0], fields.text("wdir"), fields)

    def fail(keys: Keys, problem: str) -> FormatError:
        return fields.error(".".join(map(str, keys)), problem)

    definition = declared(entry, wdir, fail, file=path, line=1, name="")
    return definition, None if record is None else locked(record, file)


def _check_params(item: Fields) -> None:
    """Values by key, or a list of keys of a stage that never ran. Raises FormatError."""
    params = item.raw("params")
    keys = params if isinstance(params, list) else dict(item.child("params").children())
    for key in keys:
        if not isinstance(key, str) or not key:
            raise item.error("params", f"expected a parameter, found {describe(key)}")


def taken_apart(
    document: Mapping[str, Any], new_hash: NewHash, escaped: Callable[[Any], Any]
) -> Single:
    """What a `.dvc` file with a command says; `escaped` is done to what goes into `dvc.yaml`."""
    command, wdir = document["cmd"], str(document.get("wdir") or ".")
    declaration: dict[str, Any] = {"cmd": escaped(command)}
    record: dict[str, Any] = {"cmd": command}
    if wdir != ".":
        declaration["wdir"] = escaped(wdir)
    plain = [item for item in document.get("deps") or () if not item.get("params")]
    params = {
        str(item["path"]): item["params"]
        for item in document.get("deps") or ()
        if item.get("params")
    }
    values = {name: dict(one) for name, one in params.items() if not isinstance(one, list)}
    if plain:
        declaration["deps"] = [escaped(item["path"]) for item in plain]
        record["deps"] = [_item(item, wdir, new_hash) for item in plain]
    if params:
        declaration["params"] = [
            one for name, known in params.items() for one in _parameters(name, list(known))
        ]
        record["params"] = values
    outs = list(document.get("outs") or ())
    for item in outs:
        kind = "metrics" if item.get("metric") else "plots" if item.get("plot") else "outs"
        declaration.setdefault(kind, []).append(_declared(item, escaped))
    if outs:
        record["outs"] = [_item(item, wdir, new_hash) for item in outs]
    for old, new in (("locked", "frozen"), ("frozen", "frozen"), ("always_changed",) * 2):
        if document.get(old):
            declaration[new] = True
    for key in ("desc", "meta"):
        if document.get(key):
            declaration[key] = document[key]
    ran = values.keys() == params.keys() and all(
        item.keys() & set(_HASHES) for item in (*plain, *outs)
    )
    return Single(declaration, record if ran else None, wdir)


def stage_name(file: str, taken: Collection[str]) -> str:
    """A name for the stage of a file: the file's own, as far as DVC allows it, with a number if it is taken."""
    stem = posixpath.basename(file).removesuffix(".dvc")
    name = "".join("-" if char in NOT_IN_NAMES else char for char in stem)
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def stage_names(pipeline: bytes | None, file: str) -> list[str]:
    """The stages that a `dvc.yaml` has. Raises FormatError."""
    return [] if pipeline is None else list(load_yaml(pipeline, file).get("stages") or ())


def with_stages(old: bytes | None, file: str, stages: Mapping[str, Any], *, lock: bool) -> bytes:
    """A `dvc.yaml` or `dvc.lock` with more stages.

    Args:
        old: its bytes; None if there is none.
        file: its name in messages.
        stages: entries by name.
        lock: it is a `dvc.lock`, in schema 2.0.

    Raises:
        FormatError: it is no YAML.
    """
    start: dict[str, Any] = {"schema": "2.0"} if lock else {}
    document = start if old is None else load_yaml(old, file)
    if not document.get("stages"):
        document["stages"] = {}
    document["stages"].update(stages)
    return dump_yaml(document)


def _item(item: Mapping[str, Any], wdir: str, new_hash: NewHash) -> dict[str, Any]:
    """An item of a lock."""
    found = {key: item[key] for key in _HASHES if key in item}
    if item.get("hash") == "md5":  # run by vfs, which hashes as DVC 3 does
        return {"path": item["path"], "hash": "md5", **found}
    new = new_hash(wdir, str(item["path"]), str(item["md5"])) if "md5" in item else None
    return {"path": item["path"]} | (found if new is None else {"hash": "md5", **found, "md5": new})


def _declared(item: Mapping[str, Any], escaped: Callable[[Any], Any]) -> Any:
    flags: dict[str, Any] = {}
    if item.get("cache") is False:
        flags["cache"] = False
    if item.get("persist"):
        flags["persist"] = True
    for key in ("remote", "push", "desc"):
        if key in item:
            flags[key] = item[key]
    path = escaped(item["path"])
    return {path: flags} if flags else path


def _parameters(name: str, keys: list[str]) -> list[Any]:
    return list(keys) if name == DEFAULT_FILE else [{name: keys}]


def _escaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_escaped(one) for one in value]
    return str(value).replace("${", "\\${")
