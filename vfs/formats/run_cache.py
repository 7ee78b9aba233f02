"""Entries of the run cache: what a command made of which inputs.

Format (source: DVC's `stage/cache.py`): `runs/<2>/<key>/<value>` in the cache; the text is an entry of a lock. *key* is the SHA-256 of the entry as JSON
with the outs' paths in place of the outs, *value* that of the whole; `size` and `nfiles` count in neither, wherever they stand.
"""

import hashlib
import json
from typing import Any

from vfs.formats import yaml12
from vfs.formats.locked import entry, locked
from vfs.formats.pointer_text import dump_yaml
from vfs.formats.stage_values import Definition, Locked, OutKind

_NOT_COUNTED = frozenset({"size", "nfiles"})


def cacheable(definition: Definition) -> bool:
    """Whether DVC keeps runs of a stage.

    Not one without deps, params or outs, with a dep on another machine, or with an out that persists, lies outside of the repository, or has
    `cache: false` and is no metric and no plot.
    """
    return not (
        definition.always_changed
        or not (definition.deps or definition.params)
        or any("://" in dep.written for dep in definition.deps)
        or not definition.outs
        or any(out.persist or out.path is None for out in definition.outs)
        or any(not out.cached and out.kind is OutKind.OUT for out in definition.outs)
    )


def entry_key(recorded: Locked) -> str | None:
    """The key: hexadecimal, of command, deps, params and paths of outs; None if a parameter has no form in JSON (a date)."""
    values = entry(recorded)
    values["outs"] = [out["path"] for out in values.get("outs", ())]
    return _digest(values)


def entry_value(recorded: Locked) -> str | None:
    """The value: as the key, of the outs' digests too."""
    return _digest(entry(recorded))


def entry_path(key: str, value: str = "") -> str:
    """Where an entry lies below the cache; without a value, where those of a key lie."""
    return f"runs/{key[:2]}/{key}/{value}".rstrip("/")


def entry_text(recorded: Locked) -> bytes:
    """The text of an entry."""
    return dump_yaml(entry(recorded))


def read_entry(data: bytes, file: str) -> Locked:
    """An entry that was written.

    Args:
        data: its bytes.
        file: its name in messages.

    Raises:
        FormatError: it is none.
    """
    return locked(yaml12.load(data, file=file, dvc_numbers=True), file)


def _digest(values: dict[str, Any]) -> str | None:
    try:
        text = json.dumps(_counted(values), sort_keys=True)
    except (TypeError, ValueError):
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _counted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _counted(one) for key, one in value.items() if key not in _NOT_COUNTED}
    return [_counted(one) for one in value] if isinstance(value, list) else value
