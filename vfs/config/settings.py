"""`Settings`: every value that tunes a mount, loaded once and passed in.

Precedence, later wins: built-in defaults < `.vfs/config.yaml` (tracked) < `$XDG_CONFIG_HOME/vfs/config.yaml` <
`.vfs/local.yaml` < environment (`VFS_CACHE_DIR`, `VFS_OFFLINE`) < overrides from the command line.

Invariants: every value is within the bounds of `vfs.config.schema`; an unknown key is an error that names file, line
and key; the tracked file never sets a local value (it is ignored with a warning).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vfs.config.environment import environment, offline_wanted
from vfs.config.files import Written, read_settings_file
from vfs.config.places import cache_dir, user_config_file
from vfs.config.schema import (
    BY_KEY,
    DEFAULT_CATALOG_LIMIT,
    DEFAULT_MEMORY,
    DEFAULT_PUSH_SMALL,
    DEFAULT_READ_AHEAD,
    Value,
    parse_value,
)
from vfs.config.units import GIB
from vfs.errors import ConfigError

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Settings:
    """Values that tune a mount; sizes in bytes, times in seconds. See `vfs.config.schema` for names and bounds."""

    cache_dir: Path
    cache_limit: int
    min_free: int
    catalog_limit: int = DEFAULT_CATALOG_LIMIT
    memory_limit: int = DEFAULT_MEMORY
    jobs: int = 16
    request_timeout: float = 60.0
    deadline: float = 120.0
    hedge: int = 5
    max_bandwidth: int = 0
    offline: bool = False
    read_ahead: int = DEFAULT_READ_AHEAD
    max_background: int = 64
    push_small: int = DEFAULT_PUSH_SMALL
    transport: str = "auto"
    remote_default: str = ""
    metrics_listen: str = ""
    log_json: bool = False
    trace_ignore: str = ""


def load_settings(repo_root: Path | None, overrides: Mapping[str, str] = _NONE) -> Settings:
    """The settings for a repository (None: no working tree), with `overrides` by key (`cache.limit`) on top.

    Raises:
        ConfigError: a file cannot be read, or names an unknown key or an impossible value.
    """
    values: dict[str, Value] = {}
    if repo_root is not None:
        values.update(_layer(repo_root / ".vfs" / "config.yaml", tracked=True))
    values.update(_layer(user_config_file(), tracked=False))
    if repo_root is not None:
        local = repo_root / ".vfs" / "local.yaml"
        values.update(_layer(local, tracked=_local_is_tracked(repo_root, local)))
    if environment().get("VFS_CACHE_DIR"):
        values["cache_dir"] = cache_dir()
    if offline_wanted():
        values["offline"] = True
    for key, text in overrides.items():
        field = _field(key, "command line")
        values[field] = _value(key, Written(text, 0), "command line")
    return _complete(values)


def default_settings() -> Settings:
    """The settings of a machine without configuration files; for `vfs doctor` when the files cannot be used."""
    return _complete({})


def _local_is_tracked(root: Path, file: Path) -> bool:
    if not file.exists():
        return False
    from vfs.config.trust import is_tracked  # starts processes; only when there is such a file

    return is_tracked(root, ".vfs/local.yaml")


def _layer(path: Path, *, tracked: bool) -> dict[str, Value]:
    """The values one file sets, by field; without local ones if the file is tracked."""
    values: dict[str, Value] = {}
    for key, written in read_settings_file(path).items():
        field = _field(key, f"{path}:{written.line}")
        if tracked and BY_KEY[key].local:
            _warn(f"{path}:{written.line}: {key} is ignored: a file tracked by Git cannot set it")
            continue
        values[field] = _value(key, written, f"{path}:{written.line}")
    return values


def _warn(message: str) -> None:
    import logging  # only here: start-up of the command line does without it

    logging.getLogger("vfs.config").warning("%s", message)


def _field(key: str, where: str) -> str:
    try:
        return BY_KEY[key].field
    except KeyError:
        raise ConfigError(
            f"{where}: unknown setting {key!r}",
            hint="known settings: " + ", ".join(sorted(BY_KEY)),
        ) from None


def _value(key: str, written: Written, where: str) -> Value:
    try:
        return parse_value(BY_KEY[key], written.text)
    except ValueError as error:
        raise ConfigError(f"{where}: {key}: {error}, found {written.text[:80]!r}") from error


def _complete(values: Mapping[str, Value]) -> Settings:
    """Add the defaults that depend on the disk the cache lies on."""
    known: dict[str, Any] = {"cache_dir": cache_dir() if "cache_dir" not in values else None}
    known.update(values)
    disk = _disk_size(known["cache_dir"])
    known.setdefault("cache_limit", max(min(disk // 5, 100 * GIB), GIB // 16))
    known.setdefault("min_free", max(GIB, disk // 20))
    return Settings(
        **{field.name: known[field.name] for field in fields(Settings) if field.name in known}
    )


def _disk_size(directory: Path) -> int:
    """Bytes of the file system that `directory` lies on, or will lie on once it is made."""
    for candidate in (directory, *directory.parents):
        try:
            info = os.statvfs(candidate)
        except OSError:
            continue
        return info.f_blocks * info.f_frsize
    return 0
