"""SIGINT and SIGTERM for a verb that must clean up: they raise `KeyboardInterrupt` once, and only where nothing is lost by it.

An interruption that comes while a child process is being started loses sight of the child, and what it then writes or mounts stays behind. So it
waits until the child has ended, which Ctrl-C tells it to do as well. While cleaning up nothing is interrupted.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Self


class Interruption:
    """A context in which both signals are ours; main thread only."""

    def __init__(self) -> None:
        self._open = False
        self._came = False
        self._previous = [
            (number, signal.signal(number, self._note))
            for number in (signal.SIGINT, signal.SIGTERM)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous:
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        if self._open:
            self._open = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """What may be interrupted."""
        self._open = True
        try:
            self._raise_late()
            yield
        finally:
            self._open = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """What may not; an interruption that came meanwhile is raised at its end, if it was allowed before."""
        was, self._open = self._open, False
        try:
            yield
        finally:
            if was:
                self._open = True
                self._raise_late()

    def _raise_late(self) -> None:
        if self._came:
            self._open = False
            raise KeyboardInterrupt
