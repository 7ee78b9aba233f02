"""Objects from one cache directory to another; small ones by a process of its own, if wanted (`vfs.processes`)."""

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


def share(
    source: ObjectCache, target: ObjectCache, digest: Digest, *, is_tree: bool = False
) -> None:
    """Put an object of one cache into another: a hard link where there can be one, else its bytes.

    Raises:
        DataUnavailable, ContentMismatch: the source does not have it right.
        StoreFull, StoreError: the target cannot be written.
    """
    path = target.path(digest, is_tree=is_tree)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.link(source.path(digest, is_tree=is_tree), path, follow_symlinks=False)
        return
    except OSError:  # another disk, or something wrong is there
        descriptor = source.open(digest, is_tree=is_tree)
    try:
        target.receive(digest, _filler(descriptor), is_tree=is_tree)
    finally:
        os.close(descriptor)


def _filler(descriptor: int) -> Fill:
    return lambda view: os.readv(descriptor, [view])
