"""Values of a parameter file by dotted keys.

Rules (source: DVC's `dependency/param.py`, and dpath, by which it selects): `a.b.0` goes through mappings and lists; each part may be a
pattern (`*`, `?`, `[…]`) as long as one value only matches the whole. No keys: all of the file, by its top-level keys.

Invariant: raises nothing but `FormatError`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, Final

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats.documents import parse_document
from vfs.formats.fields import clip

_RECORDABLE: Final = (str, int, float, date)


def values(data: bytes, path: bytes, keys: Sequence[str] = ()) -> dict[str, Any]:
    """The values of keys in a file; keys that it does not have are left out.

    Args:
        data: its bytes.
        path: of it in the repository; its ending says the format.
        keys: dotted; none: all of the file.

    Raises:
        FormatError: the file cannot be read, a key means several values, or one that no lock can hold.
    """
    return selected(parse_document(data, path), path, keys)


def selected(document: Any, path: bytes, keys: Sequence[str] = ()) -> dict[str, Any]:
    """As `values`, of a document that was read already."""
    if not keys:
        if not isinstance(document, dict):
            raise FormatError(
                f"expected a mapping of parameters, found {clip(document)}", file=show(path)[1:-1]
            )
        if bad := _unrecordable(document):
            raise FormatError(f"has {bad}, which no lock can hold", file=show(path)[1:-1])
        return document
    found: dict[str, Any] = {}
    for key in dict.fromkeys(keys):
        matches = _matches(document, key.lstrip(".").split("."))
        for value in matches:
            if key in found:
                raise FormatError(f"{clip(key)} means several parameters", file=show(path)[1:-1])
            if bad := _unrecordable(value):
                raise FormatError(
                    f"{clip(key)} has {bad}, which no lock can hold", file=show(path)[1:-1]
                )
            found[key] = value
    return found


def _unrecordable(value: Any) -> str:
    """What in a value a lock cannot hold, "" if nothing: sets and the like, of Python files."""
    if isinstance(value, dict):
        inner = [*value, *value.values()]
        bad = next(
            (f"a {type(key).__name__} as key" for key in value if isinstance(key, tuple)), ""
        )
        return bad or next(filter(None, map(_unrecordable, inner)), "")
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(_unrecordable, value)), "")
    return "" if value is None or isinstance(value, _RECORDABLE) else f"a {type(value).__name__}"


def same(value: Any, recorded: Any) -> bool:
    """Whether DVC would call them the same: `1` is `1.0`, a tuple of a Python file is the list that a lock has of it."""
    equal = value == recorded
    return bool(equal or (isinstance(value, tuple) and list(value) == recorded))


def _matches(value: Any, patterns: list[str]) -> Iterator[Any]:
    if not patterns:
        yield value
        return
    for inner in _children(value, patterns[0]):
        yield from _matches(inner, patterns[1:])


def _children(value: Any, pattern: str) -> Iterator[Any]:
    try:
        number = int(pattern)
    except ValueError:
        number = None
    if isinstance(value, dict):
        for key, inner in value.items():
            if _fits(key, pattern, number):
                yield inner
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            if _fits(index, pattern, number) or index - len(value) == number:
                yield inner


def _fits(key: object, pattern: str, number: int | None) -> bool:
    if isinstance(key, int):
        return key == number if number is not None else fnmatchcase(str(key), pattern)
    return isinstance(key, str) and fnmatchcase(key, pattern)
