"""What the library logs while a verb does its work in this process: a `warning:` line each, for people.

Rule: with `--json` nothing but one error object goes to standard error. What transfers log is left out: it is about places that
failed, and if it matters the verb's error says the same.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from vfs_cli.failure import show_line


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        context = click.get_current_context(silent=True)
        as_json = context is not None and context.params.get("as_json", False)
        if not as_json and not record.name.startswith("vfs.transfer"):
            show_line("warning: ", record.getMessage(), "yellow")


@contextmanager
def noticed() -> Iterator[None]:
    """Show what is logged inside as warnings instead of as Python's bare last resort."""
    logger = logging.getLogger("vfs")
    handler = _Lines(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
