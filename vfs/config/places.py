"""Directories of vfs on this machine, by the XDG base directory rules.

Source: XDG Base Directory Specification 0.8 (a relative value in one of its variables is to be ignored).
Invariant: a directory that this module returns as private (`runtime_dir`, `state_dir`) exists, is a real directory,
belongs to the effective user and is closed to everybody else.
"""

import os
import stat
from pathlib import Path

from vfs.config.schema import parse_path
from vfs.errors import ConfigError


def _xdg(variable: str, default: Path) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else default


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "the home directory of this user is unknown", hint="set HOME to a directory you own"
        ) from error


def cache_dir() -> Path:
    """Where the cache lies unless a configuration file says otherwise. Not created."""
    value = os.environ.get("VFS_CACHE_DIR", "")
    if value:
        try:
            return parse_path(value)
        except ValueError as error:
            raise ConfigError(f"VFS_CACHE_DIR={value}: {error}") from error
    return _xdg("XDG_CACHE_HOME", _home() / ".cache") / "vfs"


def user_config_file() -> Path:
    """The user's own settings for all repositories."""
    return _xdg("XDG_CONFIG_HOME", _home() / ".config") / "vfs" / "config.yaml"


def state_dir() -> Path:
    """Private directory for logs, created if need be."""
    return _private(_xdg("XDG_STATE_HOME", _home() / ".local" / "state") / "vfs")


def runtime_dir() -> Path:
    """Private directory for control sockets and mount records, created if need be.

    `$XDG_RUNTIME_DIR/vfs`, else `/run/user/UID/vfs`, else `<tmp>/vfs-UID`. A base that is missing or belongs to
    somebody else (after `su` the variable still names the first user's) is passed over.
    """
    uid = os.geteuid()
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        if base.startswith("/") and _owned_directory(Path(base), uid):
            return _private(Path(base) / "vfs")
    import tempfile  # takes long, and is hardly ever needed

    return _private(Path(tempfile.gettempdir()) / f"vfs-{uid}")


def dvc_config_paths() -> tuple[Path | None, Path | None]:
    """DVC's system-wide and per-user configuration files, whether they exist or not.

    Source: `dvc/dirs.py` and `dvc/config.py` of DVC 3.67 (platformdirs' site and user directories of "dvc").
    """
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or _first_site_directory()
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or str(
        _xdg("XDG_CONFIG_HOME", _home() / ".config") / "dvc"
    )
    return Path(system) / "config", Path(user) / "config"


def _first_site_directory() -> str:
    first = os.environ.get("XDG_CONFIG_DIRS", "").split(":", 1)[0]
    return f"{first or '/etc/xdg'}/dvc"


def _owned_directory(path: Path, uid: int) -> bool:
    try:
        info = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == uid


def _private(path: Path) -> Path:
    """Create `path` with mode 0700, or check that it is ours and closed.

    Raises:
        ConfigError: it cannot be created, or it is a symlink or somebody else's.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be used as a private directory: {error.strerror}",
            hint="remove it, or set XDG_RUNTIME_DIR / XDG_STATE_HOME to a directory you own",
        ) from error
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        raise ConfigError(
            f"{path}: is not a directory of user {os.geteuid()}",
            hint="somebody else made it; remove it, or set XDG_RUNTIME_DIR to a directory you own",
        )
    if info.st_mode & 0o077:
        path.chmod(0o700)
    return path
