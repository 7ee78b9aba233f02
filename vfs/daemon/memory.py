"""Giving memory back after work that needed much of it for a moment."""

import ctypes
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of `mallopt` in glibc's malloc.h."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3

_KEPT: Final = 32 << 20
"""Bytes at the end of the heap that are kept for the next buffers, until `Calm`."""

_FROM_HEAP: Final = 4 << 20
"""Buffers smaller than this come from the heap: those of blocks (256 KiB), requests of the kernel (1 MiB) and batches."""


def one_heap() -> None:
    """Let all threads take memory from one heap of the C library; to be called before there are threads.

    glibc gives threads heaps of their own, and `malloc_trim` returns nothing of the end of those: what the threads of a build needed
    for a moment stayed with the process, 12 MB with 100,000 files.

    By itself it gives the end of the heap back at every second buffer that is freed, and the next one costs 64 page faults: 120,000 for each GB that is
    fetched, 20,000 so, and a tenth less processor time of the daemon.
    """
    _call("mallopt", _ARENA_MAX, 1)
    _call("mallopt", _TRIM_THRESHOLD, _KEPT)
    _call("mallopt", _MMAP_THRESHOLD, _FROM_HEAP)


def give_back() -> None:
    """Return freed memory to the system; milliseconds, in a worker thread (the interpreter is free meanwhile).

    Building a catalog leaves some ten megabytes in the C library's free lists, which it keeps for later.
    """
    _call("malloc_trim", 0)


class Calm:
    """Tells when what was freed should go back: once, after what was being fetched has come to rest.

    Buffers of blocks come and go in all sizes while readers wait, and what lies between those that live stays with the process: a third of what
    a daemon holds whose cache is smaller than what is read. Giving it back meanwhile would make readers wait, and it would be taken again at once.
    """

    def __init__(self) -> None:
        self._fetched = 0
        self._moved = False

    def has_come(self, fetched: int) -> bool:
        """Whether to give back now; to be asked every few seconds with the bytes that were fetched so far."""
        moved, self._fetched = fetched != self._fetched, fetched
        due, self._moved = self._moved and not moved, moved
        return due


def _call(name: str, *numbers: int) -> None:
    """Call a function of glibc; other C libraries (musl) have none of that name and give memory back by themselves."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*numbers)
