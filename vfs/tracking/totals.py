"""How many bytes files have that are recorded and not here: from the objects of caches, or as what is left of a total.

Rule: exact or not at all. A listing has no sizes; of what is here the cache has the old contents, so that the total of the record gives the rest.
Nothing is read, and nobody is asked.
"""

from collections.abc import Iterable

from vfs.tracking.caches import Caches
from vfs.tracking.record import Entries
from vfs.types import Digest


def bytes_of(caches: Caches, files: Entries, among: Entries, total: int | None) -> int | None:
    """Bytes of some files of a directory; None if that is not known.

    Args:
        caches: for the directory.
        files: they.
        among: all files of the directory.
        total: their bytes, if that is known.
    """
    if total is not None:
        chosen = {path for path, _ in files}
        rest = _sum(caches, (digest for path, digest in among if path not in chosen))
        if rest is not None and rest <= total:
            return total - rest
    return _sum(caches, (digest for _, digest in files))


def _sum(caches: Caches, digests: Iterable[Digest]) -> int | None:
    """Bytes of objects; None if no cache has one of them for sure."""
    total = 0
    for digest in digests:
        cache = next((one for one in caches.all if one.trusted(digest)), None)
        size = None if cache is None else cache.size(digest)
        if size is None:
            return None
        total += size
    return total
