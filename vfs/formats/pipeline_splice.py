"""Where the stages of a `dvc.yaml` stand in its text, so that a change of one leaves the comments of the others alone.

ruamel.yaml has a comment belong to whatever ends above it: with a stage goes the comment above the next one, and what is added to it comes after that. So it is with
keys and items of one stage: their comments are lifted off before it is changed, and put back (`lifted`, `put_back`).

Rules:

* The comment lines directly above a key, or an item of a list, are its own, unless they are indented deeper than it: then they are of what ends there.
* A comment between empty lines, and one at the end, is nobody's and stays.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_BREAKS = frozenset("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")  # of `splitlines`


class _Key(NamedTuple):
    """A key: its line and its column, which the text has to agree with."""

    line: int
    column: int


class Text:
    """The lines of a `dvc.yaml`.

    Args:
        text: with stages, each key in a line of its own.
        document: as ruamel.yaml reads it.

    Raises:
        ValueError: it is written in another way.
    """

    def __init__(self, text: bytes, document: Any) -> None:
        whole = text.decode()
        if not _BREAKS.isdisjoint(whole):
            raise ValueError("line breaks of another kind")
        self._lines = whole.splitlines(keepends=True)
        self._top = _keys(document)
        self._stages = _keys(document["stages"])
        self._all = sorted((*self._top.values(), *self._stages.values()))
        lines = [key.line for key in self._all]
        if len(set(lines)) < len(lines) or not all(map(self._begins, self._all)):
            raise ValueError("more than a key in a line")

    def outdented(self) -> bytes:
        """The text with the comments between stages no deeper than where ruamel.yaml will put their keys: it moves these, and no comments."""
        begin, last = self._top["stages"].line, max(self._stages.values())
        after = (key.line for key in self._all if key > last)
        lines = set(range(begin, next(after, len(self._lines))))
        for key in self._stages.values():
            lines.difference_update(range(key.line, self._end(key)))
        deep = re.compile(r"^ {3,}(?=#)")
        return "".join(
            deep.sub("  ", line) if at in lines else line for at, line in enumerate(self._lines)
        ).encode()

    def entry(self, name: str) -> bytes:
        """The lines of a stage, from its key on."""
        key = self._stages[name]
        return "".join(self._lines[key.line : self._end(key)]).encode()

    def replaced(self, name: str, entry: bytes) -> bytes:
        """The text with other lines for a stage; a new one is the last."""
        if name in self._stages:
            key = self._stages[name]
            begin, end = key.line, self._end(key)
        else:
            begin = end = self._end(max(self._stages.values()))
        return "".join((*self._lines[:begin], entry.decode(), *self._lines[end:])).encode()

    def without(self, name: str) -> bytes:
        """The text without a stage and the comment above it; without `stages`, and the comment above that, if it is the only one."""
        key, stages = self._stages[name], self._top["stages"]
        lines = self._cut(self._lines, self._above(key), self._end(key))
        if len(self._stages) == 1:
            lines = self._cut(lines, self._above(stages), stages.line + 1)
        return "".join(lines).encode()

    def _cut(self, lines: list[str], begin: int, end: int) -> list[str]:
        """Without some lines, and without empty ones that then would lie beside others or at an end."""
        at_begin = not begin or any(one.line == begin - 1 for one in self._all)
        if at_begin or not lines[begin - 1].strip():
            while end < len(lines) and not lines[end].strip():
                end += 1
        while end == len(lines) and begin and not lines[begin - 1].strip():
            begin -= 1
        return [*lines[:begin], *lines[end:]]

    def _begins(self, key: _Key) -> bool:
        return not self._lines[key.line][: key.column].strip()

    def _above(self, key: _Key) -> int:
        """Where the comment above a key begins."""
        begin = key.line
        while begin and _is_comment(self._lines[begin - 1], key.column):
            begin -= 1
        return begin

    def _end(self, key: _Key) -> int:
        """Behind the last line of what belongs to a key."""
        following = (one for one in self._all if one > key and one.column <= key.column)
        after = next(following, None)
        end = len(self._lines) if after is None else self._above(after)
        while not self._lines[end - 1].strip() or _is_comment(self._lines[end - 1], key.column):
            end -= 1
        return end


Place = tuple[str, ...]
"""A key of a stage, or a key and an item of its list."""

Lifted = dict[Place, tuple[int, list[str]]]
"""The lines of comments, and the column of what they stand above."""


def lifted(text: bytes, entry: Any) -> tuple[bytes, Lifted]:
    """The text of a stage without the comments directly above its keys and items, and these.

    Args:
        text: a document.
        entry: the stage in it, as ruamel.yaml reads it.
    """
    lines = text.decode().split("\n")
    found: Lifted = {}
    gone: set[int] = set()
    for place, line, column in _places(lines, entry):
        begin = line
        while _is_comment(lines[begin - 1], column):
            begin -= 1
        if begin < line and place not in found:
            found[place] = column, lines[begin:line]
            gone.update(range(begin, line))
    return "\n".join(one for at, one in enumerate(lines) if at not in gone).encode(), found


def put_back(text: bytes, entry: Any, comments: Lifted) -> bytes:
    """The text of a stage with comments above the keys and items that it has still. Arguments as for `lifted`."""
    lines = text.decode().split("\n")
    above: dict[int, list[str]] = {}
    for place, line, column in _places(lines, entry):
        before, own = comments.pop(place, (column, []))
        above[line] = [one if before == column else " " * column + one.lstrip() for one in own]
    return "\n".join(
        one for at, line in enumerate(lines) for one in (*above.get(at, ()), line)
    ).encode()


def item_of(value: Any) -> str:
    """What an item of a list is about: itself, or the key of its flags."""
    return f"{next(iter(value), None)!r}:" if isinstance(value, dict) else repr(value)


def _places(lines: list[str], entry: Any) -> Iterator[tuple[Place, int, int]]:
    """The keys of a stage and the items of its lists, with line and column, where each begins a line."""
    for key, (line, column) in _keys(entry).items():
        if not lines[line][:column].strip():
            yield (str(key),), line, column
        if not isinstance(entry[key], list):
            continue
        for index, (at, *_) in (entry[key].lc.data or {}).items():
            bare = lines[at].lstrip(" ")
            if at > line and bare.startswith("-"):
                yield (str(key), item_of(entry[key][index])), at, len(lines[at]) - len(bare)


def _keys(mapping: Any) -> dict[Any, _Key]:
    """The keys of a mapping that ruamel.yaml read, but for merged ones."""
    return {key: _Key(*place[:2]) for key, place in (mapping.lc.data or {}).items()}


def _is_comment(line: str, column: int) -> bool:
    """Whether a line is a comment that is not indented deeper."""
    bare = line.lstrip(" ")
    return bare.startswith("#") and len(line) - len(bare) <= column
