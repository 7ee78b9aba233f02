"""The DVC caches of one store as one place: the first is written to, all are read."""

from collections.abc import Iterable, Iterator

from vfs.errors import DataUnavailable, FormatError, Unsupported
from vfs.formats.dirlisting import MAX_BYTES, ListingEntry, iter_listing
from vfs.objects import ObjectCache
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

    @property
    def readable(self) -> Iterable[ObjectCache]:
        """Everything that a content can be read from."""
        return self.all if self.homes is None else (*self.all, self.homes)

    def has(self, digest: Digest, *, is_tree: bool = False) -> bool:
        """Whether nothing need be fetched: a cache has an object, or a working file is its home."""
        at_home = not is_tree and self.homes is not None
        return self.holder(digest, is_tree=is_tree) is not None or (
            at_home and self.homes is not None and self.homes.home(digest) is not None
        )

    def elsewhere(self, digest: Digest) -> bool:
        """Whether a content of the working tree may go from there: a cache has it, or a remote has what had its home here."""
        return self.holder(digest) is not None or (
            self.homes is not None and self.homes.pushed(digest)
        )

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
            FormatError: while iterating: it is none, or names what may not be named.
        """
        cache = self.holder(digest, is_tree=True) or self.home
        data = cache.read(digest, is_tree=True, limit=MAX_BYTES)
        for entry in iter_listing(data, file=f"{digest.hex}.dir", algorithm=digest.algorithm):
            if not isinstance(entry, ListingEntry):
                raise FormatError(entry.message)
            yield entry
