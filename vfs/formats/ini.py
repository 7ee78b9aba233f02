"""The INI dialect of `.dvc/config`.

Purpose: bytes -> sections of plain texts, without a third-party library.

Format (source: configobj 5, `configobj/__init__.py`, which DVC uses): `[section]`, possibly
quoted; nested `[[section]]`; `key = value`; values bare, in one kind of quotes, in triple quotes
over several lines, or a list with commas; `#` starts a comment outside quotes. Keys and section
names may be quoted. Duplicates are errors.

Differences: `%(name)s` is not interpolated (DVC's own options never use it); an option that is
a list is joined with commas again, because every option we read is one text.

Invariant: raises nothing but `FormatError`, with the line; never repeats a value, which may be a
secret.
"""

import re
from typing import NamedTuple

from vfs.errors import FormatError
from vfs.formats.fields import clip

MAX_BYTES = 1 << 20
MAX_LINE = 16 * 1024  # a line takes time quadratic in its quotes and commas
MAX_DEPTH = 8

Section = dict[str, "str | Section"]

_OPEN = re.compile(r"\s*((?:\[\s*)+)")
_CLOSE = re.compile(r"((?:\s*\])+)\s*(?:#.*)?")


class Mark(NamedTuple):
    """Where a section's header or an option stands.

    Attributes:
        path: names of the sections around it, and its own.
        is_section: a header.
        first: its line, counting from 0.
        end: the line after its last one.
        comment: behind it in its last line, "" if there is none.
    """

    path: tuple[str, ...]
    is_section: bool
    first: int
    end: int
    comment: str


def parse_ini(data: bytes, *, file: str) -> Section:
    """The sections of a file, names and keys as written.

    Raises:
        FormatError: a line that is no section, option or comment; a duplicate; no UTF-8.
    """
    return _Parser(read_lines(data, file=file), file).parse()


def marks(lines: list[str], *, file: str) -> list[Mark]:
    """Where everything stands among the lines of a file (`read_lines`); raises as `parse_ini`."""
    parser = _Parser(lines, file)
    parser.parse()
    return parser.marks


def read_lines(data: bytes, *, file: str) -> list[str]:
    """The lines of a file without their ends. Raises FormatError: too large, or no UTF-8."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"has {len(data)} bytes, at most {MAX_BYTES} are read", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("is no UTF-8", file=file, line=line) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class _Parser:
    """Invariant: `_open` holds the open sections, the root first; its length - 1 is the depth."""

    def __init__(self, lines: list[str], file: str) -> None:
        self._lines = lines
        self._file = file
        self._number = 0  # of the current line, from 1
        self._open: list[Section] = [{}]
        self._names: list[str] = []  # of the open sections
        self._comment = ""
        self.marks: list[Mark] = []

    def parse(self) -> Section:
        root = self._open[0]
        while self._number < len(self._lines):
            line = self._lines[self._number]
            self._number += 1
            if len(line) > MAX_LINE:
                raise self._error(f"is longer than {MAX_LINE} characters")
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            first, self._comment = self._number - 1, ""
            if is_section := stripped.startswith("["):
                path = self._section(stripped)
            else:
                path = self._option(stripped)
            self.marks.append(Mark(path, is_section, first, self._number, self._comment))
        return root

    def _section(self, line: str) -> tuple[str, ...]:
        opening = _OPEN.match(line)
        marks = opening[1] if opening else ""
        depth = marks.count("[")
        name, rest = self._name(line[len(marks) :], "]")
        closing = _CLOSE.fullmatch(rest)
        if closing is None or closing[1].count("]") != depth or not name:
            raise self._error("is no section header, expected [name]")
        if depth > len(self._open) or depth > MAX_DEPTH:
            raise self._error("is a section nested too deep")
        del self._open[depth:]
        section: Section = {}
        self._add(name, section, "section")
        self._open.append(section)
        self._names = [*self._names[: depth - 1], name]
        self._comment = rest[len(closing[1]) :].strip()
        return tuple(self._names)

    def _option(self, line: str) -> tuple[str, ...]:
        key, rest = self._name(line, "=")
        rest = rest.lstrip()
        if not key or not rest.startswith("="):
            raise self._error("expected `key = value` or [section]")
        value = rest[1:].strip()
        if value[:3] in ('"""', "'''"):
            self._add(key, self._multiline(value), "option")
        else:
            self._add(key, ",".join(self._values(value)), "option")
        return (*self._names, key)

    def _name(self, text: str, end: str) -> tuple[str, str]:
        """A quoted or bare name, and what follows it."""
        if text[:1] in ('"', "'"):
            close = text.find(text[0], 1)
            # A quote closes where the end mark follows; names may hold quotes themselves.
            while close > 0 and text[close + 1 :].lstrip()[:1] != end:
                close = text.find(text[0], close + 1)
            return (text[1:close], text[close + 1 :]) if close > 0 else ("", text)
        stop = text.find(end)
        return (text[:stop].strip(), text[stop:]) if stop >= 0 else ("", text)

    def _values(self, text: str) -> list[str]:
        """The value of an option: one, or the items of a list."""
        items: list[str] = []
        while True:
            item, rest = self._item(text)
            rest = rest.lstrip()
            if not rest or rest.startswith("#"):
                self._comment = rest
                return [*items, item] if item or not items else items
            if not rest.startswith(","):
                raise self._error("has text behind a quoted value")
            items.append(item)
            text = rest[1:].lstrip()

    def _item(self, text: str) -> tuple[str, str]:
        if text[:1] in ('"', "'"):
            close = text.find(text[0], 1)
            if close < 0:
                raise self._error("has a quote that is not closed")
            return text[1:close], text[close + 1 :]
        ends = [position for position in (text.find(","), text.find("#")) if position >= 0]
        stop = min(ends, default=len(text))
        return text[:stop].strip(), text[stop:]

    def _multiline(self, text: str) -> str:
        quote, first = text[:3], self._number
        text = text[3:]
        parts: list[str] = []
        while (close := text.find(quote)) < 0:
            parts.append(text)
            if self._number >= len(self._lines):
                self._number = first
                raise self._error("has a triple quote that is not closed")
            text = self._lines[self._number]
            self._number += 1
        rest = text[close + 3 :].strip()
        if rest and not rest.startswith("#"):
            raise self._error("has text behind a quoted value")
        self._comment = rest
        return "\n".join([*parts, text[:close]])

    def _add(self, name: str, value: "str | Section", what: str) -> None:
        if name in self._open[-1]:
            raise self._error(f"has the {what} {clip(name)} a second time")
        self._open[-1][name] = value

    def _error(self, message: str) -> FormatError:
        return FormatError(message, file=self._file, line=self._number)
