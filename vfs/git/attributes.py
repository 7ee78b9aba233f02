"""The `filter` attribute of paths, from the `.gitattributes` files of a tree.

Rule (gitattributes(5)): files nearer to the path win over those further up, later lines over
earlier ones; a pattern without '/' matches the last component, one with '/' the path relative to
its file; patterns ending in '/' match directories only, hence never a file; `[attr]` macros are
defined at the top level. Only the tree counts: `info/attributes` and the user's own files do not
change what a commit means.

Fast where nobody uses filters: where no file above a path contains the word, the answer is one
cached lookup.
"""

import re
import stat
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from vfs.core.lru import Lru
from vfs.errors import FormatError
from vfs.git.objects import TreeItem
from vfs.git.wildmatch import Wildmatch

_MAX_LINE = 2048  # Git ignores longer lines (attr.h, ATTR_MAX_LINE_LENGTH)
_MAX_BYTES = 4 * 1024 * 1024
_CACHED_DIRECTORIES = 10_000
_SET = b"\1set"
_UNSET = b"\1unset"
_UNSPECIFIED = b"\1unspecified"

Assignments = tuple[tuple[bytes, bytes], ...]


class Objects(Protocol):
    """What is needed of a repository."""

    def find(self, tree: bytes, path: bytes) -> TreeItem | None:
        """The item at a path."""

    def read_blob(self, oid: bytes, limit: int, /) -> bytes:
        """The bytes of a blob; FormatError if they are more than `limit`."""


class Rule(NamedTuple):
    """One line: whether a path matches, and what it then says (in order)."""

    matches: Callable[[bytes], bool]
    by_name: bool
    assignments: Assignments


class AttributesFile(NamedTuple):
    """One parsed file, the directory it governs, and whether it mentions any filter."""

    directory: bytes
    rules: tuple[Rule, ...]
    macros: dict[bytes, Assignments]
    filters: bool


Stack = tuple[AttributesFile, ...]


class Attributes:
    """Answers for any tree of one repository; thread-safe.

    The repository comes in with each question: holding it would make a cycle, and scratch
    repositories must go as soon as nobody uses them.
    """

    def __init__(self) -> None:
        self._stacks: Lru[tuple[bytes, bytes], Stack] = Lru(_CACHED_DIRECTORIES)
        self._lock = threading.Lock()

    def filter_of(self, repository: Objects, tree: bytes, path: bytes) -> bytes | None:
        """The value of `filter` for a file; None if unspecified, unset, or set without value."""
        directory, _, name = path.rpartition(b"/")
        stack = self._stack(repository, tree, directory)
        if not any(file.filters for file in stack):
            return None
        value = _evaluate(stack, path, name)
        return None if value in (None, _SET, _UNSET, _UNSPECIFIED) else value

    def _stack(self, repository: Objects, tree: bytes, directory: bytes) -> Stack:
        """The files that govern a directory, nearest first."""
        missing: list[bytes] = []
        stack: Stack | None = None
        while stack is None:
            with self._lock:
                stack = self._stacks.get((tree, directory))
            if stack is None:
                missing.append(directory)
                if not directory:
                    stack = ()
                directory = directory.rpartition(b"/")[0]
        for below in reversed(missing):
            own = _load(repository, tree, below)
            stack = stack if own is None else (own, *stack)
            with self._lock:
                self._stacks.put((tree, below), stack)
        return stack


def _load(repository: Objects, tree: bytes, directory: bytes) -> AttributesFile | None:
    path = directory + b"/.gitattributes" if directory else b".gitattributes"
    item = repository.find(tree, path)
    if item is None or not stat.S_ISREG(item.mode):
        return None
    try:
        return parse_attributes(repository.read_blob(item.oid, _MAX_BYTES), directory)
    except FormatError:
        return None


def _evaluate(stack: Stack, path: bytes, name: bytes) -> bytes | None:
    """Git's order (attr.c, fill): the first value met from the strongest line down stays."""
    macros = stack[-1].macros
    values: dict[bytes, bytes] = {}
    for file in stack:
        relative = path[len(file.directory) + 1 :] if file.directory else path
        for rule in reversed(file.rules):
            if rule.matches(name if rule.by_name else relative):
                _assign(values, rule.assignments, macros)
                if b"filter" in values:
                    return values[b"filter"]
    return None


def _assign(
    values: dict[bytes, bytes], assignments: Assignments, macros: dict[bytes, Assignments]
) -> None:
    todo = list(assignments)
    while todo:
        name, value = todo.pop()
        if name in values:
            continue
        values[name] = value
        if value == _SET and name in macros:
            todo.extend(macros[name])


def parse_attributes(data: bytes, directory: bytes) -> AttributesFile:
    """The bytes of a `.gitattributes` file -> its rules; lines Git would ignore are ignored."""
    rules: list[Rule] = []
    macros: dict[bytes, Assignments] = {}
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    for raw in data.split(b"\n"):
        if len(raw) >= _MAX_LINE:
            continue
        line = raw.strip(b" \t\r\n")
        if not line or line.startswith(b"#"):
            continue
        pattern, rest = _split_pattern(line)
        assignments = tuple(_assignment(word) for word in rest.split())
        if pattern.startswith(b"[attr]"):
            if not directory:
                name = pattern[len(b"[attr]") :] or (rest.split() or [b""])[0]
                macros[name] = assignments if pattern != b"[attr]" else assignments[1:]
        elif not pattern.startswith(b"!") and not pattern.endswith(b"/"):
            rules.append(_rule(pattern, assignments))
    return AttributesFile(directory, tuple(rules), macros, b"filter" in data)


def _split_pattern(line: bytes) -> tuple[bytes, bytes]:
    """The pattern (perhaps C-quoted) and what follows it."""
    if line.startswith(b'"'):
        unquoted = _unquote(line)
        if unquoted is not None:
            return unquoted
    pattern, *rest = line.split(None, 1)
    return pattern, rest[0] if rest else b""


_ESCAPES = {b"a": 7, b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b"v": 11, b'"': 34, b"\\": 92}


def _unquote(line: bytes) -> tuple[bytes, bytes] | None:
    """Git's C-style quoting (quote.c): (value, rest of the line); None if it does not close."""
    result = bytearray()
    position = 1
    while position < len(line):
        byte = line[position : position + 1]
        if byte == b'"':
            return bytes(result), line[position + 1 :]
        position += 1
        if byte != b"\\":
            result += byte
            continue
        escape = line[position : position + 1]
        octal = line[position : position + 3]
        if escape in _ESCAPES and escape:
            result.append(_ESCAPES[escape])
            position += 1
        elif len(octal) == 3 and octal[0] in b"0123" and all(b in b"01234567" for b in octal):
            result.append(int(octal, 8))
            position += 3
        else:
            return None
    return None


def _assignment(word: bytes) -> tuple[bytes, bytes]:
    if word.startswith(b"-"):
        return word[1:], _UNSET
    if word.startswith(b"!"):
        return word[1:], _UNSPECIFIED
    name, equals, value = word.partition(b"=")
    return name, value if equals else _SET


_SPECIAL = re.compile(rb"[*?\[\\]")


def _rule(pattern: bytes, assignments: Assignments) -> Rule:
    by_name = b"/" not in pattern
    if pattern.startswith(b"/"):
        pattern = pattern[1:]
    special = _SPECIAL.search(pattern)
    if special is None:
        return Rule(pattern.__eq__, by_name, assignments)
    suffix = pattern[1:]
    if by_name and pattern.startswith(b"*") and not _SPECIAL.search(suffix):
        return Rule(lambda name: name.endswith(suffix), by_name, assignments)
    # Git compares the literal beginning first and gives only the rest to the matcher, where a
    # '**' then stands at the start (dir.c, match_pathname): 'd**/x' matches 'd/e/x'.
    literal, rest = pattern[: special.start()], Wildmatch(pattern[special.start() :])
    return Rule(
        lambda path: path.startswith(literal) and rest.match(path[len(literal) :]),
        by_name,
        assignments,
    )
