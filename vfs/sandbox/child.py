"""The program that runs commands in a view, as its caller has it: started, heard, and ended with all that it ran.

It is started without the user's site packages and without `site`: that, and what it imports, is most of what a view costs. Its environment is that of this
process, which this interpreter runs in; the commands' own is in the order.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from vfs.sandbox import program
from vfs.sandbox.order import Order, Report

_TEXT: Final = "import sys; sys.path.append({!r}); from vfs.sandbox.program import main; main({})"
_ROOT: Final = str(Path(__file__).resolve().parents[2])


class Child:
    """One program with one order. `send_signal` and `stop` may be called in any thread."""

    def __init__(
        self, order: Order, stdin: int | None, stdout: int | None, stderr: int | None
    ) -> None:
        """Start it. Raises OSError."""
        self._order = order
        watching = order["watching"]
        self._space = -1
        self._channel, theirs = socket.socketpair()
        with theirs:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, program.HELD)  # of this thread
            order["blocked"] = [int(number) for number in before]
            text = _TEXT.format(_ROOT, theirs.fileno())
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", text],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=[theirs.fileno(), *([watching["result"]] if watching else [])],
                )
            except BaseException:
                self._channel.close()
                raise
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def status(self) -> int | None:
        """How the program itself ended."""
        return self._process.returncode

    def reports(self) -> Iterator[Report]:
        """Give it the order; what it says until it ends."""
        with contextlib.suppress(OSError):  # it is gone
            program.send(self._channel.fileno(), self._order)
            while (report := cast("Report | None", self._next())) is not None:
                if report[0] == "ready":
                    self._space = os.open(f"/proc/{self._process.pid}/ns/mnt", os.O_RDONLY)
                    program.send(self._channel.fileno(), True)
                else:
                    yield report

    def _next(self) -> object:
        return program.receive(self._channel.fileno())

    def send_signal(self, number: int) -> None:
        """Let it pass a signal on; before its command runs, that ends it."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """It is to end what it runs, report and end."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Wait until it has ended, and if it was killed, end all that it had run."""
        self.stop()
        self._process.wait()
        self._channel.close()
        if self._space >= 0:
            try:
                if self._process.returncode:
                    _end_namespace(self._space)
            finally:
                os.close(self._space)


def _end_namespace(space: int) -> None:
    """Kill what is in a mount namespace, until nothing is. It is open: the number of one that is gone soon means another."""
    number = os.fstat(space).st_ino
    found = True
    while found:
        found = False
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with contextlib.suppress(OSError):
                    if os.stat(f"/proc/{name}/ns/mnt").st_ino == number:
                        found = True
                        os.kill(int(name), signal.SIGKILL)
