"""Standard input, output and error of the process, which may be closed, full, or read by nobody.

Rules:
  * What is closed is the null device, as for Git: else the next file that is opened would take its number.
  * Standard output that cannot be written is `OutputFailed`, whichever verb, click or rich wrote; a reader that went away stays
    `BrokenPipeError`. One that would block is waited for.
  * Standard error that cannot be written loses what it was to say, and changes no outcome.
"""

import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from vfs_cli.failure import OutputFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUT, _ERR = 1, 2


class _Raw(io.FileIO):
    """A descriptor that is written whole; it is left open."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, data: "ReadableBuffer", /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Out(_Raw):
    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(error.strerror or str(error)) from error


class _Err(_Raw):
    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Hold to the rules from now on."""
    for number in (0, _OUT, _ERR):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number free is it
    sys.stdout = _text(_Out(_OUT), sys.stdout, "strict")
    sys.stderr = _text(_Err(_ERR), sys.stderr, "backslashreplace")


def _text(raw: _Raw, before: TextIO | None, errors: str) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if before is None else before.encoding,
        errors=errors if before is None else before.errors,
        line_buffering=raw.fileno() == _ERR or raw.isatty(),
    )


def let_go() -> None:
    """Bring out what was printed; where that fails once more, it is lost quietly, also at the interpreter's end."""
    try:
        sys.stdout.flush()
    except (OutputFailed, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), _OUT)
