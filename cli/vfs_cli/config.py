"""`vfs config`: one option of DVC's configuration files or of ours."""

from pathlib import Path

import click

from vfs.config.edit import set_setting, unset_setting
from vfs.config.files import read_settings_file
from vfs.config.places import user_config_file
from vfs.config.schema import BY_KEY
from vfs.control.registry import repository_root
from vfs.errors import ConfigError, NotARepository, UsageError
from vfs.formats.dvcoptions import SECTIONS, is_secret
from vfs.tracking.dvc_config import LEVELS, DvcFiles, flat, parse_key
from vfs_cli.group import VerbCommand
from vfs_cli.levels import (
    EXITS,
    chosen,
    level_options,
    show_value,
    warn_of_secret,
    without_password,
)
from vfs_cli.options import json_option
from vfs_cli.output import Output
from vfs_cli.parameters import NAME


@click.command(
    "config",
    cls=VerbCommand,
    examples=(
        ("vfs config -l", "everything that is set, weakest file first"),
        ("vfs config core.remote", "one value, of the strongest file that sets it"),
        ("vfs config core.autostage true", "DVC's options, in DVC's files"),
        ("vfs config --local cache.dir /big/dvc-cache", "DVC's cache of objects, on this machine"),
        ("vfs config --global cache.limit 50GiB", "an option of vfs (docs/configuration.md), in its files"),
        ("vfs config --global vfs.cache.dir /big/vfs", "the cache of mounts: both tools have a cache.dir"),
        ("vfs config --unset --global cache.limit", "back to the default"),
    ),
    exits=EXITS,
)  # fmt: skip
@click.argument("key", type=NAME, required=False)
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Take the option away.")
@click.option("-l", "--list", "list_all", is_flag=True, help="Show every option that is set.")
@click.option("--show-origin", is_flag=True, help="Show the file of each value.")
@level_options
@json_option
def command(
    key: str | None,
    value: str | None,
    unset: bool,
    list_all: bool,
    show_origin: bool,
    levels: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show, set or take away one option.

    KEY is SECTION.OPTION or remote.NAME.OPTION. Options that DVC has go to DVC's files (.dvc/config, --local: .dvc/config.local,
    --global: yours), checked as DVC checks them; options of vfs go to .vfs/config.yaml, .vfs/local.yaml or your config.yaml.
    'cache.dir' is DVC's; 'vfs.cache.dir' that of vfs.
    """
    output = Output(as_json)
    level = chosen(levels)
    files = DvcFiles(Path.cwd())
    if list_all:
        if key is not None or unset:
            raise UsageError("--list takes neither a key nor --unset")
        _list(output, files, level, show_origin)
    elif key is None:
        raise UsageError("which option?", hint="vfs config --list shows those that are set")
    elif unset and value is not None:
        raise UsageError("--unset takes no value")
    elif show_origin and (unset or value is not None):
        raise UsageError("--show-origin is about showing values")
    elif (own := _own_key(key)) is not None:
        _own(output, own, value, level, unset, show_origin)
    else:
        _dvc(output, files, key.removeprefix("dvc."), value, level, unset, show_origin)


def _own_key(key: str) -> str | None:
    """The name of an option of ours; None if it is DVC's, which wins where both have one."""
    key = key.lower()
    if key.startswith("vfs."):
        return key.removeprefix("vfs.")
    section, _, option = key.partition(".")
    return key if key in BY_KEY and option not in SECTIONS.get(section, {}) else None


# DVC's ----------------------------------------------------------------------------------------


def _dvc(
    output: Output,
    files: DvcFiles,
    text: str,
    value: str | None,
    level: str | None,
    unset: bool,
    show_origin: bool,
) -> None:
    key = parse_key(text)
    target = level or "repo"
    if unset:
        if not files.unset(key, target):
            raise ConfigError(f"{files.file(target)} does not set {text}")
    elif value is not None:
        files.set(key, value, target)
        warn_of_secret(output, files, key, value, target)
        if text in BY_KEY:
            output.note(f"this is DVC's {text}; that of vfs is vfs.{text}")
    else:
        if level is not None:
            files.file(level)
        for one in reversed(LEVELS) if level is None else (level,):
            found = files.get(key, one) if one in files.files else None
            if found is not None:
                _show(output, text, found, files.files[one], show_origin)
                return
        raise ConfigError(f"{text} is not set", hint="vfs config --list shows what is")


# Ours -----------------------------------------------------------------------------------------


def _own(
    output: Output,
    key: str,
    value: str | None,
    level: str | None,
    unset: bool,
    show_origin: bool,
) -> None:
    if key not in BY_KEY:
        raise ConfigError(f"unknown setting {key!r}", hint="settings: " + ", ".join(sorted(BY_KEY)))
    files = _own_files()
    if value is None and not unset:
        for one in reversed(files) if level is None else (level,):
            written = read_settings_file(_file(files, one)).get(key)
            if written is not None:
                _show(output, key, written.text, files[one], show_origin)
                return
        raise ConfigError(f"{key} is not set", hint="its default: docs/configuration.md")
    target = level or "repo"
    file = _file(files, target)
    if unset:
        if not unset_setting(file, key):
            raise ConfigError(f"{file} does not set {key}")
        return
    assert value is not None
    if target == "repo" and BY_KEY[key].local:
        raise UsageError(
            f"{key} is about one machine, and {file} is tracked by Git",
            hint="--global sets it for you, --local for this clone",
        )
    set_setting(file, key, value)


def _own_files() -> dict[str, Path]:
    """Our files by level, weakest first."""
    root = repository_root(Path.cwd())
    files = {"global": user_config_file()}
    if root is not None:
        files = {
            "repo": root / ".vfs" / "config.yaml",
            **files,
            "local": root / ".vfs" / "local.yaml",
        }
    return files


def _file(files: dict[str, Path], level: str) -> Path:
    if level == "system":
        raise UsageError("vfs has no file for the whole machine", hint="--global is yours")
    if level not in files:
        raise NotARepository(f"{Path.cwd()} is not in a Git repository", hint="--global is yours")
    return files[level]


# Showing --------------------------------------------------------------------------------------


def _list(output: Output, files: DvcFiles, level: str | None, show_origin: bool) -> None:
    """DVC's files as `dvc config -l` shows them, then ours."""
    if level is not None:
        files.file(level)
    for one in LEVELS if level is None else (level,):
        if one in files.files:
            for key, value in flat(files.read(one)).items():
                shown = "***" if is_secret(key.rpartition(".")[2], "") else without_password(value)
                _line(output, key, shown, files.files[one], show_origin)
    own = _own_files()
    for one in own if level is None else (level,):
        if one in own:
            for key, written in read_settings_file(own[one]).items():
                name = key if _own_key(key) else f"vfs.{key}"
                _line(output, name, written.text, own[one], show_origin)


def _line(output: Output, key: str, value: str, file: Path, show_origin: bool) -> None:
    if output.json:
        output.document("setting", {"key": key, "value": value, "file": str(file)})
    else:
        output.line((f"{file}  " if show_origin else "") + f"{key}={value}")


def _show(output: Output, key: str, value: str, file: Path, show_origin: bool) -> None:
    if show_origin and not output.json:
        output.line(f"{file}  {value}")
    else:
        show_value(output, key, value)
