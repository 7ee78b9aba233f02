"""The catalog: what snapshots contain, kept on this machine for every process.

Rule: blocking and thread-safe; calls marked loop-safe take microseconds. All of it is a cache:
a lost or damaged page raises StoreError, is forgotten, and the next build stores it again.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from blake3 import blake3

from vfs.catalog.builder import TreeBuilder
from vfs.catalog.collect import TIME, Collected, Rules
from vfs.catalog.entries import TreeEntry
from vfs.catalog.facts import Fact, Facts
from vfs.catalog.page import Page, content_id
from vfs.catalog.pins import BUILDING
from vfs.catalog.root import Root
from vfs.catalog.storage import Storage, close_storage, open_storage
from vfs.catalog.tables import INITIAL_MAP
from vfs.catalog.tree import Tree
from vfs.catalog.unneeded import DAY, RECENT
from vfs.core.lru import Lru
from vfs.errors import StoreError, Unsupported
from vfs.types import Digest

PAGE_CACHE_BYTES = 8 * 1024 * 1024
_LONGEST_KEY = 511  # LMDB's limit
_DOUBTS = b"doubts-1"
_COLLECTED = b"collected"  # a use of the table of uses: when trees were last collected


@dataclass(frozen=True, slots=True)
class CatalogStatistics:
    """What the catalog holds: numbers of records, bytes of its file, and how many of them are used."""

    facts: int
    pages: int
    trees: int
    notes: int
    bytes: int
    used: int
    degraded: bool


class Catalog:
    """Facts, trees and notes in one directory; see `docs/catalog.md` for the formats."""

    def __init__(self, storage: Storage, clock: Callable[[], float]) -> None:
        """Use `Catalog.open`."""
        self._storage = storage
        self._clock = clock
        self._used: set[bytes] = set()  # trees opened since uses were last written
        self._facts = Facts(storage)
        self._pages: Lru[bytes, Page] = Lru(PAGE_CACHE_BYTES)
        self._lost_pages: dict[bytes, tuple[bytes, int]] = {}  # page -> tree that has it, its time
        self._pages_lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        map_size: int = INITIAL_MAP,
        clock: Callable[[], float] = time.time,
    ) -> "Catalog":
        """Open the catalog in `directory` (created 0700), or one in memory if that fails.

        `map_size` is where the address space starts; it grows by itself. `clock` gives seconds since the
        epoch and dates uses.

        Raises:
            StoreError: no place at all to keep it.
            Unsupported: a big-endian machine (columns are read in place).
        """
        if sys.byteorder != "little":
            raise Unsupported("the catalog needs a little-endian machine")
        return cls(open_storage(directory, map_size=map_size), clock)

    def close(self) -> None:
        """Give it back; the last user in the process closes the files."""
        if not self._closed:
            self._closed = True
            with suppress(StoreError):
                self._forget_lost()
                self._write_uses()
            close_storage(self._storage)

    @property
    def degraded(self) -> bool:
        """True if what is learned now will not survive this process."""
        return self._storage.degraded

    @property
    def losses(self) -> int:
        """How often something was found lost or damaged; what it belongs to must be built again."""
        return self._storage.losses

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

    def doubt(self, digest: Digest, size: int) -> None:
        """Forget a size that a place contradicts; trees that were built before are compared with the facts (`doubts`)."""
        if self._facts.doubt(digest, size):
            self.remember(_DOUBTS, os.urandom(8))

    @property
    def doubts(self) -> bytes:
        """Another one each time a size was doubted, by any process."""
        return self.recall(_DOUBTS) or b""

    @property
    def changes(self) -> str:
        """Another one when what was built may not be true any more: something was lost, or a size doubted."""
        return f"{self.losses} {self.doubts.hex()}"

    def first_seen(self, digest: Digest, time: int) -> int:
        """The time (s) at which a content was first seen: kept as `time` if it is new.

        For contents whose size nobody vouches for; a size that is learned later keeps this time.
        """
        return self._facts.first_seen(digest, time)

    def see_first(self, digests: Sequence[Digest], time: int) -> None:
        """Have `first_seen` answer `time` for each of these that is new; one transaction."""
        self._facts.see_first(digests, time)

    # Trees -----------------------------------------------------------------------------------

    def build_tree(self, entries: Iterable[TreeEntry], *, mtime: int) -> Tree:
        """Store a tree, whose id depends on the entries alone, and open it.

        `entries` are sorted by path (`check_order` filters what collides). `mtime` (seconds) is
        kept as the tree's own time if no equal tree was ever known.

        Raises:
            FormatError: the entries are unsorted or collide (both paths are named), or a value
                does not fit.
            StoreError: the catalog failed.
        """
        with self._storage.pins.holding(BUILDING):  # pages found now must be there at the end
            self._forget_lost()
            anew = self.losses > 0  # then pages that are there may be damaged as well
            builder = TreeBuilder(lambda pages: self._storage.put("pages", pages, replace=anew))
            root = builder.build(entries)
            tree_id = content_id(root)
            known = self._storage.get("trees", tree_id)
            if known is None or len(known) == TIME.size:
                record = (known or TIME.pack(mtime)) + root
                self._storage.put("trees", [(tree_id, record)], replace=known is not None)
            return self.open_tree(tree_id)

    def open_tree(self, tree_id: bytes) -> Tree:
        """Open a tree that was built on this machine; no process forgets it while it is open here.

        Raises:
            StoreError: it is unknown or damaged; build it again.
        """
        self._forget_lost()
        self._storage.pins.hold(tree_id)
        try:
            tree = self._open(tree_id)
        except BaseException:
            self._storage.pins.release(tree_id)
            raise
        self._storage.pins.hold_for(tree_id, tree)
        self._used.add(tree_id)
        return tree

    def _open(self, tree_id: bytes) -> Tree:
        record = self._storage.get("trees", tree_id)
        if record is None or len(record) == TIME.size:
            raise StoreError(f"catalog {self._storage.directory}: unknown tree {tree_id.hex()}")
        root = record[TIME.size :]
        if content_id(root) != tree_id:
            self._storage.delete("trees", [tree_id])
            raise self._lost("tree", tree_id)
        (mtime,) = TIME.unpack_from(record)
        return Tree(tree_id, Root(root), mtime, partial(self._page, tree_id, mtime))

    def _page(self, tree_id: bytes, mtime: int, page_id: bytes) -> Page:
        """A page of a tree. Without it the tree is unknown, but for its time, and will be built again."""
        with self._pages_lock:
            page = self._pages.get(page_id)
        if page is not None:
            return page
        data = self._storage.get("pages", page_id)
        if data is None or content_id(data) != page_id:
            with self._pages_lock:  # and not written here, which may be the event loop
                self._lost_pages[page_id] = tree_id, mtime
            raise self._lost("page", page_id)
        page = Page(data)
        with self._pages_lock:
            self._pages.put(page_id, page, len(data))
        return page

    def _forget_lost(self) -> None:
        """Drop the pages that were found lost or damaged and the trees that have them; writes, so it may wait."""
        with self._pages_lock:
            lost, self._lost_pages = self._lost_pages, {}
        if not lost:
            return
        found = ((page_id, self._storage.get("pages", page_id)) for page_id in lost)
        bad = [page_id for page_id, data in found if data is None or content_id(data) != page_id]
        self._storage.delete("pages", bad)
        trees = {tree_id: TIME.pack(mtime) for tree_id, mtime in map(lost.__getitem__, bad)}
        self._storage.put("trees", list(trees.items()), replace=True)

    def _lost(self, what: str, name: bytes) -> StoreError:
        self._storage.losses += 1
        return StoreError(
            f"catalog {self._storage.directory}: {what} {name.hex()} is lost or damaged",
            hint="it is built again when the snapshot is, at the latest by the next mount",
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

    # Upkeep ----------------------------------------------------------------------------------

    def tidy(self, rules: Rules, limit: int) -> Collected | None:
        """Write down what is used; once a day, and while more than `limit` bytes are kept, forget what is not.

        Returns:
            What was forgotten; None if it was not the time, or somebody is building.

        Raises:
            StoreError: the catalog failed.
        """
        self._used.update(self._storage.pins.keys())
        self._write_uses()
        last = self._storage.get("uses", _COLLECTED)
        now = int(self._clock())
        recently = last is not None and abs(now - TIME.unpack(last)[0]) < DAY
        if recently and self._storage.weight("pages", "trees") <= limit:
            return None
        collected = self.collect(rules, limit)
        if collected is not None:
            self._storage.use([_COLLECTED], now)
        return collected

    def collect(self, rules: Rules, limit: int, *, recent: int = RECENT) -> Collected | None:
        """Forget trees that nobody has open, beyond `limit` bytes or long unused; see `vfs.catalog.unneeded`.

        Args:
            rules: for notes.
            limit: bytes of file lists to keep, and a quarter of it for summaries.
            recent: seconds; what was used since then stays in any case.

        Returns:
            What was forgotten; None if a process is building a tree, or keeps a part in memory.

        Raises:
            StoreError: the catalog failed.
        """
        return self._storage.collect(rules, now=int(self._clock()), limit=limit, recent=recent)

    def _write_uses(self) -> None:
        used, self._used = self._used, set()
        if used:
            self._storage.use(used, int(self._clock()))

    def verify(self) -> bool:
        """Whether everything can be read and is what its name says; what is not is dropped. Takes seconds.

        Raises:
            StoreError: the catalog failed.
        """
        return self._storage.verify() and not self._drop_wrong("pages", 0) | self._drop_wrong(
            "trees", TIME.size
        )

    def _drop_wrong(self, table: str, head: int) -> bool:
        """Drop records that are not what their name says, behind `head` bytes that have no name."""
        wrong = [
            key
            for key, value in self._storage.all(table)
            if len(value) != head and content_id(value[head:]) != key
        ]
        self._storage.delete(table, wrong)
        return bool(wrong)

    def statistics(self) -> CatalogStatistics:
        """Numbers for `vfs doctor` and friends."""
        count = self._storage.count
        return CatalogStatistics(
            facts=count("facts"),
            pages=count("pages"),
            trees=count("trees"),
            notes=count("notes"),
            bytes=self._storage.size(),
            used=self._storage.weight("facts", "pages", "trees", "notes", "uses"),
            degraded=self.degraded,
        )


def _note_key(key: bytes) -> bytes:
    """LMDB keys have 1 to 511 bytes; anything else is named by its hash."""
    if 0 < len(key) <= _LONGEST_KEY - 1:
        return b"k" + key
    return b"h" + blake3(key).digest()
