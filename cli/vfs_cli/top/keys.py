"""Keys that are pressed while a screen is shown, and what else ends a wait: a resized window.

Rule: the terminal is as it was when the block ends, however it ends.
"""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Keys:
    """See the module."""

    def __init__(self, descriptor: int | None, woken: int) -> None:
        self._descriptor = descriptor
        self._woken = woken

    def wait(self, seconds: float) -> str | None:
        """The next key; "" if the window was resized, None if nothing happened for so long."""
        watched = [self._woken] if self._descriptor is None else [self._descriptor, self._woken]
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._woken in ready:
            os.read(self._woken, 1024)
        if self._descriptor is not None and self._descriptor in ready:
            pressed = os.read(self._descriptor, 32)
            if not pressed:  # the terminal is gone
                return "q"
            return pressed.decode("ascii", "replace")
        return "" if ready else None


@contextmanager
def keys() -> Iterator[Keys]:
    """Hear keys one by one, without their being shown."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.set_blocking(reading, False)
    before_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before_resize = signal.signal(signal.SIGWINCH, _heard)
    descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    before = None if descriptor is None else termios.tcgetattr(descriptor)
    try:
        if descriptor is not None:
            tty.setcbreak(descriptor, termios.TCSANOW)
        yield Keys(descriptor, reading)
    finally:
        if descriptor is not None and before is not None:
            termios.tcsetattr(descriptor, termios.TCSANOW, before)
        signal.signal(signal.SIGWINCH, before_resize)
        signal.set_wakeup_fd(before_wakeup)
        os.close(reading)
        os.close(writing)


def _heard(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor tells."""
