"""A tracked directory's `.dir` object -> a tree in the catalog, built once per listing and machine.

Steps: fetch the object (`vfs.workspace.listed`); stream its entries; look up their sizes in
batches; have `vfs.workspace.sizes` find the unknown ones; stream them again to build the tree.

Notes in the catalog, by the listing's digest: `dir-1` -> tree id, whether it is complete, problems;
`dir-missing-2` -> tree id, the digests whose size is unknown, or was doubted since. An incomplete tree is served as it is, its
unknown files BROKEN, doubted ones with the size they had, and only those digests are asked for again, at most once a minute, unless a
remote gave no answer. Whether a doubt is one of a size of the tree is found out once, by comparing the whole tree with the facts.

Memory: 16 bytes per file, and the unknown digests: 200 bytes per file if all are, at most 800 MB, since
large listings are built one at a time. A listing that is not sorted by path (DVC sorts
them) is held as a whole, and may have `MOST_UNSORTED` entries.
"""

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, NamedTuple

from vfs.catalog import Conflict, Fact, Tree, TreeEntry, check_order
from vfs.core.paths import show
from vfs.errors import FormatError, StoreError
from vfs.formats.dirlisting import ListingEntry, iter_listing
from vfs.types import Digest, Kind, Problem
from vfs.workspace.listed import ListedObject
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.sizes import Sizes, Unsized
from vfs.workspace.stores import DvcStore

LISTING_KEY = b"dir-1\0"
MISSING_KEY = b"dir-missing-2\0"
MOST_UNSORTED = 1_000_000

_BATCH = 8192
_ID_SIZE = 32  # of a tree
_LARGE = 16 << 20  # bytes, some 200,000 files
_KEPT_PROBLEMS = 50
_KEPT_MISSING = 1_000_000
_RETRY_SECONDS = 60
_UNKNOWN = -1


class Listing(NamedTuple):
    """A tracked directory, ready to be served.

    Attributes:
        tree: the catalog tree, open: nobody forgets it.
        missing: number of files whose size nobody knows.
        problems: (path in the directory, code, sentence) of what is wrong inside.
        reasons: why sizes are missing.
        silent: a remote that may know them gave no answer in time.
        doubts: `Catalog.doubts` before it was built, or last compared with the facts, in hexadecimal.
        doubted: number of files whose size was doubted, and nobody has told since.
    """

    tree: Tree
    missing: int = 0
    problems: tuple[Problem, ...] = ()
    reasons: tuple[str, ...] = ()
    silent: bool = False
    doubts: str = ""
    doubted: int = 0


class Listings:
    """Builds and remembers trees of tracked directories; thread-safe."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._catalog = session.catalog
        self._tried: dict[bytes, tuple[float, Unsized]] = {}

    def recall(self, digest: Digest) -> Listing | None:
        """The tree of a listing, if this machine has built it; noted for packed remotes."""
        note = self._catalog.recall(LISTING_KEY + digest.key)
        if note is None:
            return None
        try:
            tree = self._catalog.open_tree(note[:_ID_SIZE])
            details = json.loads(note[_ID_SIZE:])
            problems = tuple(
                Problem(bytes.fromhex(path), code, message, heals=False)
                for path, code, message in details["problems"]
            )
            self._session.listed.note(digest, tree.tree_id)
            missing, doubts = int(details["missing"]), str(details.get("doubts", ""))
            doubted = int(details.get("doubted", 0))
            return Listing(tree, missing, problems, doubts=doubts, doubted=doubted)
        except (StoreError, ValueError, KeyError, TypeError):
            return None  # a tree that was forgotten or lost, or a damaged note: build it again

    def get(
        self,
        digest: Digest,
        store: DvcStore,
        remote: str | None,
        time: int,
        progress: Progress,
        *,
        local_only: bool = False,
    ) -> Listing:
        """The tree of a listing, built if need be.

        Args:
            digest: of the `.dir` object.
            store: where to look.
            remote: the out's own remote.
            time: seconds; when contents that are new here are first seen.
            progress: told (stage, done, total).
            local_only: ask no remote.

        Raises:
            DataUnavailable: no place has the `.dir` object.
            FormatError: it is not a listing.
        """
        with self._session.locks.holding(b"dir" + digest.key):
            doubts = self._catalog.doubts.hex()
            known = self.recall(digest)
            if known is not None and known.doubts != doubts:
                known = self._compared(known, digest, doubts)
            if known is not None and not known.missing and not known.doubted:
                return known
            builder = _Builder(self._session, digest, store, remote, time, progress, local_only)
            if known is not None:
                return self._again(known, digest, builder)
            return self._keep(digest, builder, builder.build())

    def _compared(self, known: Listing, digest: Digest, doubts: str) -> Listing:
        """What is known of a listing, and how many sizes of its tree are no facts any more; kept until the next doubt."""
        unsized, doubted = set(), 0
        for entry, fact in self._facts_of(known.tree):
            if entry.size < 0 or fact is None or fact[0] != entry.size:
                unsized.add(entry.digest.value)
                doubted += entry.size >= 0
        compared = known._replace(doubts=doubts, doubted=doubted)
        self._remember(digest, compared, unsized)
        if doubted:
            self._tried.pop(digest.key, None)
        return compared

    def _facts_of(self, tree: Tree) -> Iterator[tuple[TreeEntry, Fact | None]]:
        entries = tree.walk()
        while part := list(islice(entries, _BATCH)):
            yield from zip(
                part, self._catalog.facts_many([entry.digest for entry in part]), strict=True
            )

    def _resized(self, known: Listing, builder: "_Builder") -> Listing:
        """The tree with the sizes that are facts now; where there is none, an entry stays what it was."""
        missing = doubted = 0

        def entries() -> Iterator[TreeEntry]:
            nonlocal missing, doubted
            for entry, fact in self._facts_of(known.tree):
                if fact is not None:
                    kind = Kind.FILE if entry.kind is Kind.BROKEN else entry.kind
                    yield TreeEntry(entry.path, kind, entry.digest, *fact)
                    continue
                builder.missing.add(entry.digest.value)
                missing += entry.size < 0
                doubted += entry.size >= 0
                yield entry

        tree = self._catalog.build_tree(entries(), mtime=builder.time)
        unsized = builder.unsized
        return known._replace(
            tree=tree,
            missing=missing,
            reasons=unsized.reasons,
            silent=unsized.silent,
            doubted=doubted,
        )

    def proven(self, digest: Digest, entries: Sequence[TreeEntry], time: int) -> Listing:
        """The tree of a listing that was made from its files; the caller compared its hash.

        Args:
            digest: of the `.dir` object with these entries.
            entries: sorted by path; of size -1 where nobody knows it.
            time: seconds; when the listing is first seen.
        """
        missing = sum(1 for entry in entries if entry.size < 0)
        doubts = self._catalog.doubts.hex()
        listing = Listing(self._catalog.build_tree(entries, mtime=time), missing, doubts=doubts)
        if not missing:
            self._remember(digest, listing, [])
        return listing

    def _again(self, known: Listing, digest: Digest, builder: "_Builder") -> Listing:
        """Ask once more for sizes that were missing; rebuild if some were found."""
        now = self._session.clock()
        last, unsized = self._tried.get(digest.key, (0.0, Unsized(set())))
        rest = 0 if unsized.silent else _RETRY_SECONDS
        if now - last < rest and not builder.local_only:
            return known._replace(reasons=unsized.reasons)
        note = self._catalog.recall(MISSING_KEY + digest.key) or b""
        missing = {note[i : i + 16] for i in range(_ID_SIZE, len(note), 16)}
        before = len(missing)
        digests = [Digest(digest.algorithm, value) for value in missing]
        facts = self._catalog.facts_many(digests)
        missing -= {one.value for one, fact in zip(digests, facts, strict=True) if fact}
        builder.find_sizes(missing)
        if missing and len(missing) == before:
            if not builder.local_only:
                self._tried[digest.key] = (now, builder.unsized)
            return known._replace(reasons=builder.unsized.reasons, silent=builder.unsized.silent)
        return self._keep(digest, builder, self._resized(known, builder))

    def _keep(self, digest: Digest, builder: "_Builder", listing: Listing) -> Listing:
        self._remember(digest, listing, builder.missing)
        if listing.missing and not builder.local_only:
            self._tried[digest.key] = (self._session.clock(), builder.unsized)
        return listing

    def _remember(self, digest: Digest, listing: Listing, missing: Iterable[bytes]) -> None:
        details = {
            "missing": listing.missing,
            "doubts": listing.doubts,
            "doubted": listing.doubted,
            "problems": [(p.path.hex(), p.code, p.message) for p in listing.problems],
        }
        tree = listing.tree.tree_id
        self._session.listed.note(digest, tree)
        kept = b"".join(islice(missing, _KEPT_MISSING))
        self._catalog.remember_many(
            [
                (MISSING_KEY + digest.key, tree + kept),
                (LISTING_KEY + digest.key, tree + json.dumps(details).encode()),
            ]
        )


class _Builder:
    """Builds one listing's tree."""

    def __init__(
        self,
        session: Session,
        digest: Digest,
        store: DvcStore,
        remote: str | None,
        time: int,
        progress: Progress,
        local_only: bool,
    ) -> None:
        self._session = session
        self._catalog = session.catalog
        self._digest = digest
        self._store = store
        self._remote = remote
        self.time = time
        self._progress = progress
        self.local_only = local_only
        self._name = f"{digest.hex}.dir"
        self._problems: list[Problem] = []
        self._dropped = 0
        self._doubts = session.catalog.doubts.hex()
        self.missing: set[bytes] = set()
        self.unsized = Unsized(set())

    # The tree ---------------------------------------------------------------------------------

    def build(self) -> Listing:
        """The tree of the listing.

        Raises:
            DataUnavailable: no place has the `.dir` object.
            FormatError: it is no listing.
        """
        listed = ListedObject(self._session, self._digest, self._progress, self.time)
        with listed.fetch(self._store, self._remote, local_only=self.local_only) as data:
            if data.seek(0, os.SEEK_END) < _LARGE:
                return self._build(data)
            with self._session.locks.holding(b"large listing"):
                return self._build(data)

    def _build(self, data: BinaryIO) -> Listing:
        sizes, times, ordered, unknown = self._look_up(data)
        self.find_sizes(unknown)
        self.missing = unknown
        entries = self._entries(data, sizes, times, unknown)
        if not ordered:
            if len(sizes) > MOST_UNSORTED:
                message = f"has {len(sizes)} entries that are not sorted by path"
                raise FormatError(f"{message}; at most {MOST_UNSORTED} are", file=self._name)
            entries = iter(sorted(entries, key=lambda entry: entry[0]))
        kept = check_order(entries, self._conflict)
        tree = self._catalog.build_tree(kept, mtime=self.time)
        if self._dropped > _KEPT_PROBLEMS:
            more = f"and {self._dropped - _KEPT_PROBLEMS} more entries like these"
            message = f"{self._name}: {more}"
            self._problems.append(Problem(b"", "bad-format", message, heals=False))
        broken = len(self.missing)
        unsized = self.unsized
        return Listing(
            tree, broken, tuple(self._problems), unsized.reasons, unsized.silent, self._doubts
        )

    def find_sizes(self, unknown: set[bytes]) -> None:
        """Learn unknown sizes; `unknown` keeps what was not found."""
        if not unknown:
            return
        finder = Sizes(self._session, self._store, self._progress)
        found = finder.find(
            self._digest.algorithm,
            unknown,
            self.time,
            remote=self._remote,
            caches_only=self.local_only,
            listing=self._digest,
        )
        self.unsized = found._replace(digests=set())

    def _look_up(self, data: BinaryIO) -> "tuple[array[int], array[int], bool, set[bytes]]":
        """Known sizes and times by position, whether paths are sorted, and the unknown digests."""
        sizes, times = array("q"), array("q")
        unknown: set[bytes] = set()
        ordered, previous = True, b""
        for batch in self._batches(data, report=True):
            facts = self._catalog.facts_many([entry[1] for entry in batch])
            for (path, digest, _), fact in zip(batch, facts, strict=True):
                if fact is None:
                    unknown.add(digest[1])
                    sizes.append(_UNKNOWN)
                    times.append(0)
                else:
                    sizes.append(fact[0])
                    times.append(fact[1])
                if path < previous:
                    ordered = False
                previous = path
            self._progress("list", len(sizes), None)
        return sizes, times, ordered, unknown

    def _entries(
        self, data: BinaryIO, sizes: "array[int]", times: "array[int]", missing: set[bytes]
    ) -> Iterator[TreeEntry]:
        position = 0
        make, entry_type, plain = tuple.__new__, TreeEntry, Kind.FILE  # a million times
        for batch in self._batches(data, report=False):
            late = [entry[1] for i, entry in enumerate(batch, position) if sizes[i] == _UNKNOWN]
            found = dict(zip(late, self._catalog.facts_many(late), strict=True)) if late else {}
            self._progress("tree", position, len(sizes))
            for path, digest, _ in batch:
                size, time = sizes[position], times[position]
                position += 1
                if size == _UNKNOWN:
                    fact = found[digest]
                    if fact is None:
                        missing.add(digest[1])
                        yield TreeEntry(path, Kind.BROKEN, digest, _UNKNOWN, self.time)
                        continue
                    size, time = fact
                yield make(entry_type, (path, plain, digest, size, time))

    def _batches(self, data: BinaryIO, *, report: bool) -> Iterator[list[ListingEntry]]:
        data.seek(0)
        entries = iter_listing(data, file=self._name, algorithm=self._digest.algorithm)
        while part := list(islice(entries, _BATCH)):
            good = [entry for entry in part if isinstance(entry, ListingEntry)]
            if report and len(good) < len(part):
                for entry in part:
                    if isinstance(entry, Problem):
                        self._drop(entry)
            yield good

    def _conflict(self, conflict: Conflict) -> None:
        other = show(conflict.other)
        reason = (
            "is listed twice" if conflict.reason == "duplicate" else f"lies below the file {other}"
        )
        message = f"{self._name}: {show(conflict.path)} {reason}"
        self._drop(Problem(conflict.path, "bad-format", message, heals=False))

    def _drop(self, problem: Problem) -> None:
        self._dropped += 1
        if len(self._problems) < _KEPT_PROBLEMS:
            self._problems.append(problem)
