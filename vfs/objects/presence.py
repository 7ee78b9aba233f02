"""Which of many objects the caches lack, asking the file system as seldom as it takes.

Rule of `absent`: existence only, as DVC's own status; whether an object is what its name says is for who reads it.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Final

from vfs.formats.layout import object_path
from vfs.objects.cache import ObjectCache
from vfs.objects.incoming import MARK, trust
from vfs.types import Digest

_ENTRY: Final = 48  # bytes that a name of 30 characters takes in a directory, about
_RATIO: Final = 8  # names that are listed in the time one is looked up


def absent(caches: Sequence[ObjectCache], digests: Iterable[Digest]) -> set[Digest]:
    """Those of some contents (no listings) that none of the caches has.

    A directory of objects is listed where much of it is asked for, else its objects are looked up one by one.
    """
    groups: dict[tuple[int, int], list[Digest]] = {}
    for digest in digests:
        groups.setdefault((digest[0], digest[1][0]), []).append(digest)
    lacking: set[Digest] = set()
    for group in groups.values():
        left = group
        for cache in caches:
            left = _absent(cache.directory, left) if left else left
        lacking.update(left)
    return lacking


def trusted(
    cache: ObjectCache, digests: Sequence[Digest | None], sizes: Sequence[int]
) -> list[Digest | None]:
    """Contents of known sizes, with None in the place of each that a cache has not, or not to be trusted (`ObjectCache.trusted`)."""
    top, look = f"{cache.directory}/", os.lstat
    found: list[Digest | None] = []
    for digest, size in zip(digests, sizes, strict=True):
        known = False
        if digest is not None:
            path = top + object_path(digest)
            try:
                status = look(path)
            except OSError:
                pass
            else:
                known = status.st_mode == MARK and status.st_size == size > 0
                known = known or bool(trust(path, digest, size))
        found.append(digest if known else None)
    return found


def _absent(top: str, digests: list[Digest]) -> list[Digest]:
    """Of contents that lie in one directory."""
    directory = os.path.join(top, os.path.dirname(object_path(digests[0])))
    try:
        if os.stat(directory).st_size > len(digests) * _RATIO * _ENTRY + 4096:
            return [d for d in digests if not os.path.lexists(f"{directory}/{d.value.hex()[2:]}")]
        names = set(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return digests
    return [digest for digest in digests if digest.value.hex()[2:] not in names]
