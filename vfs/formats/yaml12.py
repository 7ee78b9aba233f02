"""YAML as DVC means it: the YAML 1.2 core schema, with limits.

Purpose: turn the bytes of a `.dvc` file, `dvc.yaml`, `dvc.lock` or parameter file into plain
Python values (dict, list, str, int, float, bool, None).

Why not a ready loader: PyYAML's loaders resolve scalars by YAML 1.1 (`yes`, `1:20`, `010`
change their meaning), recurse, follow aliases without bound, and accept duplicate keys. Only
libyaml's event parser is used here; values are built by an explicit stack.

Rules (YAML 1.2 §10.3, with two deliberate narrowings):
  * null: `~`, `null`, `Null`, `NULL`, nothing; bool: `true`/`false` in three spellings;
    int: decimal, `0o…`, `0x…`; float: decimal, `.inf`, `.nan`. All else is a string: also
    `yes`, `on`, `1:20`, `1_000`, dates.
  * a decimal number with a leading zero stays a string (`010`), since it may be a hash;
  * below a key of `text_keys` a plain scalar is never a number or bool: hashes written by old
    DVC without quotes (`12345e67…`) keep their text. Null stays null.
  * `<<` merges mappings, as DVC's loader does.
  * what a plain scalar is: `vfs.formats.scalars`.

Limits: `max_bytes`, 100 levels, 3,000,000 values, of which aliases may repeat 1,000,000. Duplicate keys,
several documents, application tags (`!!python/…`) and keys that are not scalars are refused.

Invariant: raises nothing but `FormatError`, with the line where it is known.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vfs.errors import FormatError
from vfs.formats.scalars import CONSTANTS, plain_core, plain_dvc

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 32 << 20
MAX_DEPTH = 100
MAX_VALUES = 3_000_000
MAX_ALIASED = 1_000_000
_TAG = "tag:yaml.org,2002:"
# One out of a `.dvc` file, with plain values that no rule of YAML but that for plain scalars is about.
_USUAL = re.compile(
    rb"outs:\n- ((?:[a-z][a-z0-9]{0,15}: [A-Za-z0-9_][A-Za-z0-9_./-]{0,255}\n(?:  (?=[a-z])|\Z)){1,12})\Z"
)
_MERGE = object()  # stands for the key `<<`


def load(
    data: bytes,
    *,
    file: str,
    max_bytes: int = MAX_BYTES,
    text_keys: frozenset[str] = frozenset(),
    dvc_numbers: bool = False,
    lines: "Lines | None" = None,
) -> object:
    """Read one YAML document; an empty file is None.

    Args:
        data: the file's bytes (UTF-8, or UTF-16 with a byte order mark).
        file: name for messages.
        max_bytes: longest input accepted.
        text_keys: mapping keys whose plain scalar values are text whatever they look like.
        dvc_numbers: read `010`, `1_000`, `0b1` as the integers DVC's loader (ruamel.yaml) sees,
            for files whose numbers become part of stage names and paths, and the dates it sees.
        lines: is filled with where things stand.

    Raises:
        FormatError: the input is no YAML, or breaks a rule or limit of this module.
    """
    if len(data) > max_bytes:
        raise FormatError(f"has {len(data)} bytes, at most {max_bytes} are read", file=file)
    plain = plain_dvc if dvc_numbers else plain_core
    usual = None if lines else _usual(data, text_keys, plain)
    return _by_events(data, _Builder(file, text_keys, plain, lines)) if usual is None else usual


def _usual(
    data: bytes, text_keys: frozenset[str], plain: Callable[[str], object]
) -> dict[str, object] | None:
    """What DVC writes for most pointers, read without the library, which takes long to load; None for anything else."""
    found = _USUAL.match(data)
    if found is None:
        return None
    out: dict[str, object] = {}
    for line in found[1].decode("ascii").splitlines():
        key, _, text = line.strip().partition(": ")
        if key in out or plain(key) != key:
            return None
        is_text = key in text_keys and CONSTANTS.get(text, text) is not None
        out[key] = text if is_text else plain(text)
    return {"outs": [out]}


def _by_events(data: bytes, builder: "_Builder") -> object:
    """Any document."""
    import yaml

    file = builder.file
    try:
        for event in _events(data):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, data, file) from None
    except (yaml.YAMLError, ValueError) as error:
        text = " ".join(str(error).split())[:200]
        raise FormatError(f"is no valid YAML: {text}", file=file) from None
    return builder.result


def _events(data: bytes) -> "Iterator[yaml.Event]":
    import yaml

    parser = yaml.CSafeLoader(data)  # used as an event source only; it constructs nothing
    try:
        while (event := parser.get_event()) is not None:
            yield event
    finally:
        parser.dispose()


def _syntax_error(error: "yaml.MarkedYAMLError", data: bytes, file: str) -> FormatError:
    mark = error.problem_mark or error.context_mark
    hint = None
    if b"\n<<<<<<< " in b"\n" + data and b"\n>>>>>>> " in data:
        hint = "the file holds the marks of an unresolved Git merge; resolve it and commit"
    problem = " ".join(part for part in (error.context, error.problem) if part)
    line = None if mark is None else mark.line + 1
    return FormatError(f"is no valid YAML: {problem}", file=file, line=line, hint=hint)


class Lines:
    """On which lines the keys and items of a document stand.

    Attributes:
        depth: down to which level they are noted.
        found: line (1 is the first) by the keys and indices that lead there.
    """

    __slots__ = ("depth", "found")

    def __init__(self, depth: int = MAX_DEPTH) -> None:
        self.depth = depth
        self.found: dict[tuple[object, ...], int] = {}

    def __bool__(self) -> bool:
        return True

    def at(self, path: tuple[object, ...]) -> int | None:
        """The line of `path`, or of the nearest thing around it that is written out."""
        while path and path not in self.found:
            path = path[:-1]
        return self.found.get(path)


@dataclass(slots=True)
class _Frame:
    """A collection that is still open."""

    value: Any  # the dict or list
    anchor: str | None
    first: int  # how many values had been built before it
    is_mapping: bool
    key: Any = None
    has_key: bool = False
    merges: list[Any] = field(default_factory=list)


class _Builder:
    """Builds values from events.

    Invariants: `_stack` holds the open collections, outermost first; `_count` is the number of
    values built so far with aliases counted as if they were written out.
    """

    def __init__(
        self,
        file: str,
        text_keys: frozenset[str],
        plain: Callable[[str], object],
        lines: Lines | None,
    ) -> None:
        self.result: object = None
        self.file = file
        self._lines = lines
        self._text_keys = text_keys
        self._plain = plain
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[object, int]] = {}
        self._count = 0
        self._aliased = 0
        self._documents = 0
        self._line = 0

    def feed(self, event: "yaml.Event") -> None:
        handler = _HANDLERS.get(type(event).__name__)
        if handler is not None:
            mark = event.start_mark
            self._line = 0 if mark is None else mark.line + 1
            if self._lines is not None and len(self._stack) <= self._lines.depth:
                self._note(self._lines, event)
            handler(self, event)
            if self._count > MAX_VALUES:
                raise self._error(f"has more than {MAX_VALUES} values")

    def _note(self, lines: Lines, event: Any) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is None or type(event).__name__.endswith("EndEvent") or frame.has_key:
            return
        around = [f.key if f.is_mapping else len(f.value) for f in self._stack[:-1]]
        last = getattr(event, "value", None) if frame.is_mapping else len(frame.value)
        lines.found[(*around, last)] = self._line

    def document(self, _event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._error("holds a second YAML document, expected one")

    def scalar(self, event: Any) -> None:
        self._count += 1
        value = self._resolve(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._add(value)

    def open(self, event: Any) -> None:
        is_mapping = type(event).__name__ == "MappingStartEvent"
        expected = _TAG + ("map" if is_mapping else "seq")
        if event.tag not in (None, "!", expected):
            raise self._error(f"has the unknown tag {event.tag!a:.100}")
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(f"is nested deeper than {MAX_DEPTH} levels")
        frame = _Frame({} if is_mapping else [], event.anchor, self._count, is_mapping)
        self._anchors.pop(event.anchor, None)
        self._count += 1
        self._stack.append(frame)

    def close(self, _event: Any) -> None:
        frame = self._stack.pop()
        for source in frame.merges:
            self._merge(frame.value, source)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, self._count - frame.first)
        self._add(frame.value)

    def alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._error(f"has an alias to {event.anchor!a:.100} inside itself or undefined")
        value, size = self._anchors[event.anchor]
        self._count += size
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise self._error(f"repeats more than {MAX_ALIASED} values by aliases")
        self._add(value)

    def _add(self, value: Any) -> None:
        if not self._stack:
            self.result = value
            return
        frame = self._stack[-1]
        if not frame.is_mapping:
            frame.value.append(value)
        elif not frame.has_key:
            self._start_pair(frame, value)
        else:
            frame.has_key = False
            if frame.key is _MERGE:
                frame.merges.append(value)
            else:
                frame.value[frame.key] = value

    def _start_pair(self, frame: _Frame, key: Any) -> None:
        if isinstance(key, (dict, list)):
            raise self._error("has a key that is a list or mapping, expected a plain key")
        if key in frame.value or (key is _MERGE and frame.merges):
            raise self._error(f"has the key {'<<' if key is _MERGE else key!a:.100} twice")
        frame.key = key
        frame.has_key = True

    def _merge(self, into: dict[Any, Any], source: Any) -> None:
        for mapping in source if isinstance(source, list) else [source]:
            if not isinstance(mapping, dict):
                raise self._error("merges (<<) something that is no mapping")
            self._aliased += len(mapping)
            if self._aliased > MAX_ALIASED:
                raise self._error(f"repeats more than {MAX_ALIASED} values by merges")
            for key, value in mapping.items():
                into.setdefault(key, value)

    def _resolve(self, event: Any) -> Any:
        frame = self._stack[-1] if self._stack else None
        is_key = frame is not None and frame.is_mapping and not frame.has_key
        text: str = event.value
        if event.tag is not None and event.tag != "!":
            return self._tagged(event.tag, text)
        if event.tag == "!" or not event.implicit[0]:  # tagged `!`, or quoted: text
            return text
        if is_key:
            return _MERGE if text == "<<" else self._plain(text)
        if frame is not None and frame.is_mapping and frame.key in self._text_keys:
            return None if text in CONSTANTS and CONSTANTS[text] is None else text
        return self._plain(text)

    def _tagged(self, tag: str, text: str) -> object:
        name = tag.removeprefix(_TAG)
        if name == "str":
            return text
        value = self._plain(text)
        kinds: dict[str, type | tuple[type, ...]] = {
            "int": int,
            "float": (int, float),
            "bool": bool,
            "null": type(None),
        }
        if tag == name or name not in kinds or not isinstance(value, kinds[name]):
            raise self._error(f"has the unknown or unfitting tag {tag!a:.100}")
        return float(value) if name == "float" and isinstance(value, int) else value

    def _error(self, message: str) -> FormatError:
        return FormatError(message, file=self.file, line=self._line or None)


_HANDLERS: dict[str, Callable[[_Builder, Any], None]] = {
    "DocumentStartEvent": _Builder.document,
    "ScalarEvent": _Builder.scalar,
    "SequenceStartEvent": _Builder.open,
    "MappingStartEvent": _Builder.open,
    "SequenceEndEvent": _Builder.close,
    "MappingEndEvent": _Builder.close,
    "AliasEvent": _Builder.alias,
}
