"""Reading a portion of working files; a process of its own may do it (`vfs.processes`)."""

from collections.abc import Sequence

from vfs.objects import Fingerprint, ObjectCache, hash_source
from vfs.tracking.file import File
from vfs.types import Algorithm, Digest

Read = list[tuple[Digest, Fingerprint]]
"""For each file its digest, and the fingerprint it had before and after it was read."""


def read(
    top: bytes, algorithm: Algorithm, cache: ObjectCache | None, files: Sequence[File]
) -> Read:
    """Hash files; put their contents into a cache.

    Args:
        top: the working tree, absolute.
        algorithm: MD5, or MD5_DOS2UNIX for an out in its old form.
        cache: None: they are only hashed.
        files: of the working tree.

    Raises:
        DataUnavailable: a file cannot be read, or changes while it is.
        StoreFull, StoreError: the cache cannot be written.
    """
    found: Read = []
    for file in files:
        path = top + b"/" + file.path
        if cache is None:
            found.append(hash_source(path, algorithm, follow=file.link))
        else:
            put = cache.ingest(path, algorithm, follow=file.link, seen=file.fingerprint)
            found.append((put.digest, put.fingerprint))
    return found
