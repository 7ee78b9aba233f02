"""`vfs remote` for packed remotes: the section `remotes` of `.vfs/config.yaml`."""

import os
from collections.abc import Sequence
from pathlib import Path

from vfs.config.edit import add_remote, set_setting, unset_setting
from vfs.config.files import read_remotes_file, read_settings_file
from vfs.control.registry import repository_root
from vfs.errors import ConfigError, NotARepository, UsageError
from vfs.formats.dvcoptions import is_secret
from vfs_cli.output import Output

DEFAULT = "remote.default"


def packed_file() -> Path:
    """The tracked file of the repository here. Raises NotARepository."""
    root = repository_root(Path.cwd())
    if root is None:
        raise NotARepository(f"{Path.cwd()} is not in a Git repository")
    return root / ".vfs" / "config.yaml"


def packed_remotes() -> dict[str, str]:
    """Names and URLs of the packed remotes that the tracked file defines."""
    if repository_root(Path.cwd()) is None:
        return {}
    return {
        name.lower(): options.get("url", "")
        for name, options in read_remotes_file(packed_file()).items()
    }


def packed_default() -> str:
    """What `remote.default` says in the tracked file; "" if nothing."""
    if repository_root(Path.cwd()) is None:
        return ""
    written = read_settings_file(packed_file()).get(DEFAULT)
    return written.text if written else ""


def add_packed(output: Output, words: Sequence[str], *, default: bool) -> None:
    """Define a packed remote: its name, its URL and OPTION=VALUE.

    Raises:
        ConfigError: there is one of that name, or the file has a form that only its owner can edit.
        UsageError: an option has no value.
    """
    name, url, *more = words
    name = name.lower()
    file = packed_file()
    options = {"url": url if "://" in url else _relative(Path(url), file)}
    for word in more:
        option, separator, value = word.partition("=")
        if not separator:
            raise UsageError(f"{word}: an option of a packed remote is OPTION=VALUE")
        options[option.lower()] = value
    secrets = [option for option, value in options.items() if is_secret(option, value)]
    add_remote(file, name, options)
    if default:
        set_setting(file, DEFAULT, name)
    for option in secrets:
        output.warning(
            f"remotes.{name}.{option} holds a secret, and {file} is for Git to track: everybody who gets the repository "
            "will know it; move it to the same place of .vfs/local.yaml"
        )


def set_packed_default(name: str) -> bool:
    """Make a packed remote the default one; False if it is none. Where it is DVC's, `remote.default` goes."""
    if name.lower() in packed_remotes():
        set_setting(packed_file(), DEFAULT, name.lower())
        return True
    unset_packed_default()
    return False


def unset_packed_default() -> None:
    """Take `remote.default` away."""
    if packed_default():
        unset_setting(packed_file(), DEFAULT)


def refuse_packed(name: str, action: str) -> None:
    """Raise ConfigError if a remote is a packed one, which is changed by hand."""
    if name.lower() in packed_remotes():
        raise ConfigError(
            f"{name} is a packed remote: `vfs remote {action}` does not change it",
            hint=f"edit the section `remotes` of {packed_file()}",
        )


def _relative(directory: Path, file: Path) -> str:
    """As typed here, but relative to the file's directory."""
    if directory.is_absolute():
        return str(directory)
    return os.path.relpath(Path.cwd() / directory, file.parent)
