"""Which values of its `vars` files the stages of a `dvc.yaml` use.

Rule (DVC's, source: `parsing/context.py`, `repo/params/show.py`): what stands in `${…}` of a stage, by its dotted name, from the file that
defines it; the last one that does. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.definition import MAX_BYTES
from vfs.formats.documents import parse_document
from vfs.formats.templating import select
from vfs.formats.variables import variable_file

_EXPRESSION = re.compile(r"(?<!\\)\$\{([^}\n]*)\}")


def used(data: bytes, path: bytes, files: Mapping[bytes, bytes]) -> dict[bytes, dict[str, Any]]:
    """The values, by file and dotted name, of a `dvc.yaml` that `definitions` accepts."""
    file = show(path)[1:-1]
    document: Any = yaml12.load(data, file=file, max_bytes=MAX_BYTES, dvc_numbers=True) or {}
    directory = path.rpartition(b"/")[0]
    found: dict[bytes, dict[str, Any]] = {}
    for stage in document.get("stages", {}).values():
        names = dict.fromkeys(_names(stage))
        if not names:
            continue
        body = stage.get("do", stage) if isinstance(stage, dict) else {}
        wdir = str(body.get("wdir", "."))
        local = [] if "${" in wdir else _files(body, resolve_relative(directory, wdir))
        for one in (*_files(document, directory), *local):
            if one not in files:
                continue
            with suppress(FormatError):
                values = parse_document(files[one], one)
                for name in names:
                    with suppress(FormatError):
                        found.setdefault(one, {})[name] = select(name, values, file)
    return {one: values for one, values in found.items() if values}


def _files(document: Mapping[str, Any], directory: bytes) -> list[bytes]:
    """The files that `vars` names."""
    found = []
    for item in document.get("vars") or ():
        if isinstance(item, str):
            with suppress(FormatError):
                found.append(variable_file(item, directory))
    return found


def _names(value: Any) -> Iterator[str]:
    """What stands in `${…}`, anywhere in a stage."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            yield from (match[1].strip() for match in _EXPRESSION.finditer(one))
        elif isinstance(one, dict):
            todo += [*one, *one.values()]
        elif isinstance(one, list):
            todo += one
