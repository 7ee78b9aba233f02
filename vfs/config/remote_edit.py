"""Changing the packed remotes of a configuration file of ours without touching the rest of it; rule as in `vfs.config.edit`.

Names and options are compared in lower case, as they are read.
"""

import json
import re
from pathlib import Path

from vfs.config.edit import by_hand, check_edit, scalar
from vfs.config.files import (
    REMOTES,
    Remotes,
    parse_remotes,
    read_remotes_file,
    read_settings_file,
)
from vfs.config.writing import write_settings
from vfs.errors import ConfigError

_KEY = re.compile(r"(\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s:#\"'][^:#]*?)\s*:(?=\s|$)\s*")
_PLAIN = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#\"'&*!|>{\[]\S*)(?=\s|$)")


def add_remote(path: Path, name: str, options: dict[str, str]) -> None:
    """Define a packed remote in a configuration file, which is made if need be.

    Raises:
        ConfigError: it has one of that name, or a form that only its owner can edit.
    """
    remotes = read_remotes_file(path)
    if name in _by_name(remotes):
        raise ConfigError(
            f"{path}: there is a remote {name!r} already", hint="vfs remote modify changes it"
        )
    lines = _lines(path)
    added = [f"  {scalar(name)}:"]
    added += [f"    {scalar(option)}: {scalar(value)}" for option, value in options.items()]
    head = _head(lines)
    if head is not None:
        lines[head + 1 : head + 1] = added
    else:
        lines += [f"{REMOTES}:", *added]
    _write(path, name, lines, {**remotes, name: options})


def set_remote_option(path: Path, name: str, option: str, value: str | None) -> bool:
    """Set an option of a remote, or take it away (None); whether that was to be done.

    Raises:
        ConfigError: the file has a form that only its owner can edit.
    """
    remotes = read_remotes_file(path)
    written = _by_name(remotes).get(name)
    if written is None:
        if value is not None:
            add_remote(path, name, {option: value})
        return value is not None
    old = remotes[written]
    spelled = next((key for key in old if key.lower() == option), option)
    if value is None and spelled not in old:
        return False
    lines = _lines(path)
    first, end = _place(lines, name, path)
    at = next((n for n in range(first + 1, end) if _key(lines[n]) == option), None)
    wanted = {key: text for key, text in old.items() if key != spelled}
    if value is None:
        if at is not None:
            del lines[at]
    elif at is None:
        below = _KEY.match(lines[first + 1]) if first + 1 < end else None
        indent = below[1] if below else "    "
        lines.insert(end, f"{indent}{scalar(option)}: {scalar(value)}")
    else:
        start = _KEY.match(lines[at])
        found = None if start is None else _PLAIN.match(lines[at], start.end())
        if start is not None and found is not None:
            lines[at] = start[0] + scalar(value) + lines[at][found.end() :]
    _write(
        path,
        name,
        lines,
        {**remotes, written: wanted | ({} if value is None else {spelled: value})},
    )
    return True


def remove_remote(path: Path, name: str) -> bool:
    """Remove a remote from a file; whether it was there. Raises ConfigError: as `set_remote_option`."""
    remotes = read_remotes_file(path)
    written = _by_name(remotes).get(name)
    if written is None:
        return False
    lines = _lines(path)
    first, end = _place(lines, name, path)
    del lines[first:end]
    if len(remotes) == 1 and (head := _head(lines)) is not None:
        del lines[head]
    _write(path, name, lines, {key: some for key, some in remotes.items() if key != written})
    return True


def rename_remote(path: Path, name: str, new: str) -> bool:
    """Give a remote another name in a file; whether it was there. Raises ConfigError: as `set_remote_option`."""
    remotes = read_remotes_file(path)
    written = _by_name(remotes).get(name)
    if written is None:
        return False
    lines = _lines(path)
    first, _ = _place(lines, name, path)
    found = _KEY.match(lines[first])
    assert found is not None
    lines[first] = found[1] + scalar(new) + lines[first][found.end(2) :]
    renamed = {new if key == written else key: some for key, some in remotes.items()}
    _write(path, name, lines, renamed)
    return True


def _by_name(remotes: Remotes) -> dict[str, str]:
    """How each name is written."""
    return {written.lower(): written for written in remotes}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _head(lines: list[str]) -> int | None:
    """The line of the section, if it is written as a block."""
    matching = (n for n, line in enumerate(lines) if re.match(rf"{REMOTES}\s*:\s*(#.*)?$", line))
    return next(matching, None)


def _place(lines: list[str], name: str, path: Path) -> tuple[int, int]:
    """The line of a remote's name, and the one behind its last option. Raises ConfigError: it is no block."""
    head = _head(lines)
    level, first, end = 0, None, 0
    for number in range(len(lines) if head is None else head + 1, len(lines)):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        level = level or indent
        if indent < level or (first is not None and indent == level):
            break
        if indent == level and _key(line) == name:
            first = number
        end = number + 1
    if first is None:
        raise by_hand(path, name)
    return first, end


def _key(line: str) -> str:
    found = _KEY.match(line)
    if found is None:
        return ""
    text = found[2]
    try:
        return str(json.loads(text) if text[0] == '"' else text.strip("'")).lower()
    except ValueError:
        return ""


def _write(path: Path, name: str, lines: list[str], wanted: Remotes) -> None:
    """Replace the file if it says what is wanted, and as to the rest what it said."""
    new = "".join(line + "\n" for line in lines)
    check_edit(new, read_settings_file(path), path, name)
    if parse_remotes(new.encode(), str(path)) != wanted:
        raise by_hand(path, name)
    write_settings(path, new.encode())
