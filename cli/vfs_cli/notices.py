"""What the library logs while a verb does its work in this process: a `warning:` line each.

Rule: with `--json` each is an object, as an error is. What transfers log is left out: it is about places that
failed, and if it matters the verb's error says the same.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from vfs_cli.failure import warn


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        context = click.get_current_context(silent=True)  # here: worker threads log, and have none
        self._as_json = context is not None and context.params.get("as_json", False)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("vfs.transfer"):
            warn(record.getMessage(), as_json=self._as_json)


@contextmanager
def noticed() -> Iterator[None]:
    """Show what is logged inside as warnings instead of as Python's bare last resort."""
    logger = logging.getLogger("vfs")
    handler = _Lines()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
