"""Entry point of `vfs`: parse, run one verb, turn its outcome into an exit code.

Rule: importing this module loads click and nothing else of weight; `vfs --help` must appear at once.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from vfs.config.environment import debug_wanted, environment
from vfs_cli import standard
from vfs_cli.failure import OutputFailed, report
from vfs_cli.group import LazyGroup

_COMPLETE = "_VFS_COMPLETE"


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from vfs import __version__

        click.echo(f"vfs {__version__}")
        ctx.exit()


@click.command(
    "vfs",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show tracebacks (also: VFS_DEBUG=1).")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
    help="Show the version.",
)  # fmt: skip
def cli(debug: bool) -> None:
    """Mount any commit of a Git repository, with its large data, as a directory."""


def run(args: Sequence[str]) -> int:
    """Run one command line (without the program's name); its exit code. Never raises."""
    words = list(args)  # a list of our own: click empties the one it is given
    words = words[: words.index("--")] if "--" in words else words
    code = 0
    try:
        try:
            with cli.make_context("vfs", list(args)) as context:
                cli.invoke(context)
        except click.exceptions.Exit as end:
            code = end.exit_code
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return report(error, as_json="--json" in words, debug="--debug" in words or debug_wanted())
    return code


def main() -> NoReturn:
    """The `vfs` command."""
    standard.prepare()
    instruction = environment().get(_COMPLETE)
    code = _complete(instruction) if instruction else run(sys.argv[1:])
    standard.let_go()
    sys.exit(code)


def _complete(instruction: str) -> int:
    """Answer a shell that completes a command line."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(cli, {}, "vfs", _COMPLETE, instruction)
    except (OutputFailed, BrokenPipeError) as error:
        return report(error, as_json=False, debug=debug_wanted())
