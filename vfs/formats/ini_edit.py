"""Changing one option of a `.dvc/config` without touching the rest of it.

Purpose: what `dvc config` and `dvc remote` write, but comments, order and spelling of everything else stay (DVC writes the
file anew, and drops the comments).

Rules: new lines look as configobj writes them (4 spaces, `key = value`, quoted where need be); a new plain section goes
behind the last plain one, a new named one (`['remote "x"']`) to the end, as with DVC. A section is meant in whatever way its
name is written; names are compared in lower case, as DVC does.

Invariant: pure; raises nothing but `FormatError`.
"""

from vfs.errors import FormatError
from vfs.formats.dvcconfig import NAMED
from vfs.formats.ini import Mark, marks, read_lines

INDENT = "    "


def set_option(data: bytes, section: str, option: str, value: str, *, file: str) -> bytes:
    """The file with an option of a section set; the section is made if there is none."""
    lines = read_lines(data, file=file)
    found = marks(lines, file=file)
    line = f"{quoted(option, multiline=False)} = {quoted(value)}"
    header = _header(found, section)
    if header is None:
        new = [f"[{quoted(section, multiline=False)}]", INDENT + line]
        _insert(lines, _place(lines, found, section), new)
    elif (old := _option(found, header, option)) is not None:
        indent = lines[old.first][: len(lines[old.first]) - len(lines[old.first].lstrip())]
        key = lines[old.first][: lines[old.first].index(old.path[-1]) + len(old.path[-1])]
        start = key if key.strip() == old.path[-1] else indent + quoted(option, multiline=False)
        comment = f"  {old.comment}" if old.comment else ""
        lines[old.first : old.end] = [f"{start} = {quoted(value)}{comment}"]
    else:
        options = _options(found, header)
        indent = INDENT
        if options:
            last = lines[options[-1].first]
            indent = last[: len(last) - len(last.lstrip())]
        _insert(lines, options[-1].end if options else header.end, [indent + line])
    return _joined(lines)


def unset_option(data: bytes, section: str, option: str, *, file: str) -> bytes | None:
    """The file without an option, and without its section if that is plain and empty now; None if there is no such option."""
    lines = read_lines(data, file=file)
    found = marks(lines, file=file)
    header = _header(found, section)
    old = None if header is None else _option(found, header, option)
    if header is None or old is None:
        return None
    options = _options(found, header)
    alone = len(options) == 1 and not NAMED.fullmatch(section)
    between = lines[header.end : old.first]
    if alone and not any(line.strip() for line in between):
        del lines[header.first : old.end]
    else:
        del lines[old.first : old.end]
    return _joined(lines)


def remove_section(data: bytes, section: str, *, file: str) -> bytes | None:
    """The file without a section and what is in it; None if there is none."""
    lines = read_lines(data, file=file)
    found = marks(lines, file=file)
    header = _header(found, section)
    if header is None:
        return None
    inside = [mark for mark in found if mark.path[: len(header.path)] == header.path]
    del lines[header.first : inside[-1].end]
    return _joined(lines)


def rename_section(data: bytes, section: str, new: str, *, file: str) -> bytes | None:
    """The file with a named section under another name, at the end, where DVC puts it; None if there is no such section."""
    lines = read_lines(data, file=file)
    found = marks(lines, file=file)
    header = _header(found, section)
    if header is None:
        return None
    end = [mark for mark in found if mark.path[: len(header.path)] == header.path][-1].end
    moved = [f"[{quoted(new, multiline=False)}]", *lines[header.first + 1 : end]]
    del lines[header.first : end]
    _insert(lines, len(lines), moved)
    return _joined(lines)


def quoted(value: str, *, multiline: bool = True) -> str:
    """A name or value as configobj writes it.

    Raises:
        FormatError: the format has no way to write it.
    """
    if not value:
        return '""'
    if len(value.splitlines()) > 1 or value.splitlines()[0] != value:
        raise FormatError("a name or value with a line end cannot be written")
    plain = value.strip() == value and value[0] not in "'\"" and value[-1] not in "'\""
    if "'" in value and '"' in value:
        mark = "'''" if '"""' in value or value.endswith('"') else '"""'
        if not multiline or mark in value:
            raise FormatError("a name or value with both kinds of quotes cannot be written")
        return f"{mark}{value}{mark}"
    if plain and "," not in value and "#" not in value:
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def canonical(section: str) -> str:
    """A section's name as DVC understands it."""
    named = NAMED.fullmatch(section.lower())
    return f'{named[1]} "{named[2]}"' if named else section.lower()


def _header(found: list[Mark], section: str) -> Mark | None:
    wanted = canonical(section)
    headers = (mark for mark in found if mark.is_section and len(mark.path) == 1)
    return next((mark for mark in headers if canonical(mark.path[0]) == wanted), None)


def _options(found: list[Mark], header: Mark) -> list[Mark]:
    return [mark for mark in found if not mark.is_section and mark.path[:-1] == header.path]


def _option(found: list[Mark], header: Mark, option: str) -> Mark | None:
    wanted = option.lower()
    return next((m for m in _options(found, header) if m.path[-1].lower() == wanted), None)


def _place(lines: list[str], found: list[Mark], section: str) -> int:
    """The line where a new section begins."""
    if NAMED.fullmatch(section):
        return len(lines)
    named = [m for m in found if m.is_section and len(m.path) == 1 and NAMED.fullmatch(m.path[0])]
    if not named:
        return len(lines)
    plain = [mark for mark in found if mark not in named and _before(mark, named[0])]
    if plain:
        return plain[-1].end
    first = named[0].first
    while first and lines[first - 1].strip().startswith("#"):
        first -= 1
    return first


def _before(mark: Mark, other: Mark) -> bool:
    return mark.first < other.first


def _insert(lines: list[str], at: int, new: list[str]) -> None:
    while at == len(lines) and lines and not lines[-1].strip():
        lines.pop()
        at -= 1
    lines[at:at] = new


def _joined(lines: list[str]) -> bytes:
    while lines and not lines[-1].strip():
        lines.pop()
    return "".join(line + "\n" for line in lines).encode()
