"""Giving memory back after work that needed much of it for a moment."""

import ctypes
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of `mallopt` in glibc's malloc.h."""


def one_heap() -> None:
    """Let all threads take memory from one heap of the C library; to be called before there are threads.

    glibc gives threads heaps of their own, and `malloc_trim` returns nothing of the end of those: what the threads of a build needed
    for a moment stayed with the process, 12 MB with 100,000 files.
    """
    _call("mallopt", _ARENA_MAX, 1)


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
