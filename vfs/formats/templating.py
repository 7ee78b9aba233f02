r"""`${…}` in `dvc.yaml`: the insertion of variables.

Rules (source: DVC's `parsing/interpolate.py`, `parsing/context.py`):
  * `${a.b[0].c}` selects; a string that is nothing but one `${…}` takes the value itself, else
    its text is inserted (`true`/`false`, numbers, strings, `None`);
  * lists and mappings are inserted nowhere but in a command, where a mapping becomes `--key value …`, and in what
    stages are generated from;
  * `\${` is a literal `${`.

Invariant: raises nothing but `FormatError` (whose `problem` says what could not be resolved).
"""

import re
import shlex
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

from vfs.errors import FormatError
from vfs.formats.fields import clip

_EXPRESSION = re.compile(r"(?<!\\)\$\{([^}\n]*)\}")
_WORD = r"[^.\[\]]+"
_FORM = re.compile(rf"{_WORD}(?:[ \t\r]*(?:\.{_WORD}|\[{_WORD}\]))*[ \t\r]*\Z")

Variables = dict[str, Any]


class Into(Enum):
    """Where a value is inserted, which says what it may be."""

    PLAIN = 0  # a path, a flag…: no list, no mapping
    COMMAND = 1  # a mapping becomes options
    ANY = 2  # what stages are generated from, and lists at the top of the file


class OptionStyle(NamedTuple):
    """How a mapping is written into a command (`parsing.bool`, `parsing.list` of DVC's configuration).

    Attributes:
        negated: a false value is `--no-key`, else it is left out.
        repeated: a list is `--key a --key b`, else `--key a b`.
    """

    negated: bool = False
    repeated: bool = False


OPTIONS = OptionStyle()


def interpolate(
    text: str,
    variables: Variables,
    file: str,
    into: Into = Into.PLAIN,
    style: OptionStyle = OPTIONS,
) -> Any:
    """`text` with every `${…}` replaced.

    Raises:
        FormatError: a malformed expression, an unknown variable, or a value that may not stand there.
    """
    whole = _EXPRESSION.fullmatch(text)
    if whole is not None:
        return _allowed(select(whole[1], variables, file), file, into)

    def replace(match: re.Match[str]) -> str:
        return to_text(select(match[1], variables, file), file, into, style)

    return _EXPRESSION.sub(replace, text).replace("\\${", "${")


def resolve(
    value: Any,
    variables: Variables,
    file: str,
    into: Into = Into.PLAIN,
    style: OptionStyle = OPTIONS,
) -> Any:
    """A value with every `${…}` in its texts, keys too, replaced.

    Raises:
        FormatError: as for `interpolate`, or a key that would be no plain value.
    """
    if isinstance(value, str):
        return interpolate(value, variables, file, into, style) if "${" in value else value
    if isinstance(value, list):
        return [resolve(item, variables, file, into, style) for item in value]
    if isinstance(value, dict):
        return {
            _key(key, variables, file): resolve(item, variables, file, into, style)
            for key, item in value.items()
        }
    return value


def mentions(value: Any) -> bool:
    """Whether `${` stands anywhere in a value: if not, there is nothing to check and nothing to replace."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, list):
        return any(map(mentions, value))
    return isinstance(value, dict) and any(mentions(k) or mentions(v) for k, v in value.items())


def check(value: Any, file: str) -> None:
    """Refuse malformed expressions anywhere in a value. Raises FormatError."""
    for text in _texts(value):
        for match in _EXPRESSION.finditer(text):
            _parts(match[1], file)


def is_expression(value: object) -> bool:
    """Whether it is text that is nothing but one `${…}`."""
    return isinstance(value, str) and _EXPRESSION.fullmatch(value) is not None


def has_expression(value: object) -> bool:
    """Whether DVC would replace something in a value."""
    return any(_EXPRESSION.search(text) for text in _texts(value))


def select(expression: str, variables: Variables, file: str) -> Any:
    """The value that `a.b[0]` names.

    Raises:
        FormatError: it is malformed, or there is no such value.
    """
    value: Any = variables
    for key in _parts(expression, file):
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (LookupError, TypeError, ValueError):
            raise FormatError(f"cannot resolve ${{{clip(expression)[1:-1]}}}", file=file) from None
    return value


def to_text(value: Any, file: str, into: Into = Into.PLAIN, style: OptionStyle = OPTIONS) -> str:
    """A value as DVC writes it into text.

    Raises:
        FormatError: the value is a list or mapping that may not stand there.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    _allowed(value, file, into)
    if isinstance(value, dict):
        return " ".join(
            part for key, item in _flat(value) for part in _option(key, item, style, file)
        )
    if isinstance(value, list) and into is Into.COMMAND:
        raise FormatError("cannot insert a list into text", file=file)
    return str(value)


def _parts(expression: str, file: str) -> list[str]:
    if not _FORM.match(expression):
        raise FormatError(f"malformed ${{{clip(expression)[1:-1]}}}", file=file)
    return [part.strip() for part in expression.replace("[", ".").replace("]", "").split(".")]


def _allowed(value: Any, file: str, into: Into) -> Any:
    refused = isinstance(value, list) or (isinstance(value, dict) and into is Into.PLAIN)
    if refused and into is not Into.ANY:
        raise FormatError(f"cannot insert {clip(value)} into text", file=file)
    return value


def _key(key: Any, variables: Variables, file: str) -> Any:
    if not isinstance(key, str) or "${" not in key:
        return key
    return interpolate(key, variables, file)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "${" in value:
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)


def _flat(value: Variables, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def _option(key: str, value: Any, style: OptionStyle, file: str) -> list[str]:
    """The words of one option."""
    if isinstance(value, bool):
        return [f"--{key}"] if value else [f"--no-{key}"] if style.negated else []
    if not isinstance(value, list):
        return [f"--{key}", shlex.quote(value) if isinstance(value, str) else str(value)]
    if any(isinstance(item, (dict, list)) for item in value):
        raise FormatError(f"cannot insert the nested list {clip(key)} into a command", file=file)
    words = [shlex.quote(item) if isinstance(item, str) else str(item) for item in value]
    if style.repeated:
        return [part for word in words for part in (f"--{key}", word)]
    return [f"--{key}", *words] if words else []
