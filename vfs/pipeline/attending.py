"""Signals while commands of stages run: the commands get them, and the walk ends in order.

Rules:

* Ctrl-C reaches the command from the terminal, which it shares with us; we wait for its end. SIGTERM and SIGHUP are passed on.
* While no command runs, the first of them ends what we do at once (`KeyboardInterrupt`).
* What was ignored when we started (a job in the background) stays ignored. Commands find all signals as we found them.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, Self

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Process(Protocol):
    """A command that runs."""

    def send_signal(self, sig: int, /) -> None:
        """Pass a signal on."""


class Attending:
    """A context in which commands run; entered in the main thread.

    Attributes:
        came: the signal that came; 0 if none did.
    """

    def __init__(self) -> None:
        self.came = 0
        self._held = 0
        self._running: list[Process] = []
        self._guard = threading.RLock()
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in _NUMBERS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = number
        if not self._held:
            self.check()
        self._pass_on()

    def _pass_on(self) -> None:
        if self.came in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            for process in list(self._running):
                with suppress(OSError):
                    process.send_signal(self.came)

    def end(self, number: int = signal.SIGTERM) -> None:
        """As if a signal came, also one that nobody can be asked with; in any thread, also if nothing was entered."""
        self.came = number
        self._pass_on()

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is not interrupted: a command from before its start until after its end."""
        with self._guard:
            self._held += 1
        try:
            yield
        finally:
            with self._guard:
                self._held -= 1

    @contextmanager
    def running(self, process: Process) -> Iterator[None]:
        """A command that was started, inside of `held`."""
        with self._guard:
            self._running.append(process)
        self._pass_on()
        try:
            yield
        finally:
            with self._guard:
                self._running.remove(process)

    def check(self) -> None:
        """End if a signal came.

        Raises:
            KeyboardInterrupt: Ctrl-C.
            SystemExit: another one; with the exit status that shells give it.
        """
        if self.came == signal.SIGINT:
            raise KeyboardInterrupt
        if self.came:
            raise SystemExit(128 + self.came)
