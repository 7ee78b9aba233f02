"""The catalog: what snapshots contain, kept on this machine for every process.

Rule: blocking and thread-safe; calls marked loop-safe take microseconds. All of it is a cache:
a lost or damaged page raises StoreError, is forgotten, and the next build stores it again.
"""

import struct
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from vfs.catalog.builder import TreeBuilder
from vfs.catalog.entries import TreeEntry
from vfs.catalog.environment import INITIAL_MAP
from vfs.catalog.facts import Fact, Facts
from vfs.catalog.page import Page, content_id
from vfs.catalog.root import Root
from vfs.catalog.storage import Storage, close_storage, open_storage
from vfs.catalog.tree import Tree
from vfs.core.lru import Lru
from vfs.errors import StoreError, Unsupported
from vfs.types import Digest

PAGE_CACHE_BYTES = 8 * 1024 * 1024
_LONGEST_KEY = 511  # LMDB's limit
_TIME = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class CatalogStatistics:
    """What the catalog holds: numbers of records, and bytes on disk."""

    facts: int
    pages: int
    trees: int
    notes: int
    bytes: int
    degraded: bool


class Catalog:
    """Facts, trees and notes in one directory; see `docs/catalog.md` for the formats."""

    def __init__(self, storage: Storage) -> None:
        """Use `Catalog.open`."""
        self._storage = storage
        self._facts = Facts(storage)
        self._pages: Lru[bytes, Page] = Lru(PAGE_CACHE_BYTES)
        self._pages_lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, directory: Path, *, map_size: int = INITIAL_MAP) -> "Catalog":
        """Open the catalog in `directory` (created 0700), or one in memory if that fails.

        `map_size` is where the address space starts; it grows by itself.

        Raises:
            StoreError: no place at all to keep it.
            Unsupported: a big-endian machine (columns are read in place).
        """
        if sys.byteorder != "little":
            raise Unsupported("the catalog needs a little-endian machine")
        return cls(open_storage(directory, map_size=map_size))

    def close(self) -> None:
        """Give it back; the last user in the process closes the files."""
        if not self._closed:
            self._closed = True
            close_storage(self._storage)

    @property
    def degraded(self) -> bool:
        """True if what is learned now will not survive this process."""
        return self._storage.degraded

    # Facts -----------------------------------------------------------------------------------

    def facts(self, digest: Digest) -> Fact | None:
        """Size in bytes and first-seen time of a content, if known (loop-safe)."""
        return self._facts.get(digest)

    def facts_many(self, digests: Sequence[Digest]) -> list[Fact | None]:
        """Facts in the order of `digests`, None where nothing is known."""
        return self._facts.get_many(digests)

    def learn(self, facts: Iterable[tuple[Digest, int, int]]) -> None:
        """Keep (digest, size, mtime) for ever: the first mtime stays, a later size corrects.

        Raises:
            FormatError: a size is negative or does not fit 64 bits.
        """
        self._facts.learn(facts)

    def first_seen(self, digest: Digest, time: int) -> int:
        """The time (s) at which a content was first seen: kept as `time` if it is new.

        For contents whose size nobody vouches for; a size that is learned later keeps this time.
        """
        return self._facts.first_seen(digest, time)

    def see_first(self, digests: Sequence[Digest], time: int) -> None:
        """Have `first_seen` answer `time` for each of these that is new; one transaction."""
        self._facts.see_first(digests, time)

    # Trees -----------------------------------------------------------------------------------

    def build_tree(self, entries: Iterable[TreeEntry], *, mtime: int) -> bytes:
        """Store a tree; returns its id, which depends on the entries alone.

        `entries` are sorted by path (`check_order` filters what collides). `mtime` (seconds) is
        kept as the tree's own time if no equal tree is known yet.

        Raises:
            FormatError: the entries are unsorted or collide (both paths are named), or a value
                does not fit.
            StoreError: the catalog failed.
        """
        builder = TreeBuilder(lambda pages: self._storage.put("pages", pages, replace=False))
        root = builder.build(entries)
        tree_id = content_id(root)
        self._storage.put("trees", [(tree_id, _TIME.pack(mtime) + root)], replace=False)
        return tree_id

    def has_tree(self, tree_id: bytes) -> bool:
        """True if the tree's root is known."""
        return self._storage.get("trees", tree_id) is not None

    def open_tree(self, tree_id: bytes) -> Tree:
        """Open a tree that was built on this machine.

        Raises:
            StoreError: it is unknown or damaged; build it again.
        """
        record = self._storage.get("trees", tree_id)
        if record is None:
            raise StoreError(f"catalog {self._storage.directory}: unknown tree {tree_id.hex()}")
        root = record[_TIME.size :]
        if content_id(root) != tree_id:
            self._storage.delete("trees", [tree_id])
            raise self._damaged("tree", tree_id)
        (mtime,) = _TIME.unpack_from(record)
        return Tree(tree_id, Root(root), mtime, self._page)

    def _page(self, page_id: bytes) -> Page:
        with self._pages_lock:
            page = self._pages.get(page_id)
        if page is not None:
            return page
        data = self._storage.get("pages", page_id)
        if data is None:
            raise self._damaged("page", page_id)
        if content_id(data) != page_id:
            self._storage.delete("pages", [page_id])
            raise self._damaged("page", page_id)
        page = Page(data)
        with self._pages_lock:
            self._pages.put(page_id, page, len(data))
        return page

    def _damaged(self, what: str, name: bytes) -> StoreError:
        return StoreError(
            f"catalog {self._storage.directory}: {what} {name.hex()} is lost or damaged",
            hint="it is a cache: stop vfs, delete the directory, and mount again",
        )

    # Notes -----------------------------------------------------------------------------------

    def remember(self, key: bytes, value: bytes) -> None:
        """Keep a small record, replacing an older one of the same key."""
        self.remember_many([(key, value)])

    def remember_many(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep many small records in one transaction."""
        pairs = sorted((_note_key(key), value) for key, value in items)
        if pairs:
            self._storage.put("notes", pairs, replace=True)

    def recall(self, key: bytes) -> bytes | None:
        """A record kept by `remember` (loop-safe)."""
        return self._storage.get("notes", _note_key(key))

    def recall_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Records in the order of `keys`, None where there is none."""
        names = [_note_key(key) for key in keys]
        found = dict(self._storage.get_sorted("notes", sorted(set(names))))
        return [found.get(name) for name in names]

    def forget(self, key: bytes) -> None:
        """Drop a record."""
        self._storage.delete("notes", [_note_key(key)])

    def statistics(self) -> CatalogStatistics:
        """Numbers for `vfs doctor` and friends."""
        count = self._storage.count
        return CatalogStatistics(
            facts=count("facts"),
            pages=count("pages"),
            trees=count("trees"),
            notes=count("notes"),
            bytes=self._storage.size(),
            degraded=self.degraded,
        )


def _note_key(key: bytes) -> bytes:
    """LMDB keys have 1 to 511 bytes; anything else is named by its hash."""
    if 0 < len(key) <= _LONGEST_KEY - 1:
        return b"k" + key
    return b"h" + blake3(key).digest()
