"""What commands print: shown as it comes, and kept.

Rules:

* Alone, a command has our standard input. Its output goes through a pipe, or a pseudo-terminal where ours is a terminal, so that it behaves
  as if it were run directly; standard output and error stay in one order where they are one file.
* Side by side, commands print into their logs, which are shown whole when they end.
* Of one log `MOST` bytes are kept. Whatever holds the output open after the command ended is not waited for.
"""

import contextlib
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

MOST: Final = 64 << 20
_PIECE: Final = 1 << 16
_LAST: Final = 1 << 20  # bytes; more than a pipe holds


class Streams(NamedTuple):
    """Descriptors for a command; None: ours."""

    stdin: int | None
    stdout: int
    stderr: int


@contextmanager
def kept(path: Path, *, alone: bool, stdout: int = 1) -> Iterator[Streams]:
    """Descriptors for a command whose output is kept at a path.

    Args:
        path: of the log; made, with its directory. Where that cannot be, nothing is kept.
        alone: the command has our terminal.
        stdout: where its standard output is shown.
    """
    log = _opened(path)
    with contextlib.closing(log):
        if not alone:
            with open(os.devnull, "rb") as nothing:
                yield Streams(nothing.fileno(), log.descriptor, log.descriptor)
            return
        with _Copying(log, stdout) as first:
            if _same(stdout, 2):
                yield Streams(None, first.write_end, first.write_end)
                return
            with _Copying(log, 2) as second:
                yield Streams(None, first.write_end, second.write_end)


def printed(path: Path) -> bool:
    """Whether anything was kept."""
    with suppress(OSError):
        return path.stat().st_size > 0
    return False


def show(path: Path, stdout: int = 1) -> None:
    """Show a log whole."""
    with suppress(OSError), path.open("rb") as file:
        while piece := file.read(_PIECE):
            _write(stdout, piece)


class _Log:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._size = 0
        self._guard = threading.Lock()

    def write(self, piece: bytes) -> None:
        with self._guard, suppress(OSError):
            if self._size < MOST:
                self._size += os.write(self.descriptor, piece)

    def close(self) -> None:
        os.close(self.descriptor)


def _opened(path: Path) -> _Log:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _Log(os.open(path, flags, 0o600))
    except OSError:
        return _Log(os.open(os.devnull, flags))


class _Copying:
    """What is written to `write_end` goes to a descriptor and to a log."""

    def __init__(self, log: _Log, target: int) -> None:
        self._log = log
        self._target = target
        self._read_end, self.write_end = _terminal(target) if os.isatty(target) else os.pipe()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._copy, name="vfs-output", daemon=True)

    def __enter__(self) -> "_Copying":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.write_end)
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._read_end)
        os.close(self._stop_read)

    def _copy(self) -> None:
        poll = select.poll()
        poll.register(self._read_end, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        left = _LAST
        while left > 0:
            ready = dict(poll.poll())
            if self._stop_read in ready:
                left -= _PIECE  # what is in the pipe now, and not what somebody writes for ever
            if self._read_end in ready:
                try:
                    piece = os.read(self._read_end, _PIECE)
                except OSError:  # a pseudo-terminal that nobody has open any more
                    return
                if not piece:
                    return
                self._log.write(piece)
                _write(self._target, piece)
            elif ready:
                return  # the command has ended and all of it was read


def _write(target: int, piece: bytes) -> None:
    with suppress(OSError):
        view = memoryview(piece)
        while view:
            try:
                view = view[os.write(target, view) :]
            except BlockingIOError:
                select.select([], [target], [])


def _terminal(like: int) -> tuple[int, int]:
    """A pseudo-terminal that passes bytes on as they are, as large as another one."""
    import fcntl
    import pty
    import termios
    import tty

    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    with suppress(OSError):
        size = fcntl.ioctl(like, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    return ours, theirs


def _same(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False
