"""From an exception to what the user sees and the exit code; the only place that decides either.

    error: no revision 'v9'
    hint: 'git tag' lists the tags

With `--json` the same goes to standard error as one object: {"type": "error", "code", "message", "hint", "exit_code"};
each warning before it as {"type": "warning", "message"}.
"""

import json
import sys

import click

from vfs.config.environment import colour_wanted
from vfs.errors import VfsError
from vfs_cli.text import printable

FOUND_WRONG = 1  # the verb did its work and found something that is not as it should be
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
BROKEN_PIPE = 141  # 128 + SIGPIPE
INTERNAL = 70  # EX_SOFTWARE of <sysexits.h>
OUTPUT_FAILED = 74  # EX_IOERR
USAGE = 2

_OUTPUT_HINT = "what was to be done may be done; is the disk full that it goes to?"
_INTERNAL_HINT = "VFS_DEBUG=1 shows where; please report it with that output"


class OutputFailed(Exception):
    """Standard output cannot be written; no error of the library, so no handler of those sees it."""


def report(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Show an exception on standard error; the exit code it stands for."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, VfsError):
        return _show(error.code, error.message, error.hint, error.exit_code, as_json)
    if isinstance(error, OutputFailed):
        message = f"standard output cannot be written: {error}"
        return _show("output-failed", message, _OUTPUT_HINT, OUTPUT_FAILED, as_json)
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
        sys.stderr.write(f"{error.format_message()}\n")
        return USAGE
    if isinstance(error, click.ClickException):
        message = " ".join(error.format_message().split())
        return _show("usage", message, _usage_hint(error), USAGE, as_json)
    name = type(error).__name__
    return _show("internal", f"internal error ({name}: {error})", _INTERNAL_HINT, INTERNAL, as_json)


def _usage_hint(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return None if context is None else f"{context.command_path} --help"


def _show(code: str, message: str, hint: str | None, exit_code: int, as_json: bool) -> int:
    if as_json:
        document = {"type": "error", "code": code, "message": message, "hint": hint}
        sys.stderr.write(json.dumps(document | {"exit_code": exit_code}) + "\n")
        return exit_code
    show_line("error: ", message, "red")
    if hint:
        show_line("hint: ", hint, "cyan")
    return exit_code


def warn(text: str, *, as_json: bool) -> None:
    """One warning on standard error."""
    if as_json:
        sys.stderr.write(json.dumps({"type": "warning", "message": text}) + "\n")
    else:
        show_line("warning: ", text, "yellow")


def show_line(label: str, text: str, colour: str) -> None:
    """One labelled line on standard error."""
    if colour_wanted() and sys.stderr.isatty():
        label = click.style(label, fg=colour, bold=True)
    sys.stderr.write(f"{label}{printable(text)}\n")
