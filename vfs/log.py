"""Logging of the daemon: where it goes, how it looks, what never appears in it.

Rule: modules log to `logging.getLogger("vfs.<layer>")`; only the composition root calls `setup`.
Invariants: no line holds credentials of a URL, a signature or an authorization header, tracebacks included; a record
is one line (plus its traceback) whatever a hostile file name contains; the file is mode 0600 and its size is bounded.
"""

import logging
import os
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

MAX_BYTES = 8 << 20
KEPT_FILES = 3
KEPT_WARNINGS = 20

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^/?#\s@'\"]{1,1000}@"), r"\1***@"),
    (
        re.compile(
            r"(?i)([?&;](?:x-amz-[a-z-]{1,40}|awsaccesskeyid|signature|sig|token|access_token|key|"
            r"password|secret|se|sp|st|spr|sv|code)=)[^&;\s'\"<>]{1,4000}"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:[a-z0-9-]+ +)?)[^\s'\",]+"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)\b((?:aws_)?(?:secret_access_key|session_token|account_key|sas_token|connection_string|"
            r"password|passphrase)['\"]?\s*[:=]\s*['\"]?)[^\s'\",]+"
        ),
        r"\1***",
    ),
)
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


def redact(text: str) -> str:
    """`text` without what looks like a credential."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class LineFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z WARNING vfs.remotes: message`, redacted, in UTC."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format: str | None = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line: control characters of the message become escapes."""
        record.message = record.message.translate(_CONTROL)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, redacted."""
        text = redact(super().format(record))
        return text.encode("utf-8", "backslashreplace").decode()


def setup(
    file: Path | None, foreground: bool, level: int | str = logging.INFO
) -> Callable[[], None]:
    """Send the records of all `vfs.*` loggers to `file` and, in the foreground, to stderr.

    Returns a function that closes the handlers again. Calling `setup` anew replaces what an earlier call set up.

    Raises:
        OSError: the file cannot be opened.
    """
    logger = logging.getLogger("vfs")
    _close(logger)
    logger.setLevel(level)
    logger.propagate = False
    if file is not None:
        _add(logger, _PrivateRotatingHandler(file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES))
    if foreground:
        _add(logger, logging.StreamHandler(sys.stderr))
    if file is None and not foreground:
        _add(logger, logging.NullHandler())
    return lambda: _close(logger)


class Recent(logging.Handler):
    """The last warnings and errors, each once with how often it came, for `vfs status`; any thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        logging.getLogger("vfs").addHandler(self)  # `setup` and what it returns take it away again

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one record (the caller holds the handler's lock)."""
        text = redact(record.getMessage().translate(_CONTROL))
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


def _add(logger: logging.Logger, handler: logging.Handler) -> None:
    handler.setFormatter(LineFormatter())
    logger.addHandler(handler)


def _close(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
