"""Telling a mount in which order files will be read, so that they are there before they are asked for (`docs/hints.md`).

    from vfs.hints import Prefetcher

    for path in Prefetcher("/mnt/data", paths):
        ...

Rule: standard library and `vfs.control` only, so that a training process can afford it. Whatever goes wrong with a hint is told once and
costs nothing but the hint: files are read as without it.
"""

from vfs.hints.prefetcher import Prefetcher, hinted

__all__ = ["Prefetcher", "hinted"]
