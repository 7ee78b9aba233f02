"""DVC's configuration files of a repository, user and machine: read one by one, and edited.

Rules (DVC's, `config.py` and `commands/remote.py` of 3.67):

* Levels, later wins: system, global, repo (`.dvc/config`, tracked), local (`.dvc/config.local`).
* A relative path is typed relative to the current directory, written relative to the file's directory, read back absolute.
* `core.remote` of stronger files that names a removed remote is removed with it, and follows a renamed one.

A file that holds secrets and is not tracked by Git is closed to other users.
"""

import os
import re
from pathlib import Path
from typing import Any, Final

from vfs.config import dvc_config_paths
from vfs.config.writing import read_file, write_file
from vfs.errors import ConfigError, NotARepository
from vfs.formats.dvcconfig import LOCAL_FILES, DvcConfig, parse_dvc_config
from vfs.formats.dvcoptions import check_named, check_option, is_secret
from vfs.formats.ini_edit import remove_section, rename_section, set_option, unset_option

LEVELS: Final = ("system", "global", "repo", "local")
_NAMED: Final = ("remote", "db")
_URL: Final = re.compile(r"\w+://")

Key = tuple[str | None, str, str]
"""An option: ("remote", name, option), ("db", name, option) or (None, section, option); in lower case."""
DEFAULT: Final[Key] = (None, "core", "remote")


def dvc_root(directory: Path) -> Path | None:
    """The DVC repository that a directory is in."""
    return next((d for d in (directory, *directory.parents) if (d / ".dvc").is_dir()), None)


def parse_key(text: str) -> Key:
    """`section.option`, `remote.NAME.option` or `db.NAME.option`.

    Raises:
        ConfigError: it is none of these.
    """
    parts = text.lower().split(".")
    if len(parts) == 3 and parts[0] in _NAMED and all(parts):
        return parts[0], parts[1], parts[2]
    if len(parts) == 2 and all(parts):
        return None, parts[0], parts[1]
    raise ConfigError(
        f"{text[:80]!r} is no name of an option", hint="section.option, or remote.NAME.option"
    )


class DvcFiles:
    """The configuration files that count in one directory.

    Attributes:
        root: of the DVC repository; None outside of any.
        files: by level.
    """

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.root = dvc_root(cwd)
        system, user = dvc_config_paths()
        self.files: dict[str, Path] = {}
        self.files.update({"system": system} if system is not None else {})
        self.files.update({"global": user} if user is not None else {})
        if self.root is not None:
            self.files["repo"] = self.root / ".dvc" / "config"
            self.files["local"] = self.root / ".dvc" / "config.local"

    def file(self, level: str) -> Path:
        """The file of a level.

        Raises:
            NotARepository: there is no repository that would have it.
        """
        if level not in self.files:
            raise NotARepository(
                f"{self.cwd} is in no DVC repository", hint="vfs init makes one in a Git repository"
            )
        return self.files[level]

    def read(self, level: str) -> DvcConfig:
        """What one file says, paths made absolute; empty if there is none.

        Raises:
            FormatError: it breaks the format.
        """
        file = self.file(level)
        return in_directory(parse_dvc_config(read_file(file), file=str(file)), file.parent)

    def merged(self, *, below: str | None = None) -> DvcConfig:
        """What all files say together, or those weaker than a level."""
        config: DvcConfig = {}
        for level in LEVELS[: LEVELS.index(below) if below else None]:
            if level in self.files:
                _merge(config, self.read(level))
        return config

    def get(self, key: Key, level: str | None) -> str | None:
        """The value of an option in the strongest file that has it, or in one."""
        for one in reversed(LEVELS) if level is None else (level,):
            if level is not None or one in self.files:
                value = _sections(self.read(one), key).get(key[1], {}).get(key[2])
                if value is not None:
                    return str(value)
        return None

    def set(self, key: Key, value: str, level: str) -> None:
        """Set an option in a file.

        Raises:
            ConfigError: DVC would refuse it, or the file cannot be written.
            FormatError: the file breaks the format, or the value cannot be written.
        """
        kind, section, option = key
        if kind is None:
            check_option(section, option, value)
        else:
            url = value if option == "url" else self._url(kind, section, level)
            check_named(kind, section, option, value, url)
        written = value
        if _is_path(key):
            written = _relative(value, self.cwd, self.file(level).parent)
        self._edit(level, key, written)

    def unset(self, key: Key, level: str) -> bool:
        """Remove an option from a file; whether it was there."""
        file = self.file(level)
        new = unset_option(self._bytes(level), _section(key), key[2], file=str(file))
        if new is not None:
            self._write(level, new)
        return new is not None

    def add_remote(self, name: str, url: str, level: str, *, force: bool) -> None:
        """Define a remote.

        Raises:
            ConfigError: there is one of that name, or DVC knows no such URL.
        """
        name = name.lower()
        if name in _sections(self.read(level), ("remote", "", "")) and not force:
            raise ConfigError(
                f"there is a remote {name!r} already",
                hint="--force replaces it; vfs remote modify changes an option of it",
            )
        self.set(("remote", name, "url"), url, level)
        for option in list(self.read(level)["remote"][name]):
            if option != "url":
                self.unset(("remote", name, option), level)

    def remove_remote(self, name: str, level: str) -> None:
        """Remove a remote, and what makes it the default one in this and stronger files.

        Raises:
            ConfigError: the file has no such remote.
        """
        name, file = name.lower(), self.file(level)
        new = remove_section(self._bytes(level), f'remote "{name}"', file=str(file))
        if new is None:
            raise self.unknown(name)
        self._write(level, new)
        for one in LEVELS[LEVELS.index(level) :]:
            if one in self.files and str(self.get(DEFAULT, one)).lower() == name:
                self.unset(DEFAULT, one)

    def rename_remote(self, name: str, new: str, level: str) -> None:
        """Give a remote another name in a file, with its options and what makes it the default one in stronger files.

        DVC leaves options in stronger files under the old name, and then cannot read them.

        Raises:
            ConfigError: the file has no such remote, or any has one of the new name.
        """
        name, new = name.lower(), new.lower()
        if self.has_remote(new):
            raise ConfigError(f"there is a remote {new!r} already", hint="choose another name")
        if name not in _sections(self.read(level), ("remote", "", "")):
            raise self.unknown(name)
        for one in LEVELS[LEVELS.index(level) :]:
            if one not in self.files:
                continue
            old, file = self._bytes(one), self.file(one)
            data = rename_section(old, f'remote "{name}"', f'remote "{new}"', file=str(file))
            if data is not None:
                self._write(one, data)
            if str(self.get(DEFAULT, one)).lower() == name:
                self.set(DEFAULT, new, one)

    def unknown(self, name: str) -> ConfigError:
        """The error of a remote that is not defined."""
        known = ", ".join(sorted(self.merged().get("remote", {}))) or "none"
        return ConfigError(f"there is no remote {name!r}", hint=f"remotes: {known}")

    def has_remote(self, name: str) -> bool:
        """Whether any file defines a remote."""
        return name.lower() in self.merged().get("remote", {})

    def _url(self, kind: str, name: str, level: str) -> str | None:
        config = self.merged(below=level)
        _merge(config, self.read(level))
        value = config.get(kind, {}).get(name, {}).get("url")
        return None if value is None else str(value)

    def _bytes(self, level: str) -> bytes:
        return read_file(self.file(level))

    def _edit(self, level: str, key: Key, value: str) -> None:
        file = self.file(level)
        new = set_option(self._bytes(level), _section(key), key[2], value, file=str(file))
        private = level in ("local", "global") and is_secret(key[2], value)
        self._write(level, new, private=private)

    def _write(self, level: str, data: bytes, *, private: bool = False) -> None:
        """Replace a file. Raises ConfigError: it cannot be written, or leads out of the repository."""
        inside = self.root if level in ("repo", "local") else None
        write_file(self.file(level), data, private=private, inside=inside)


def in_directory(config: DvcConfig, directory: Path) -> DvcConfig:
    """A file's options with the paths absolute that are relative to a directory."""
    _map_paths(config, lambda path: _absolute(path, directory))
    return config


def flat(config: DvcConfig, prefix: str = "") -> dict[str, str]:
    """`section.option` -> value, in the order of the file."""
    found: dict[str, str] = {}
    for key, value in config.items():
        found.update(
            flat(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {prefix + key: str(value)}
        )
    return found


def _section(key: Key) -> str:
    return key[1] if key[0] is None else f'{key[0]} "{key[1]}"'


def _sections(config: DvcConfig, key: Key) -> dict[str, Any]:
    found = config if key[0] is None else config.get(key[0], {})
    return {name: values for name, values in found.items() if isinstance(values, dict)}


def _is_path(key: Key) -> bool:
    kind, section, option = key
    if kind is None:
        return (section, option) == ("cache", "dir")
    return kind == "remote" and (option == "url" or option in LOCAL_FILES)


def _map_paths(config: DvcConfig, change: Any) -> None:
    for kind, sections in (("remote", config.get("remote", {})), (None, config)):
        for name, options in sections.items():
            if not isinstance(options, dict):
                continue
            for option, value in options.items():
                if isinstance(value, str) and _is_path((kind, name, option)):
                    options[option] = change(value)


def _absolute(path: str, directory: Path) -> str:
    if not path or _URL.match(path):
        return path
    return os.path.normpath(directory / Path(path).expanduser())


def _relative(path: str, cwd: Path, directory: Path) -> str:
    """A path as it is written into a file of a directory; absolute ones, those of a home and URLs stay."""
    if not path or _URL.match(path) or path.startswith("/") or os.path.expanduser(path) != path:
        return path
    return os.path.relpath(cwd / path, directory)


def _merge(into: DvcConfig, update: DvcConfig) -> None:
    for key, value in update.items():
        if isinstance(into.get(key), dict) and isinstance(value, dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value
