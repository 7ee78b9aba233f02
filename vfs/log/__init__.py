"""Logging of the daemon: where it goes, how it looks, what never appears in it.

Rule: modules log to `logging.getLogger("vfs.<layer>")`; only the composition root calls `setup`.
Invariants: no line holds credentials of a URL, a signature or an authorization header, tracebacks included; a record
is one line (plus its traceback) whatever a hostile file name contains; the file is mode 0600 and its size is bounded; no kind of warning
fills it (`vfs.log.limits`).
"""

import logging
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from logging.handlers import MemoryHandler, RotatingFileHandler
from pathlib import Path
from typing import Any

from vfs.log.formats import JsonFormatter, LineFormatter
from vfs.log.limits import RateLimit
from vfs.log.redaction import one_line, redact
from vfs.log.requests import about

__all__ = ["KEPT_WARNINGS", "LineFormatter", "Recent", "about", "counted", "hold", "redact", "settle", "setup"]  # fmt: skip

MAX_BYTES = 8 << 20
KEPT_FILES = 3
KEPT_WARNINGS = 20
_HELD = 1000


def hold() -> Callable[[], None]:
    """Keep records until it is known where they go; returns what hands them on, after `setup`, which takes this one's place."""
    logger = logging.getLogger("vfs")
    _close(logger)
    held = MemoryHandler(_HELD, flushLevel=logging.CRITICAL + 1)
    logger.addHandler(held)

    def release() -> None:
        for record in held.buffer:
            logger.handle(record)
        held.buffer = []

    return release


def setup(
    file: Path | None,
    foreground: bool,
    level: int | str = logging.INFO,
    *,
    as_json: bool = False,
) -> Callable[[], None]:
    """Send the records of all `vfs.*` loggers to `file` and, in the foreground, to stderr.

    Returns a function that closes the handlers again. Calling `setup` anew replaces what an earlier call set up.

    Args:
        file: where to; made if need be.
        foreground: also to stderr.
        level: the least that is written.
        as_json: an object a line, instead of lines for people.

    Raises:
        OSError: the file cannot be opened.
    """
    logger = logging.getLogger("vfs")
    _close(logger)
    logger.setLevel(level)
    logger.propagate = False
    handlers: list[logging.Handler] = []
    if file is not None:
        handlers.append(_PrivateRotatingHandler(file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES))
    if foreground:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(JsonFormatter() if as_json else LineFormatter())
    logger.addHandler(_Outlet(handlers))
    return lambda: _close(logger)


def settle() -> None:
    """Write what is to be said of records that were left out; now and then."""
    for outlet in _outlets():
        outlet.limit.settle()


def counted() -> Mapping[str, int]:
    """Warnings and errors since `setup`, by level, those included that were left out."""
    return {level: number for one in _outlets() for level, number in one.limit.counted.items()}


def _outlets() -> "list[_Outlet]":
    return [one for one in logging.getLogger("vfs").handlers if isinstance(one, _Outlet)]


class _Outlet(logging.Handler):
    """All places that records go to, behind one limit."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        super().__init__()
        self._handlers = handlers
        self.limit = RateLimit(self.emit)
        self.addFilter(self.limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record everywhere."""
        for handler in self._handlers:
            handler.handle(record)

    def close(self) -> None:
        """Say what was left out, and close the places."""
        self.limit.settle(all_of_them=True)
        for handler in self._handlers:
            handler.close()
        super().close()


class Recent(logging.Handler):
    """The last warnings and errors, each once with how often it came, for `vfs status`; any thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        logging.getLogger("vfs").addHandler(self)  # `setup` and what it returns take it away again

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one record (the caller holds the handler's lock)."""
        text = redact(one_line(record.getMessage()))
        _, times = self._seen.pop(text, (0.0, 0))
        self._seen[text] = (record.created, times + 1)
        if len(self._seen) > KEPT_WARNINGS:
            self._seen.popitem(last=False)

    def items(self) -> list[dict[str, Any]]:
        """What was said, newest last: `time` (seconds), `message`, `times`."""
        self.acquire()
        try:
            seen = list(self._seen.items())
        finally:
            self.release()
        return [{"time": when, "message": text, "times": times} for text, (when, times) in seen]


class _PrivateRotatingHandler(RotatingFileHandler):
    """Rotating files that only the user may read: paths and remote names are nobody else's business."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_private)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _close(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
