"""The DVC caches of one store as one place: the first is written to, all are read."""

from collections.abc import Iterator

from vfs.errors import DataUnavailable, FormatError, Unsupported
from vfs.formats.dirlisting import MAX_BYTES, ListingEntry, iter_listing
from vfs.objects import ObjectCache
from vfs.types import Digest
from vfs.workspace.stores import DvcStore


class Caches:
    """Blocking and thread-safe."""

    def __init__(self, store: DvcStore) -> None:
        """Raises Unsupported: the repository has no place for a cache."""
        if not store.caches:
            raise Unsupported(
                "a repository without a working tree has no DVC cache",
                hint="clone it, or set cache.dir to an absolute path",
            )
        self.all = [ObjectCache(directory) for directory in store.caches]

    @property
    def home(self) -> ObjectCache:
        """The one that is written to."""
        return self.all[0]

    def holder(self, digest: Digest, *, is_tree: bool = False) -> ObjectCache | None:
        """A cache that has an object with the right content; one that does not say so is hashed."""
        doubtful = []
        for cache in self.all:
            trust = cache.trust(digest, is_tree=is_tree)
            if trust:
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

    def listing(self, digest: Digest) -> Iterator[ListingEntry]:
        """The files of a tracked directory, in the order of its listing.

        Raises:
            DataUnavailable: no cache has the listing.
            FormatError: while iterating: it is none, or names what may not be named.
        """
        cache = self.holder(digest, is_tree=True) or self.home
        data = cache.read(digest, is_tree=True, limit=MAX_BYTES)
        for entry in iter_listing(data, file=f"{digest.hex}.dir", algorithm=digest.algorithm):
            if not isinstance(entry, ListingEntry):
                raise FormatError(entry.message)
            yield entry
