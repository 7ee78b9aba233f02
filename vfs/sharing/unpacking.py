"""Small files out of a range of a pack into the cache; a process of its own may do it (`vfs.processes`)."""

from collections.abc import Iterable

from vfs.errors import ContentMismatch, FormatError
from vfs.formats.zstd import Buffer, Decompressor
from vfs.objects import ObjectCache
from vfs.objects.copying import filler
from vfs.packed.bulk import Small, chunk_in
from vfs.types import Algorithm, Digest


def unpack(
    cache: ObjectCache, algorithm: Algorithm, data: Buffer, smalls: Iterable[Small]
) -> list[str | None]:
    """Put files into a cache.

    Args:
        cache: what gets them.
        algorithm: that names them.
        data: of the range.
        smalls: the files in it.

    Returns:
        For each what is wrong with it; None: it is there.

    Raises:
        StoreFull, StoreError: the cache cannot be written.
    """
    opener = Decompressor()
    return [_put(cache, algorithm, data, small, opener) for small in smalls]


def _put(
    cache: ObjectCache, algorithm: Algorithm, data: Buffer, small: Small, opener: Decompressor
) -> str | None:
    digest = Digest(algorithm, small.value)
    try:
        plain = chunk_in(data, small.start, small.stored, small.id, small.size, opener)
        cache.receive(digest, filler((plain,)))
    except (FormatError, ContentMismatch) as error:
        return error.message
    return None
