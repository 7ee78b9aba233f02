"""Waiting for what tells nobody when it comes: locks that the kernel gives without a limit of time, or at once or not at all."""

import time
from collections.abc import Callable
from typing import Final

_LOOK: Final = 0.01  # seconds between two looks


def wait_for(attempt: Callable[[], bool], patience: float, look: float = _LOOK) -> bool:
    """Try until it succeeds, or for so many seconds; whether it did. With `patience` 0 it is tried once."""
    until = time.monotonic() + patience
    while not attempt():
        if time.monotonic() >= until:
            return False
        time.sleep(look)
    return True
