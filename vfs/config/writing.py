"""Replacing a configuration file: it has its old bytes or its new ones, whatever happens."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from vfs.errors import ConfigError

_LOCAL: Final = "local.yaml"
LEADS_OUT = "replace the symlink by a file: a repository must not decide what else is written"


def write_settings(path: Path, data: bytes) -> None:
    """Give a configuration file of ours other bytes; Git ignores `local.yaml` from then on, since credentials may be in it. Raises ConfigError, as `write_file`."""
    if path.name == _LOCAL:
        ignore = path.with_name(".gitignore")
        before = read_file(ignore)
        line = f"/{_LOCAL}".encode()
        if line not in before.splitlines():
            gap = b"" if not before or before.endswith(b"\n") else b"\n"
            write_file(ignore, before + gap + line + b"\n", inside=path.parent)
    write_file(path, data)


def write_file(
    path: Path, data: bytes, *, private: bool = False, inside: Path | None = None
) -> None:
    """Give a file other bytes; its mode stays, and a symlink to it too. Its directory is made if need be.

    Args:
        path: of the file.
        data: all of it.
        private: nobody else may read it from now on.
        inside: the repository that may have brought symlinks along; they must not lead out of it.

    Raises:
        ConfigError: it cannot be written; the old bytes are there.
    """
    target = Path(os.path.realpath(path))
    if inside is not None and not target.is_relative_to(os.path.realpath(inside)):
        raise ConfigError(
            f"{path}: is a symlink to {target}, which lies outside of {inside}", hint=LEADS_OUT
        )
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(descriptor, "wb") as file:
                if mode is not None or private:
                    os.fchmod(
                        descriptor,
                        (0o600 if mode is None else mode) & (0o700 if private else 0o777),
                    )
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


def read_file(path: Path) -> bytes:
    """The bytes of a file; none if it does not exist. Raises ConfigError: it cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
