"""What the library logs while a verb does its work in this process: a `warning:` line each.

Rule: with `--json` each is an object, as an error is. What transfers log is left out: it is about places that
failed, and if it matters the verb's error says the same; but the first of it is said while a verb waits.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from vfs_cli.failure import warn
from vfs_cli.progress import waiting

_LATE_SECONDS = 1.0
"""After the first trouble with a place: what still runs then waits for something."""


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        context = click.get_current_context(silent=True)  # here: worker threads log, and have none
        self._as_json = context is not None and context.params.get("as_json", False)

        self._late: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not record.name.startswith("vfs.transfer"):
            warn(text, as_json=self._as_json)
        elif self._late is None:  # an error will say so, unless it is waited for
            self._late = threading.Timer(_LATE_SECONDS, self._wait, (text,))
            self._late.daemon = True
            self._late.start()

    def _wait(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")  # a line of progress may be there
        warn(waiting(f"waiting for data: {text}"), as_json=self._as_json)

    def close(self) -> None:
        """Say nothing more."""
        if self._late is not None:
            self._late.cancel()
        super().close()


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
        handler.close()
