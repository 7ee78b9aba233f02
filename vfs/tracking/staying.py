"""`vfs add --no-copy`: contents are hashed and stay where they are (`vfs.state.homes`).

Rules:

* What a cache has already needs no home; what a symlink leads to lies outside and is copied.
* A file whose last change may be too young for its times to tell of another one is hashed again when it is old enough.
* The files are on the disk before `settle` returns, as objects are before a pointer names them.
"""

import os
import time
from typing import Final

from vfs.errors import DataUnavailable
from vfs.objects import ObjectCache, hash_source
from vfs.objects.filesystem import sync_filesystem
from vfs.state.homes import Home
from vfs.tracking.contents import Content
from vfs.tracking.homes import HomeCache
from vfs.types import Digest

_BATCH: Final = 1024
_RACY: Final = 0.1  # seconds; as in `vfs.state.files`


class Staying:
    """Takes the files of one out, in one thread."""

    def __init__(self, top: bytes, cache: ObjectCache, homes: HomeCache) -> None:
        self._top = top
        self._cache = cache
        self._homes = homes
        self._waiting: list[tuple[Digest, Home]] = []
        self._young: list[tuple[bytes, Digest]] = []

    def take(self, content: Content) -> None:
        """Let a content stay. Raises DataUnavailable, StoreFull, StoreError."""
        file, digest = content.file, content.digest
        if file.link:
            self._cache.ingest(self._top + b"/" + file.path, digest.algorithm, follow=True)
        elif not self._cache.trusted(digest, size=file.fingerprint.size):
            self._waiting.append((digest, Home(file.path, file.fingerprint)))
            if content.read and file.fingerprint.ctime > time.time_ns() - int(_RACY * 1e9):
                self._young.append((file.path, digest))
            if len(self._waiting) >= _BATCH:
                self._record()

    def settle(self) -> None:
        """All of it may be named now.

        Raises:
            DataUnavailable: a file changed meanwhile.
            StoreError: the disk failed.
        """
        self._record()
        if self._young:
            time.sleep(_RACY)
        for path, digest in self._young:
            if hash_source(self._top + b"/" + path, digest.algorithm)[0] != digest:
                raise DataUnavailable(
                    f"{os.fsdecode(path)} changes while it is read",
                    hint="let its writer end, then try again",
                )
        descriptor = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_filesystem(descriptor, os.fsdecode(self._top))
        finally:
            os.close(descriptor)
        self._homes.homes.sync()

    def _record(self) -> None:
        """Contents that are at home somewhere stay recorded there, with what is known of remotes."""
        waiting, self._waiting = self._waiting, []
        known = self._homes.intact([digest for digest, _ in waiting])
        self._homes.homes.keep(
            one for one, home in zip(waiting, known, strict=True) if home is None
        )
