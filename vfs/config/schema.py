"""The table of settings: name in files, field, how it is read, its bounds, and who may set it.

Rule: a value that names a place on this machine, or claims its disk or memory, is *local*: the tracked
`.vfs/config.yaml` comes with a clone, so anybody who can push could set it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from vfs.config.units import (
    GIB,
    KIB,
    MIB,
    TIB,
    format_size,
    parse_count,
    parse_duration,
    parse_rate,
    parse_size,
)

Value = int | float | str | Path

LOOPBACK: Final = "127.0.0.1"
"""Where is listened if no host is named: what a mount tells is not for the network."""

MOST_SOCKET_PATH: Final = 107
"""Bytes (`sun_path` in unix(7))."""


TRANSPORTS = ("auto", "direct", "pyfuse3")


class Setting(NamedTuple):
    """One setting.

    Attributes:
        key: `section.name` in a configuration file.
        field: attribute of `Settings`.
        parse: text to value; raises `ValueError` saying what was expected.
        low: least value allowed, in the value's own unit (bytes, seconds); None for paths.
        high: greatest value allowed.
        local: may only be set on this machine, never by the tracked file.
        summary: one line for `docs/configuration.md`.
    """

    key: str
    field: str
    parse: Callable[[str], Value]
    low: float | None
    high: float | None
    local: bool
    summary: str


def parse_path(text: str) -> Path:
    """A directory as users write one. Raises ValueError, saying what was expected."""
    if text.startswith("~/"):
        return Path(text).expanduser()
    if not text.startswith("/") or "\0" in text:
        raise ValueError("expected an absolute path, or one that begins with ~/")
    return Path(text)


def parse_name(text: str) -> str:
    """The name of a remote, in lower case as DVC has them. Raises ValueError, saying what was expected."""
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError("expected the name of a remote")
    return text.lower()


def parse_transport(text: str) -> str:
    """How a mount talks to the kernel. Raises ValueError, saying what was expected."""
    if text not in TRANSPORTS:
        raise ValueError("expected " + ", ".join(TRANSPORTS[:-1]) + " or " + TRANSPORTS[-1])
    return text


def parse_flag(text: str) -> bool:
    """Yes or no. Raises ValueError, saying what was expected."""
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError("expected true or false")


def parse_listen(text: str) -> str:
    """Where to listen: `HOST:PORT`, `:PORT` and `PORT` (of this machine alone), or the path of a Unix socket; empty for nowhere.

    Raises ValueError, saying what was expected.
    """
    if not text or text.startswith("/"):
        if "\0" in text or len(text.encode()) > MOST_SOCKET_PATH:
            raise ValueError(f"expected a path of at most {MOST_SOCKET_PATH} bytes")
        return text
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("expected HOST:PORT, PORT, or the absolute path of a socket")
    if not re.fullmatch(r"[A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]", host):
        raise ValueError("expected a name or address before the port ([::1]:9464 for IPv6)")
    return f"{host or LOOPBACK}:{int(port)}"


def parse_patterns(text: str) -> str:
    """Patterns with white space between them; whether they mean anything is seen where they are used."""
    return text


SETTINGS = (
    Setting("cache.dir", "cache_dir", parse_path, None, None, True,
            "directory of the cache shared by all mounts of this user"),
    Setting("cache.limit", "cache_limit", parse_size, 64 * MIB, 1024 * TIB, True,
            "most bytes the chunk cache may hold"),
    Setting("cache.catalog_limit", "catalog_limit", parse_size, 16 * MIB, TIB, True,
            "most bytes of file lists that are kept for versions not used within a week"),
    Setting("cache.min_free", "min_free", parse_size, 0, 1024 * TIB, True,
            "bytes of the disk that the cache leaves free"),
    Setting("transfer.memory", "memory_limit", parse_size, 16 * MIB, TIB, True,
            "bytes in flight between remotes and readers"),
    Setting("transfer.jobs", "jobs", parse_count, 1, 256, False,
            "parallel requests per remote"),
    Setting("transfer.request_timeout", "request_timeout", parse_duration, 1, 3600, False,
            "seconds one request may go without progress"),
    Setting("transfer.deadline", "deadline", parse_duration, 1, 86400, False,
            "seconds until a reader gets an I/O error when no place answers"),
    Setting("transfer.max_bandwidth", "max_bandwidth", parse_rate, None, None, False,
            "most bytes a second from remotes, and to them, of one mount or command; 0 is no limit"),
    Setting("transfer.offline", "offline", parse_flag, None, None, True,
            "whether nothing is asked of any remote: what is on this machine works, all else fails at once"),
    Setting("transfer.hedge", "hedge", parse_count, 0, 50, False,
            "of a hundred requests, how many may be sent a second time because they are late; 0 turns it off"),
    Setting("mount.read_ahead", "read_ahead", parse_size, 0, GIB, False,
            "bytes the kernel reads ahead, if we may set it"),
    Setting("mount.max_background", "max_background", parse_count, 1, 4096, False,
            "requests the kernel keeps in flight, if we may set it"),
    Setting("mount.push_small", "push_small", parse_size, 0, 16 * MIB, False,
            "files up to this size go to the page cache when opened; 0 turns it off (pyfuse3 only: the direct transport has no opens)"),
    Setting("mount.transport", "transport", parse_transport, None, None, False,
            "how a mount talks to the kernel: direct, pyfuse3, or auto for the fastest that works"),
    Setting("remote.default", "remote_default", parse_name, None, None, False,
            "the remote that is pushed to and asked first, of either layout"),
    Setting("metrics.listen", "metrics_listen", parse_listen, None, None, True,
            "where a mount gives its metrics to Prometheus"),
    Setting("log.json", "log_json", parse_flag, None, None, False,
            "mounts log JSON objects instead of lines"),
    Setting("trace.ignore", "trace_ignore", parse_patterns, None, None, False,
            "patterns of paths that are left out of what runs touched"),
)  # fmt: skip

BY_KEY = {setting.key: setting for setting in SETTINGS}


def parse_value(setting: Setting, text: str) -> Value:
    """The value of `text`, within the bounds of its setting.

    Raises:
        ValueError: not understood or out of bounds; the message says what was expected.
    """
    value = setting.parse(text)
    if isinstance(value, (Path, str)) or setting.low is None or setting.high is None:
        return value
    if not setting.low <= value <= setting.high:
        shown = format_size if setting.parse is parse_size else _plain
        raise ValueError(f"expected {shown(int(setting.low))} to {shown(int(setting.high))}")
    return value


def _plain(number: int) -> str:
    return str(number)


DEFAULT_CATALOG_LIMIT = 2 * GIB
DEFAULT_MEMORY = 256 * MIB
DEFAULT_READ_AHEAD = MIB
DEFAULT_PUSH_SMALL = 64 * KIB
