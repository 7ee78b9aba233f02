"""`vfs remote`: the remotes of a repository, in DVC's own configuration files."""

from pathlib import Path

import click

from vfs.errors import ConfigError, UsageError
from vfs.tracking.dvc_config import DEFAULT, DvcFiles
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
from vfs_cli.parameters import Text
from vfs_cli.remote_packed import (
    add_packed,
    follow_default,
    is_packed,
    modify_packed,
    packed_default,
    packed_remotes,
    refuse_packed,
    remove_packed,
    rename_packed,
    set_packed_default,
    unset_packed_default,
)

_WORDS = {
    "add": ("NAME URL", 2, 2),
    "list": ("", 0, 0),
    "add --packed": ("NAME URL [OPTION=VALUE…]", 2, 64),
    "modify": ("NAME OPTION VALUE, or --unset NAME OPTION", 2, 3),
    "remove": ("NAME", 1, 1),
    "rename": ("NAME NEW", 2, 2),
    "default": ("[NAME]", 0, 1),
}


@click.command(
    "remote",
    cls=VerbCommand,
    examples=(
        ("vfs remote add -d store s3://bucket/data", "and make it the default one"),
        ("vfs remote add nas /mnt/nas/dvc", "a directory"),
        ("vfs remote add --packed -d team s3://bucket/packed profile=team", "in the packed layout (docs/packed.md)"),
        ("vfs remote modify store endpointurl https://minio.example.org", "an option, as DVC spells it"),
        ("vfs remote modify --local store secret_access_key S3CR3T", "only for this clone: Git ignores that file"),
        ("vfs remote modify --unset store endpointurl", "take it away"),
        ("vfs remote list", "name, URL, which one is the default"),
        ("vfs remote default nas", "from now on"),
        ("vfs remote rename nas archive", "its options and the default follow"),
        ("vfs remote remove nas", ""),
    ),
    exits=EXITS,
)  # fmt: skip
@click.argument(
    "action", type=click.Choice([word for word in _WORDS if " " not in word]), default="list"
)
@click.argument(
    "words", type=Text("word", "dir"), nargs=-1, metavar="[NAME [URL | OPTION [VALUE]]]"
)
@click.option(
    "-d", "--default", "make_default", is_flag=True, help="With add: make it the default remote."
)
@click.option("-f", "--force", is_flag=True, help="With add: replace a remote of that name.")
@click.option(
    "--packed", is_flag=True, help="With add: one in the packed layout, which only vfs reads."
)
@click.option("-u", "--unset", is_flag=True, help="With modify or default: take the option away.")
@level_options
@json_option
def command(
    action: str,
    words: tuple[str, ...],
    make_default: bool,
    force: bool,
    packed: bool,
    unset: bool,
    levels: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the remotes of this repository, add, change, rename or remove one.

    Packed remotes are in .vfs/config.yaml (--local: .vfs/local.yaml), one of them is the default where 'remote.default' there names it. For all others what is written is what 'dvc remote' writes, so both tools agree; comments and order of the file stay. A relative
    directory is relative to the current one. 'list' is about all files together unless one is named.
    """  # fmt: skip
    _check(action, words, make_default, force, unset, packed)
    output = Output(as_json)
    level = chosen(levels)
    if packed:
        if force or level not in (None, "repo"):
            raise UsageError("packed remotes are added to .vfs/config.yaml, and not replaced")
        if DvcFiles(Path.cwd()).has_remote(words[0]):
            raise ConfigError(f"{words[0]} is a remote in DVC's layout; choose another name")
        add_packed(output, words, default=make_default)
        return
    files = DvcFiles(Path.cwd())
    target = level or "repo"
    files.file(target)  # says so if there is no repository
    if action == "list":
        _list(output, files, level)
    elif action == "add":
        refuse_packed(words[0])
        files.add_remote(words[0], words[1], target, force=force)
        warn_of_secret(output, files, ("remote", words[0].lower(), "url"), words[1], target)
        if make_default:
            set_packed_default(words[0])
            files.set(DEFAULT, words[0].lower(), target)
    elif action == "remove":
        _remove(output, files, words[0].lower(), target)
    elif action == "rename":
        _rename(files, words[0].lower(), words[1].lower(), target)
    elif action == "default":
        _default(output, files, words, level, unset)
    else:
        _modify(output, files, words, target, unset)


def _check(
    action: str, words: tuple[str, ...], make_default: bool, force: bool, unset: bool, packed: bool
) -> None:
    """Refuse what does not fit the action."""
    if packed and action != "add":
        raise UsageError("--packed belongs to 'add'")
    usage, least, most = _WORDS["add --packed" if packed else action]
    if action == "modify":
        least, most = (2, 2) if unset else (3, 3)
    if action == "default" and unset:
        most = 0
    if not least <= len(words) <= most:
        raise UsageError(f"vfs remote {action} {usage}".rstrip() + " is how it is called")
    if (make_default or force) and action != "add":
        raise UsageError("--default and --force belong to 'add'")
    if unset and action not in ("modify", "default"):
        raise UsageError("--unset belongs to 'modify' and 'default'")


def _list(output: Output, files: DvcFiles, level: str | None) -> None:
    config = files.merged() if level is None else files.read(level)
    packed = packed_remotes() if level in (None, "repo") else {}
    default = str(config.get("core", {}).get("remote", "")).lower()
    default = packed_default() or default or (next(iter(packed)) if len(packed) == 1 else "")
    urls = {name: str(options.get("url", "")) for name, options in config.get("remote", {}).items()}
    for name, url in [*urls.items(), *packed.items()]:
        url = without_password(url)
        if output.json:
            fields = {"name": name, "url": url, "default": name == default}
            output.document("remote", fields | {"layout": "packed" if name in packed else "dvc"})
        else:
            layout = "  (packed)" if name in packed else ""
            output.line(f"{name}  {url}{layout}" + ("  (default)" if name == default else ""))


def _default(
    output: Output, files: DvcFiles, words: tuple[str, ...], level: str | None, unset: bool
) -> None:
    if unset:
        if level in (None, "repo"):
            unset_packed_default()
        files.unset(DEFAULT, level or "repo")
    elif words:
        if set_packed_default(words[0]):
            return
        if not files.has_remote(words[0]):
            raise files.unknown(words[0])
        files.set(DEFAULT, words[0].lower(), level or "repo")
    else:
        name = packed_default() or files.get(DEFAULT, level)
        if name is None:
            raise ConfigError("there is no default remote", hint="vfs remote default NAME")
        show_value(output, "core.remote", name)


def _remove(output: Output, files: DvcFiles, name: str, target: str) -> None:
    if is_packed(name):
        remove_packed(output, name, target)
    else:
        files.remove_remote(name, target)


def _rename(files: DvcFiles, name: str, new: str, target: str) -> None:
    refuse_packed(new)
    if not is_packed(name):
        files.rename_remote(name, new, target)
        follow_default(name, new)
    elif files.has_remote(new):
        raise ConfigError(f"{new} is a remote in DVC's layout; choose another name")
    else:
        rename_packed(name, new, target)


def _modify(
    output: Output, files: DvcFiles, words: tuple[str, ...], target: str, unset: bool
) -> None:
    name = words[0].lower()
    if is_packed(name):
        modify_packed(output, name, words[1].lower(), None if unset else words[2], target)
        return
    if not files.has_remote(name):
        raise files.unknown(name)
    key = ("remote", name, words[1].lower())
    if not unset:
        files.set(key, words[2], target)
        warn_of_secret(output, files, key, words[2], target)
    elif not files.unset(key, target):
        output.note(f"{files.file(target)} does not set {key[2]} of {name}")
