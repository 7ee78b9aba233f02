"""Changing one setting of a configuration file of ours without touching the rest of it.

Rule: comments and order are the user's, so lines are edited, and the result is parsed before it replaces the file: if it
does not say exactly the old settings plus the new one, the file stays as it is.
"""

import difflib
import json
import re
from pathlib import Path

from vfs.config.files import Written, parse_settings, read_settings_file
from vfs.config.places import user_config_file
from vfs.config.schema import BY_KEY, parse_value
from vfs.config.writing import write_settings
from vfs.errors import ConfigError


def set_user_setting(key: str, text: str) -> Path:
    """Write `key: text` into the user's configuration file; returns the file.

    Raises:
        ConfigError: the value is impossible, or the file has a form that only its owner can edit.
    """
    return set_setting(user_config_file(), key, text)


def set_setting(path: Path, key: str, text: str) -> Path:
    """Write `key: text` into a configuration file, which is made if need be; returns the file.

    Raises:
        ConfigError: the value is impossible, or the file has a form that only its owner can edit.
    """
    setting = BY_KEY.get(key)
    if setting is None:
        near = difflib.get_close_matches(key, BY_KEY, n=3) or sorted(BY_KEY)
        raise ConfigError(f"unknown setting {key!r}", hint="settings: " + ", ".join(near))
    try:
        parse_value(setting, text)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}, found {text[:80]!r}") from error
    before = read_settings_file(path)
    old = path.read_text() if path.exists() else ""
    new = edited(old, key, text, before.get(key))
    check_edit(new, {**before, key: Written(text, 0)}, path, key)
    write_settings(path, new.encode())
    return path


def unset_setting(path: Path, key: str) -> bool:
    """Remove a setting from a configuration file; whether it was there.

    Raises:
        ConfigError: the file has a form that only its owner can edit.
    """
    before = read_settings_file(path)
    if key not in before:
        return False
    lines = path.read_text().splitlines()
    del lines[before[key].line - 1]
    new = "".join(line + "\n" for line in lines)
    check_edit(new, {k: w for k, w in before.items() if k != key}, path, key)
    write_settings(path, new.encode())
    return True


def edited(old: str, key: str, text: str, written: Written | None) -> str:
    """`old` with the setting replaced in its line, added to its section, or appended."""
    section, name = key.split(".")
    lines = old.splitlines()
    if written is not None:
        pattern = re.compile(
            rf"^(\s+{re.escape(name)}\s*:\s*)(\"[^\"\\]*\"|[^\s#\"'&*!|>{{\[]\S*)(?=\s|$)"
        )
        found = pattern.match(lines[written.line - 1])
        if found is not None:
            lines[written.line - 1] = (
                found[1] + scalar(text) + lines[written.line - 1][found.end() :]
            )
        return "\n".join(lines) + "\n"
    for number, line in enumerate(lines):
        if re.match(rf"{re.escape(section)}\s*:\s*(#.*)?$", line):
            below = lines[number + 1] if number + 1 < len(lines) else ""
            indent = re.match(r"\s+(?=[^\s#])", below)
            lines.insert(number + 1, f"{indent[0] if indent else '  '}{name}: {scalar(text)}")
            return "\n".join(lines) + "\n"
    return "\n".join([*lines, f"{section}:", f"  {name}: {scalar(text)}"]) + "\n"


def scalar(text: str) -> str:
    """A value as YAML: plain where that is safe, else in quotes."""
    return text if re.fullmatch(r"[\w./~+-]+", text) and text != "~" else json.dumps(text)


def check_edit(new: str, wanted: dict[str, Written], path: Path, key: str) -> None:
    """Raise ConfigError if an edited file does not say the wanted settings."""
    try:
        found = parse_settings(new.encode(), str(path))
    except ConfigError as error:
        raise by_hand(path, key) from error
    if {k: w.text for k, w in found.items()} != {k: w.text for k, w in wanted.items()}:
        raise by_hand(path, key)


def by_hand(path: Path, key: str) -> ConfigError:
    """The error of a file that is not edited."""
    return ConfigError(
        f"{path}: {key} cannot be set without rewriting the file",
        hint="edit it by hand: docs/configuration.md",
    )
