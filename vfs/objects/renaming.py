"""Objects of DVC 2 under their names of DVC 3."""

import os
from contextlib import suppress

from vfs.errors import ContentMismatch
from vfs.formats.hashing import hasher_for, new_hasher
from vfs.formats.layout import object_path
from vfs.objects.cache import PIECE, ObjectCache
from vfs.objects.incoming import Incoming
from vfs.types import Algorithm, Digest


def rehash(cache: ObjectCache, old: Digest) -> tuple[Digest, int]:
    """Give an object of DVC 2 its name of DVC 3 too, as a hard link; the new digest and the size.

    Raises:
        DataUnavailable: it is not there.
        ContentMismatch: it is not what its name says.
        StoreFull, StoreError: the cache cannot be written.
    """
    plain = new_hasher(Algorithm.MD5)
    with open(cache.open(old), "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        hasher = hasher_for(old, size)
        buffer = memoryview(bytearray(min(size + 1, PIECE)))
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
            plain.update(buffer[:count])
    if not hasher.matches(old.value):
        raise ContentMismatch(
            f"{object_path(old)} holds something else: it has another {old.algorithm.name}"
        )
    digest = Digest(Algorithm.MD5, plain.digest())
    if not cache.trusted(digest, size=size):
        path = cache.path(digest)
        try:
            os.chmod(cache.path(old), 0o444)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with suppress(FileNotFoundError):
                os.unlink(path)  # it is there and not verified
            os.link(cache.path(old), path)
        except OSError as error:
            raise Incoming(cache.directory).failed(error) from error
    return digest, size
