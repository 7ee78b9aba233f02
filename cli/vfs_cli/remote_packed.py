"""`vfs remote` for packed remotes: the section `remotes` of `.vfs/config.yaml`."""

import os
from collections.abc import Sequence
from pathlib import Path

from vfs.config import user_config_file
from vfs.config.edit import set_setting, unset_setting
from vfs.config.files import read_remotes_file, read_settings_file
from vfs.config.remote_edit import add_remote, remove_remote, rename_remote, set_remote_option
from vfs.control.registry import repository_root
from vfs.errors import ConfigError, NotARepository, UsageError
from vfs.formats.dvcoptions import check_named, is_secret
from vfs_cli.output import Output

DEFAULT = "remote.default"


_LEVELS = ("repo", "global", "local")
"""The files that may define packed remotes, weakest first."""


def packed_file(level: str = "repo") -> Path:
    """The file of a level; the tracked one of the repository here.

    Raises:
        NotARepository: there is no repository.
        UsageError: there is no such file.
    """
    if level not in _LEVELS:
        raise UsageError(f"no packed remote is defined in a {level} file")
    if level == "global":
        return user_config_file()
    root = repository_root(Path.cwd())
    if root is None:
        raise NotARepository(f"{Path.cwd()} is not in a Git repository")
    return root / ".vfs" / ("config.yaml" if level == "repo" else "local.yaml")


def is_packed(name: str) -> bool:
    """Whether any file defines a packed remote of that name."""
    if repository_root(Path.cwd()) is None:
        return False
    return any(name.lower() in _options(level) for level in _LEVELS)


def _options(level: str) -> dict[str, dict[str, str]]:
    """The remotes of a file, all names in lower case."""
    return {
        name.lower(): {option.lower(): value for option, value in options.items()}
        for name, options in read_remotes_file(packed_file(level)).items()
    }


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
    add_remote(file, name, options)
    if default:
        set_setting(file, DEFAULT, name)
    for option, value in options.items():
        _warn(output, name, option, value)


def _warn(output: Output, name: str, option: str, value: str) -> None:
    """Say so if a secret was written where Git tracks it."""
    if is_secret(option, value):
        output.warning(
            f"remotes.{name}.{option} holds a secret, and {packed_file()} is for Git to track: everybody who gets the repository "
            "will know it; take it away with --unset, and set it with --local (.vfs/local.yaml)"
        )


def modify_packed(output: Output, name: str, option: str, value: str | None, level: str) -> None:
    """Set an option of a packed remote in the file of a level, or take it away (None).

    Raises:
        ConfigError: there is no such option, or the file has a form that only its owner can edit.
        UsageError: the level has no such file.
    """
    file = packed_file(level)
    if value is not None:
        url = value if option == "url" else _merged(name).get("url", "")
        if option != "layout":
            check_named("remote", name, option, value, url)
        elif value != "packed":
            raise ConfigError("the layout of a remote in these files is `packed`")
        if option == "url" and "://" not in value:
            value = _relative(Path(value), file)
    if not set_remote_option(file, name, option, value):
        output.note(f"{file} does not set {option} of {name}")
    elif level == "repo" and value is not None:
        _warn(output, name, option, value)


def _merged(name: str) -> dict[str, str]:
    merged: dict[str, str] = {}
    for level in _LEVELS:
        merged |= _options(level).get(name, {})
    return merged


def remove_packed(output: Output, name: str, level: str) -> None:
    """Remove a packed remote from the file of a level, and what makes it the default one.

    Raises:
        ConfigError: the file does not define it, or has a form that only its owner can edit.
        UsageError: the level has no such file.
    """
    if not remove_remote(packed_file(level), name):
        raise ConfigError(f"{packed_file(level)} does not define a remote {name!r}")
    for one in _LEVELS[_LEVELS.index(level) :]:
        file = packed_file(one)
        written = read_settings_file(file).get(DEFAULT)
        if written is not None and written.text.lower() == name:
            unset_setting(file, DEFAULT)
        if name in _options(one):
            output.note(f"{file} still has options of {name}")


def rename_packed(name: str, new: str, level: str) -> None:
    """Give a packed remote another name in the file of a level and stronger ones, and where it is the default one.

    Raises:
        ConfigError: the file does not define it, or one has a form that only its owner can edit.
        UsageError: the level has no such file.
    """
    if name not in _options(level):
        raise ConfigError(f"{packed_file(level)} does not define a remote {name!r}")
    for one in _LEVELS[_LEVELS.index(level) :]:
        rename_remote(packed_file(one), name, new)
    follow_default(name, new)


def follow_default(name: str, new: str) -> None:
    """Make `remote.default` name a renamed remote, of either layout, wherever it named it before."""
    if repository_root(Path.cwd()) is None:
        return
    for level in _LEVELS:
        written = read_settings_file(packed_file(level)).get(DEFAULT)
        if written is not None and written.text.lower() == name:
            set_setting(packed_file(level), DEFAULT, new)


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


def refuse_packed(name: str) -> None:
    """Raise ConfigError if a packed remote has that name."""
    if is_packed(name):
        raise ConfigError(f"{name} is a packed remote", hint="choose another name")


def _relative(directory: Path, file: Path) -> str:
    """As typed here, but relative to the file's directory."""
    if directory.is_absolute():
        return str(directory)
    return os.path.relpath(Path.cwd() / directory, file.parent)
