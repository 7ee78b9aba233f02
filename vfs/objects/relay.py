"""Small objects from one cache directory to another; a process of its own may do it (`vfs.processes`)."""

import os
from collections.abc import Iterable

from vfs.errors import ContentMismatch, DataUnavailable, StoreError
from vfs.objects.cache import PIECE, ObjectCache
from vfs.objects.copying import Fill
from vfs.types import Digest


def relay(source: ObjectCache, target: ObjectCache, digests: Iterable[Digest]) -> dict[Digest, int]:
    """Put objects of one cache, hashed on the way, into another.

    Args:
        source: what has them.
        target: what gets them.
        digests: of files.

    Returns:
        What was put, and its size (bytes). What is missing, wrong, over 1 MiB or cannot be written is not among it:
        whoever does that alone will be told why.
    """
    done: dict[Digest, int] = {}
    for digest in digests:
        try:
            descriptor = source.open(digest)
        except DataUnavailable:
            continue
        try:
            if os.fstat(descriptor).st_size < PIECE:
                done[digest] = target.receive(digest, _filler(descriptor))
        except (ContentMismatch, StoreError, OSError):
            continue
        finally:
            os.close(descriptor)
    return done


def _filler(descriptor: int) -> Fill:
    return lambda view: os.readv(descriptor, [view])
