"""Forgetting what can be built again and is not needed: trees, pages, notes about them.

Rule: what a process uses stays (`vfs.catalog.pins`), and so does what was learned for ever: sizes,
and the time at which each content, tree and directory was first seen.

Order: roots, then pages that no root names, then notes. A collector that is killed leaves pages
without a root or notes without a tree; the next one finds both.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from vfs.catalog.page import ID_SIZE
from vfs.catalog.pins import BUILDING, Claims
from vfs.catalog.root import Root
from vfs.catalog.tables import Tables
from vfs.catalog.unneeded import TreeUse, unneeded
from vfs.errors import StoreError

T = TypeVar("T")

TIME: Final = struct.Struct("<q")
"""Seconds since the epoch: a use, and the head of a tree's record that is kept for ever."""

_BATCH: Final = 4096  # records per transaction: others write in between


class Rules(NamedTuple):
    """Which notes are no knowledge for ever.

    Attributes:
        summaries: prefix of keys -> first bytes of the value that stay (0: the note goes).
        bound: prefixes of keys whose values begin with the id of a tree; they go with it.
    """

    summaries: Mapping[bytes, int]
    bound: Sequence[bytes]


class Collected(NamedTuple):
    """What a collection forgot: numbers of trees, pages and notes."""

    trees: int
    pages: int
    notes: int


class Survey(NamedTuple):
    """Trees, those of which no use is known, and the sizes of pages, at one moment."""

    trees: list[TreeUse]
    undated: list[bytes]
    sizes: dict[bytes, int]


def collect(
    tables: Tables, claims: Claims, rules: Rules, *, now: int, limit: int, recent: int
) -> Collected | None:
    """Forget what `unneeded` says and nobody uses; None if somebody is building.

    Raises:
        StoreError: the catalog failed; what was forgotten so far is.
    """
    if not claims.take(BUILDING):
        return None
    found = tables.read(partial(_survey, tables, now), buffers=True)
    tables.put("uses", [(tree, TIME.pack(now)) for tree in found.undated], replace=False)
    goes = unneeded(found.trees, found.sizes, now=now, limit=limit, recent=recent)
    claimed = [use for use in goes if claims.take(use.tree)]
    for part in _parts(claimed):
        tables.write(partial(_forget_trees, tables, part))
    gone = {use.tree for use in claimed}
    named = {page for use in found.trees if use.tree not in gone for page in use.pages}
    dead = sorted(found.sizes.keys() - named)
    for pages in _parts(dead):
        tables.delete("pages", pages)
    notes = _collect_notes(tables, rules, limit)
    return Collected(len(gone), len(dead), notes)


def _survey(tables: Tables, now: int, transaction: Any) -> Survey:
    """A tree of which no use is known counts as used now: who built it has not said so yet, or died."""
    uses = {
        bytes(key): TIME.unpack(value)[0]
        for key, value in transaction.cursor(tables.tables["uses"])
        if len(value) == TIME.size
    }
    trees = []
    for key, record in transaction.cursor(tables.tables["trees"]):
        if len(record) > TIME.size:
            tree = bytes(key)
            trees.append(TreeUse(tree, uses.get(tree, now), len(record), tuple(_pages(record))))
    pages = transaction.cursor(tables.tables["pages"])
    undated = [use.tree for use in trees if use.tree not in uses]
    return Survey(trees, undated, {bytes(key): len(value) for key, value in pages})


def _pages(record: memoryview) -> frozenset[bytes]:
    try:
        return Root(bytes(record[TIME.size :])).page_ids
    except (StoreError, struct.error):
        return frozenset()  # damaged: whoever opens it finds out


def _forget_trees(tables: Tables, uses: Sequence[TreeUse], transaction: Any) -> None:
    for use in uses:
        record = transaction.get(use.tree, db=tables.tables["trees"])
        if record is not None:
            transaction.put(use.tree, record[: TIME.size], db=tables.tables["trees"])
        transaction.delete(use.tree, db=tables.tables["uses"])


def _collect_notes(tables: Tables, rules: Rules, limit: int) -> int:
    """Notes of trees that are gone; and all summaries once they take more than a quarter of the limit."""
    count = 0
    for prefix in rules.bound:
        keys = [key for key, _ in _notes(tables, prefix, 0)]
        for part in _parts(keys):
            count += tables.write(partial(_forget_bound, tables, part))
    found = [
        (key, size, kept)
        for prefix, kept in rules.summaries.items()
        for key, size in _notes(tables, prefix, kept)
    ]
    if sum(len(key) + size for key, size, _ in found) > limit // 4:
        for summaries in _parts(found):
            tables.write(partial(_forget_summaries, tables, summaries))
        count += len(found)
    return count


def _notes(tables: Tables, prefix: bytes, kept: int) -> list[tuple[bytes, int]]:
    """Keys with a prefix whose values have more than `kept` bytes, and how many."""

    def read(transaction: Any) -> list[tuple[bytes, int]]:
        found = []
        head = b"k" + prefix
        cursor = transaction.cursor(tables.tables["notes"])
        for key, value in cursor if cursor.set_range(head) else ():
            if bytes(key[: len(head)]) != head:
                break
            if len(value) > kept or not kept:
                found.append((bytes(key), len(value)))
        return found

    return tables.read(read, buffers=True)


def _forget_bound(tables: Tables, keys: Sequence[bytes], transaction: Any) -> int:
    count = 0
    for key in keys:
        tree = transaction.get(key, db=tables.tables["notes"], default=b"")[:ID_SIZE]
        record = transaction.get(tree, db=tables.tables["trees"], default=b"") if tree else b""
        if len(record) <= TIME.size:
            count += transaction.delete(key, db=tables.tables["notes"])
    return count


def _forget_summaries(
    tables: Tables, notes: Sequence[tuple[bytes, int, int]], transaction: Any
) -> None:
    for key, _, kept in notes:
        note = transaction.get(key, db=tables.tables["notes"])
        if note is not None and kept:
            transaction.put(key, note[:kept], db=tables.tables["notes"])
        elif note is not None:
            transaction.delete(key, db=tables.tables["notes"])


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
