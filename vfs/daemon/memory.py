"""Giving memory back after work that needed much of it for a moment."""

import ctypes


def give_back() -> None:
    """Return freed memory to the system; milliseconds, in a worker thread (the interpreter is free meanwhile).

    Building a catalog leaves some ten megabytes in the C library's free lists, which it keeps for later. A C library without
    `malloc_trim` (musl) gives memory back by itself.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
