"""The DVC caches of one store as one place: the first is written to, all are read."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from vfs.errors import ContentMismatch, DataUnavailable, FormatError, StoreError, Unsupported
from vfs.formats.dirlisting import MAX_BYTES, ListingEntry, iter_listing
from vfs.objects import ObjectCache
from vfs.objects.relay import share
from vfs.tracking.homes import HomeCache, home_cache
from vfs.types import Digest
from vfs.workspace.stores import DvcStore


class Caches:
    """Blocking and thread-safe.

    Attributes:
        all: the caches.
        homes: working files that hold what the caches may lack; None if there never were any.
    """

    def __init__(self, store: DvcStore) -> None:
        """Raises Unsupported: the repository has no place for a cache."""
        if not store.caches:
            raise Unsupported(
                "a repository without a working tree has no DVC cache",
                hint="clone it, or set cache.dir to an absolute path",
            )
        self.all = [ObjectCache(path, shared=store.shared) for path in store.caches]
        self.homes: HomeCache | None = home_cache(store)

    @property
    def home(self) -> ObjectCache:
        """The one that is written to."""
        return self.all[0]

    def holder(
        self, digest: Digest, *, is_tree: bool = False, size: int | None = None
    ) -> ObjectCache | None:
        """A cache that has an object with the right content.

        What does not say so, or has another size than is known, is hashed, and so are listings.
        """
        doubtful = []
        for cache in self.all:
            trust = cache.trust(digest, is_tree=is_tree, size=size)
            if trust and not is_tree:
                return cache
            if trust is not None:
                doubtful.append(cache)
        for cache in doubtful:
            try:
                if cache.verify(digest, is_tree=is_tree):
                    return cache
            except DataUnavailable:
                continue
        return None

    @property
    def readable(self) -> Iterable[ObjectCache]:
        """Everything that a content can be read from."""
        return self.all if self.homes is None else (*self.all, self.homes)

    def has(self, digest: Digest, *, is_tree: bool = False, size: int | None = None) -> bool:
        """Whether nothing need be fetched: a cache has an object, or a working file is its home."""
        at_home = not is_tree and self.homes is not None
        return self.holder(digest, is_tree=is_tree, size=size) is not None or (
            at_home and self.homes is not None and self.homes.home(digest) is not None
        )

    def settle(self, digest: Digest, *, is_tree: bool = False, size: int | None = None) -> bool:
        """`has`; what only another cache has gets into the first one, where dvc looks for it, as a hard link if that can be.

        Raises:
            StoreFull, StoreError: the first cache cannot be written.
        """
        holder = self.holder(digest, is_tree=is_tree, size=size)
        if holder is None:
            return self.has(digest, is_tree=is_tree, size=size)
        if holder is not self.home:
            try:
                share(holder, self.home, digest, is_tree=is_tree)
            except (DataUnavailable, ContentMismatch):
                return False
        return True

    def elsewhere(self, digest: Digest, size: int) -> bool:
        """Whether a content of the working tree may go from there: a cache has it, or a remote has what had its home here."""
        return self.holder(digest, size=size) is not None or (
            self.homes is not None and self.homes.pushed(digest)
        )

    def only_at_home(self, digest: Digest, size: int) -> bool:
        """Whether no cache has what had its home in the working tree; a remote that got it once may have lost it since."""
        return (
            self.homes is not None
            and self.homes.pushed(digest)
            and self.holder(digest, size=size) is None
        )

    def take(self, path: bytes, digest: Digest, mtime: int) -> None:
        """Let a working file that is about to go be the object of what it held when it was written last (ns); where a program has it open for writing, a copy.

        Raises:
            DataUnavailable: it changes while it is read, or holds something else.
            StoreFull, StoreError: the cache cannot be written.
        """
        with suppress(StoreError):  # of another file system: copied
            if os.lstat(path).st_nlink == 1 and self.home.adopt(path, digest, mtime):
                return
        if self.home.ingest(path, digest.algorithm).digest != digest:
            raise DataUnavailable(f"{os.fsdecode(path)} changed while it was looked at")

    def nowhere(self, digest: Digest) -> DataUnavailable:
        """What it means that neither a cache nor a remote has a content."""
        changed = self.homes.changed(digest) if self.homes is not None else b""
        if changed:
            shown = changed.decode("utf-8", "backslashreplace")
            return DataUnavailable(
                f"{shown} was the only place of what it held, and changed before it was pushed",
                hint=HomeCache.mends,
            )
        return DataUnavailable(
            "it is neither in the cache nor on any remote", hint="run `vfs push` where it is"
        )

    def listing(self, digest: Digest) -> Iterator[ListingEntry]:
        """The files of a tracked directory, in the order of its listing.

        Raises:
            DataUnavailable: no cache has the listing.
            ContentMismatch: it is damaged where it is.
            FormatError: while iterating: it is none, or names what may not be named.
        """
        data = self._read(digest)
        for entry in iter_listing(data, file=f"{digest.hex}.dir", algorithm=digest.algorithm):
            if not isinstance(entry, ListingEntry):
                raise FormatError(entry.message)
            yield entry

    def _read(self, listing: Digest) -> bytes:
        """Its bytes, from the first cache that has it right; else the most telling error."""
        failure: DataUnavailable | ContentMismatch | None = None
        for cache in self.all:
            try:
                return cache.read(listing, is_tree=True, limit=MAX_BYTES)
            except (DataUnavailable, ContentMismatch) as error:
                failure = failure if isinstance(failure, ContentMismatch) else error
        assert failure is not None
        raise failure
