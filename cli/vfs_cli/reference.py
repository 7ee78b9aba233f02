"""The page `docs/cli.md`, made from the commands themselves: `python -m vfs_cli.reference > docs/cli.md`."""

import sys

import click

from vfs.errors import VfsError
from vfs_cli.failure import BROKEN_PIPE, INTERNAL, INTERRUPTED, OUTPUT_FAILED
from vfs_cli.group import meaning
from vfs_cli.main import cli
from vfs_cli.table import VERBS

_HEAD = """\
# Command line

Made from `--help` by `python -m vfs_cli.reference`; a test compares.

- `--json` prints one JSON object per line on standard output, each with a `type`. A path that is not UTF-8 is readable in
  `path` and exact in `path_b64`. Sizes are bytes, times seconds since the epoch.
- An error is one `error:` line and, where something can be done, a `hint:` line on standard error; with `--json` one object
  `{"type": "error", "code", "message", "hint", "exit_code"}` on standard error, as is a warning: `{"type": "warning", "message"}`.
- `ls`, `cat`, `log`, `diff`, `prefetch` and `doctor` need no mount, and mean: inside a mount (or with `--mount`) what it shows,
  below its `.snapshots/REV/` that revision; in a repository HEAD, also while it is mounted somewhere. `--rev` wins over both.
  `ls`, `cat` and `log` look a path that leads into another mount or repository up there.
  `diff` with less than two revisions compares with what the mount shows or, in a repository, with the working tree, tracked data included.
- Progress and colour appear on a terminal only; `NO_COLOR` turns colour off. `VFS_DEBUG=1` or `vfs --debug` adds
  tracebacks.
- Standard input, output and error that are closed are taken for `/dev/null`. What cannot be written to standard error is lost and
  changes no exit code.
- Fields may be added to JSON objects; those that exist keep name and meaning.

## Exit codes

| exit | code | meaning |
|---|---|---|
| 0 | | done |
| 1 | | done, and something was found wrong (`vfs doctor`, `cache verify`, `ls`, `status -q`, `install`, `git-hook`) |
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD, *_exit_codes(), "\n", _section("vfs", cli)]
    for name in VERBS:
        command = cli.get_command(click.Context(cli), name)
        if command is not None:
            parts.append(_section(f"vfs {name}", command))
    return "".join(parts)


def _exit_codes() -> list[str]:
    rows = [(cls.exit_code, cls.code, meaning(cls)) for cls in _classes(VfsError)]
    rows += [
        (INTERNAL, "internal", "a bug in vfs; `VFS_DEBUG=1` shows where"),
        (
            OUTPUT_FAILED,
            "output-failed",
            "standard output could not be written, to a full disk for example; the verb may have done its work, "
            "but `vfs mount` leaves no mount",
        ),
        (
            INTERRUPTED,
            "",
            "interrupted (Ctrl-C); an interrupted `vfs mount` leaves no daemon and no mount",
        ),
        (BROKEN_PIPE, "", "the reader of standard output went away"),
    ]
    return [
        f"| {exit_code} | {f'`{code}`' if code else ''} | {text} |\n"
        for exit_code, code, text in sorted(rows)
    ]


def _classes(root: type[VfsError]) -> list[type[VfsError]]:
    found = []
    for cls in root.__subclasses__():
        if cls.__module__ == VfsError.__module__:
            found += [cls, *_classes(cls)]
    return found


def _section(title: str, command: click.Command) -> str:
    return f"## {title}\n\n```\n{help_text(title, command)}\n```\n\n"


def help_text(title: str, command: click.Command) -> str:
    """What `--help` prints on a terminal of 100 columns."""
    parent = click.Context(
        cli, info_name="vfs", terminal_width=100, help_option_names=["-h", "--help"]
    )
    if command is cli:
        return cli.get_help(parent)
    name = title.removeprefix("vfs ")
    context = click.Context(command, parent, info_name=name)
    return command.get_help(context)


if __name__ == "__main__":
    sys.stdout.write(render())
