"""How a record is written: a line for people, or a JSON object for programs (`log.json`).

    2026-01-31T12:00:00.123Z WARNING vfs.remotes [1a2b-7]: message
    {"time": "2026-01-31T12:00:00.123Z", "level": "WARNING", "logger": "vfs.remotes", "message": "message", "request": "1a2b-7", "remote": "s3", …}

Rules: UTC; no credentials, in the fields and tracebacks neither; a JSON object is one line, whatever it holds. `request` and further fields are there
when they are known (`about`); they may grow in number.
"""

import json
import logging
import time
from typing import Any

from vfs.log.redaction import one_line, redact
from vfs.log.requests import FIELDS, of


class _Formatter(logging.Formatter):
    """Common to both."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format: str | None = "%s.%03dZ"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.converter = time.gmtime


class LineFormatter(_Formatter):
    """`2026-01-31T12:00:00.123Z WARNING vfs.remotes: message`, redacted, in UTC."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(where)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line: control characters of the message become escapes."""
        record.message = one_line(record.message)
        request = _request(record)
        record.where = f" [{request}]" if request else ""
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The record with its traceback, redacted."""
        text = redact(super().format(record))
        return text.encode("utf-8", "backslashreplace").decode()


class JsonFormatter(_Formatter):
    """One object a line; see the module."""

    def __init__(self) -> None:
        super().__init__("%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record, its fields and its traceback, redacted."""
        said: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if request := _request(record):
            said["request"] = request
        for name, value in getattr(record, FIELDS, {}).items():
            said.setdefault(name, redact(value) if isinstance(value, str) else value)
        if record.exc_info:
            said["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(said)


def _request(record: logging.LogRecord) -> str:
    """The id of the request that a record belongs to."""
    fields = getattr(record, FIELDS, {})
    return str(fields.get("request", "")) or of(record.exc_info[1] if record.exc_info else None)
