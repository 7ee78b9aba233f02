r"""`${…}` in `dvc.yaml`: variables and their insertion.

Purpose: know the `wdir` and the out paths of parametrised stages, as DVC computes them.

Rules (source: DVC's `parsing/context.py`, `parsing/interpolate.py`):
  * variables come from `params.yaml` beside `dvc.yaml` if it exists, then from `vars` (files,
    `file:key1,key2`, or mappings); mappings merge deeply, a value may not be redefined;
  * `${a.b[0].c}` selects; a string that is nothing but one `${…}` takes the value itself, else
    its text is inserted (`true`/`false`, numbers, strings; nothing composite);
  * `\${` is a literal `${`.

Invariant: raises nothing but `FormatError` (whose `problem` says what could not be resolved).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from vfs.core.paths import resolve_relative, show
from vfs.errors import FormatError
from vfs.formats import yaml12
from vfs.formats.fields import clip

MAX_VARIABLES = 8 * 1024 * 1024  # bytes of one variable file
MAX_DEPTH = 100
_EXPRESSION = re.compile(r"(?<!\\)\$\{([^}\n]*)\}")
_INDEX = re.compile(r"\[([^\]\[]*)\]")

Variables = dict[str, Any]


def interpolate(text: str, variables: Variables, file: str) -> Any:
    """`text` with every `${…}` replaced.

    Raises:
        FormatError: an unknown variable, or a composite value in the midst of text.
    """
    whole = _EXPRESSION.fullmatch(text)
    if whole is not None:
        return select(whole[1], variables, file)

    def replace(match: re.Match[str]) -> str:
        return to_text(select(match[1], variables, file), file)

    return _EXPRESSION.sub(replace, text).replace("\\${", "${")


def has_expression(text: str) -> bool:
    """Whether DVC would replace something in `text`."""
    return _EXPRESSION.search(text) is not None


def select(expression: str, variables: Variables, file: str) -> Any:
    """The value that `a.b[0]` names.

    Raises:
        FormatError: there is no such value.
    """
    value: Any = variables
    for part in _INDEX.sub(r".\1", expression).split("."):
        key = part.strip()
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (LookupError, TypeError, ValueError):
            raise FormatError(f"cannot resolve ${{{clip(expression)[1:-1]}}}", file=file) from None
    return value


def to_text(value: Any, file: str) -> str:
    """A value as DVC writes it into text.

    Raises:
        FormatError: the value is a list or mapping.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise FormatError(f"cannot insert {clip(value)} into text", file=file)
    return str(value)


def merge(into: Variables, update: Mapping[Any, Any], file: str, depth: int = 0) -> None:
    """Add variables; mappings merge, nothing is redefined.

    Raises:
        FormatError: a variable has a value already, or the nesting is too deep.
    """
    if depth > MAX_DEPTH:
        raise FormatError(f"variables are nested deeper than {MAX_DEPTH} levels", file=file)
    for key, value in update.items():
        if not isinstance(key, str):
            continue  # DVC ignores such keys
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merge(old, value, file, depth + 1)
        elif key in into:
            raise FormatError(f"redefines the variable {clip(key)}", file=file)
        else:
            into[key] = _copied(value, file, depth)


def load_variables(
    items: list[Any],
    directory: bytes,
    files: Mapping[bytes, bytes],
    file: str,
    base: Variables | None = None,
) -> Variables:
    """The variables of a `vars:` list.

    Args:
        items: its items.
        directory: repository directory that file names are relative to.
        files: contents of variable files by repository path.
        file: the `dvc.yaml`, for messages.
        base: variables that are already known; they are copied.

    Raises:
        FormatError: a file is missing, malformed, of an unknown kind, or redefines a variable.
    """
    variables: Variables = {}
    if base:
        merge(variables, base, file)
    seen: set[str] = set()
    for item in items:
        if isinstance(item, dict):
            merge(variables, item, file)
        elif not isinstance(item, str):
            raise FormatError(f"vars: expected a file or a mapping, found {clip(item)}", file=file)
        elif item not in seen:
            seen.add(item)
            merge(variables, _selected(item, directory, files, file), file)
    return variables


def variable_file(item: str, directory: bytes) -> bytes:
    """The repository path of the file that an item of `vars:` names.

    Raises:
        UnsafePath: it lies outside the repository.
    """
    return resolve_relative(directory, item.partition(":")[0])


def _selected(
    item: str, directory: bytes, files: Mapping[bytes, bytes], file: str
) -> dict[Any, Any]:
    path = variable_file(item, directory)
    if path not in files:
        raise FormatError(f"the variable file {show(path)} is missing", file=file)
    values = parse_variables(files[path], path)
    keys = [key for key in item.partition(":")[2].split(",") if key]
    missing = [key for key in keys if key not in values]
    if missing:
        raise FormatError(f"{show(path)} has no variable {clip(missing[0])}", file=file)
    return {key: values[key] for key in keys} if keys else values


def parse_variables(data: bytes, path: bytes) -> dict[Any, Any]:
    """A variable file: YAML, JSON or TOML by its name.

    Raises:
        FormatError: malformed, no mapping, or of another kind (Python files are not run).
    """
    file = show(path)[1:-1]
    if len(data) > MAX_VARIABLES:
        raise FormatError(f"has {len(data)} bytes, at most {MAX_VARIABLES} are read", file=file)
    suffix = path.rpartition(b".")[2].lower()
    if suffix == b"py":
        raise FormatError("variables in Python files are not read", file=file)
    try:
        if suffix == b"toml":
            import tomllib

            value: object = tomllib.loads(data.decode())
        elif suffix == b"json":
            value = json.loads(data)
        else:
            value = yaml12.load(data, file=file, max_bytes=MAX_VARIABLES, dvc_numbers=True)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"cannot be read as variables: {reason}", file=file) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FormatError(f"expected a mapping of variables, found {clip(value)}", file=file)
    return value


def _copied(value: Any, file: str, depth: int) -> Any:
    """A copy that `merge` may change: mappings are copied, all else is shared."""
    if not isinstance(value, dict):
        return value
    copy: Variables = {}
    merge(copy, value, file, depth + 1)
    return copy
