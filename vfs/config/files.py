"""Reading one configuration file: two levels of YAML with plain values, and remotes by name.

    cache:
      limit: 20GiB
    transfer:
      jobs: 32
    remotes:
      shared:
        url: s3://bucket/data
        layout: packed

Rule: the file may come with a clone, so it is read as a stream of events with a size limit: no tags, anchors,
sequences or depth can do anything, and every value stays the text it is (no YAML 1.1 surprises such as 1:20 = 80).
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from vfs.config.units import KIB
from vfs.errors import ConfigError

MAX_BYTES = 64 * KIB
REMOTES = "remotes"

Remotes = dict[str, dict[str, str]]
"""Options by the name of a remote."""


class Written(NamedTuple):
    """A value as it stands in a file; `line` counts from 1."""

    text: str
    line: int


def read_settings_file(path: Path) -> dict[str, Written]:
    """The settings written in `path` by `section.name`; none if the file does not exist.

    Raises:
        ConfigError: unreadable, too large, or not two levels of plain values.
    """
    data = _read(path)
    return {} if data is None else parse_settings(data, str(path))


def read_remotes_file(path: Path) -> Remotes:
    """The remotes defined in `path`; none if the file does not exist.

    Raises:
        ConfigError: as `read_settings_file`.
    """
    data = _read(path)
    return {} if data is None else parse_remotes(data, str(path))


def _read(path: Path) -> bytes | None:
    """The bytes of a regular file that is no symlink, nor its directory: a clone must not point us elsewhere."""
    try:
        if path.parent.name == ".vfs" and not stat.S_ISDIR(path.parent.lstat().st_mode):
            raise ConfigError(f"{path.parent}: is not a directory")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"{path}: is not a regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES} bytes")
    return data


def parse_settings(data: bytes, file: str) -> dict[str, Written]:
    """The settings in the bytes of a configuration file; `file` is only for messages."""
    return _parse(data, file).found


def parse_remotes(data: bytes, file: str) -> Remotes:
    """The remotes in the bytes of a configuration file.

    Raises:
        ConfigError: too large, or no configuration file.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{file}: is larger than {MAX_BYTES} bytes")
    return _parse(data, file).remotes


def _parse(data: bytes, file: str) -> "_Reader":
    import yaml  # only when there is a file: `vfs status` starts without it

    reader = _Reader(file)
    try:
        reader.read(yaml.parse(data, Loader=yaml.CBaseLoader))
        return reader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not YAML in UTF-8") from error


class _Reader:
    """Walks the events of one document without recursion."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.found: dict[str, Written] = {}
        self.remotes: Remotes = {}
        self._remote = ""
        self._section: str | None = None
        self._sections: set[str] = set()
        self._key: tuple[str, int] | None = None
        self._depth = 0

    def read(self, events: object) -> None:
        """Feed every event; fills `found` and `remotes`."""
        documents = 0
        for event in events:  # type: ignore[attr-defined]
            kind = type(event).__name__
            line = event.start_mark.line + 1
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise self._error(line, "only one document is expected")
            elif kind == "MappingStartEvent":
                self._open(line)
            elif kind == "MappingEndEvent":
                self._close()
            elif kind == "ScalarEvent":
                self._scalar(event.value, line)
            elif kind in ("SequenceStartEvent", "AliasEvent"):
                raise self._error(line, "only sections and plain values are expected")

    def _open(self, line: int) -> None:
        if self._depth == 1 and self._key:
            self._section = self._key[0]
            if self._section in self._sections:
                raise self._error(line, f"{self._section}: there is such a section already")
            self._sections.add(self._section)
        elif self._depth == 2 and self._key and self._section == REMOTES:
            self._remote = self._key[0]
            if self._remote in self.remotes:
                raise self._error(line, f"{self._remote}: there is such a remote already")
            self.remotes[self._remote] = {}
        elif self._depth != 0:
            raise self._error(line, "a plain value is expected here")
        self._key = None
        self._depth += 1

    def _close(self) -> None:
        self._depth -= 1
        self._key = None

    def _scalar(self, text: str, line: int) -> None:
        if self._depth == 0:
            if text:
                raise self._error(line, "a mapping of sections is expected")
        elif self._key is None:
            self._key = (text, line)
        elif self._depth == 1:
            if text not in ("", "null", "~"):
                raise self._error(line, f"{self._key[0]}: a section of settings is expected")
            self._key = None
        elif self._depth == 2 and self._section == REMOTES:
            raise self._error(line, f"{self._key[0]}: a section of options is expected")
        elif self._depth == 3:
            options = self.remotes[self._remote]
            if self._key[0] in options:
                raise self._error(line, f"{self._key[0]}: was already set")
            options[self._key[0]] = text
            self._key = None
        else:
            self._take(f"{self._section}.{self._key[0]}", text, line)
            self._key = None

    def _take(self, key: str, text: str, line: int) -> None:
        if key in self.found:
            raise self._error(line, f"{key}: was already set in line {self.found[key].line}")
        self.found[key] = Written(text, line)

    def _error(self, line: int, message: str) -> ConfigError:
        return ConfigError(f"{self._file}:{line}: {message}")
