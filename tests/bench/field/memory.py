"""The largest resident set of a peer while it works, and its processor time: all of its processes and their children.

Memory is looked at twenty times a second.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import Self

import psutil

_PAUSE = 0.05  # seconds


class PeakMemory:
    """Watches while its block runs.

    Attributes:
        bytes: the largest sum seen; pages that two processes share count twice.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(_PAUSE):
            self._look()

    def _look(self) -> None:
        self.bytes = max(self.bytes, resident(self._processes()))


def resident(roots: Iterable[int]) -> int:
    """Resident bytes of processes and all of their children now."""
    total = 0
    for process in _family(roots):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def spent(roots: Iterable[int]) -> float:
    """Processor seconds that processes and their children have used so far."""
    total = 0.0
    for process in _family(roots):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _family(roots: Iterable[int]) -> Iterable[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for root in roots:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(root)
            found |= {each.pid: each for each in (process, *process.children(recursive=True))}
    return found.values()
