"""Changing one setting of the user's configuration file without touching the rest of it.

Rule: comments and order are the user's, so lines are edited, and the result is parsed before it replaces the file: if it
does not say exactly the old settings plus the new one, the file stays as it is.
"""

import os
import re
from pathlib import Path

from vfs.config.files import Written, parse_settings, read_settings_file
from vfs.config.places import user_config_file
from vfs.config.schema import BY_KEY, parse_value
from vfs.errors import ConfigError


def set_user_setting(key: str, text: str) -> Path:
    """Write `key: text` into the user's configuration file; returns the file.

    Raises:
        ConfigError: the value is impossible, or the file has a form that only its owner can edit.
    """
    try:
        parse_value(BY_KEY[key], text)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{key}: {error}, found {text[:80]!r}") from error
    path = user_config_file()
    before = read_settings_file(path)
    old = path.read_text() if path.exists() else ""
    new = edited(old, key, text, before.get(key))
    _check(new, {**before, key: Written(text, 0)}, path, key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(new)
    temporary.replace(path)
    return path


def edited(old: str, key: str, text: str, written: Written | None) -> str:
    """`old` with the setting replaced in its line, added to its section, or appended."""
    section, name = key.split(".")
    lines = old.splitlines()
    if written is not None:
        pattern = re.compile(rf"^(\s+{re.escape(name)}\s*:\s*)[\w.]+(?=\s|$)")
        lines[written.line - 1] = pattern.sub(rf"\g<1>{text}", lines[written.line - 1])
        return "\n".join(lines) + "\n"
    for number, line in enumerate(lines):
        if re.match(rf"{re.escape(section)}\s*:\s*(#.*)?$", line):
            below = lines[number + 1] if number + 1 < len(lines) else ""
            indent = re.match(r"\s+(?=[^\s#])", below)
            lines.insert(number + 1, f"{indent[0] if indent else '  '}{name}: {text}")
            return "\n".join(lines) + "\n"
    return "\n".join([*lines, f"{section}:", f"  {name}: {text}"]) + "\n"


def _check(new: str, wanted: dict[str, Written], path: Path, key: str) -> None:
    by_hand = ConfigError(
        f"{path}: {key} cannot be set without rewriting the file",
        hint="edit it by hand: docs/configuration.md",
    )
    try:
        found = parse_settings(new.encode(), str(path))
    except ConfigError as error:
        raise by_hand from error
    if {k: w.text for k, w in found.items()} != {k: w.text for k, w in wanted.items()}:
        raise by_hand
