"""An out of a pointer -> the leaf it puts into a snapshot.

Rule: one claim gives one leaf or raises a `VfsError` whose message becomes the problem on its path.

Sizes of single files: what the pointer says, else the catalog's fact, else the DVC cache's file,
else a HEAD on the remote. The pointer's size is written by DVC together with the hash; it is
believed for the file itself before what a place of another repository may have claimed, but never
becomes a fact about the digest, because a hostile pointer could then spoil a content that other
repositories share. That a content is empty nobody is believed, unless its digest says it. DVC 2's md5-dos2unix gives CRLF and LF
versions of a text one name and one object, so there the pointer's size may be the other version's:
it is only a last resort.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from vfs.errors import DataUnavailable, Offline, RemoteUnavailable, VfsError
from vfs.formats.hashing import believable
from vfs.formats.values import ImportSource, Out, UrlSource
from vfs.offline import HINT, is_offline
from vfs.types import Algorithm, Digest, Entry, Kind, Problem
from vfs.workspace.directory import Directory, TreeDirectory
from vfs.workspace.listings import Listing, Listings
from vfs.workspace.origins import DvcOrigin, Origin
from vfs.workspace.outs import Claim
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.sizes import Sizes, Unsized
from vfs.workspace.stores import DvcStore
from vfs.workspace.versioned import digest_of, file_entries, remember, remote_of

_SHOWN = 3


class Grafted(NamedTuple):
    """A leaf and what is wrong inside it (paths are the repository's)."""

    leaf: Entry | Directory
    problems: tuple[Problem, ...] = ()


ImportGraft = Callable[[Claim, DvcStore], Grafted]


class OutGrafter:
    """Makes leaves of the claims of one snapshot."""

    def __init__(self, session: Session, listings: Listings, time: int, progress: Progress) -> None:
        self._session = session
        self._catalog = session.catalog
        self._listings = listings
        self._time = time
        self._progress = progress
        self._asked: dict[
            tuple[DvcStore, Digest], Unsized
        ] = {}  # nothing but the pointer knows a size

    # Single files -----------------------------------------------------------------------------

    def prepare(self, claims: Sequence[tuple[Claim, DvcStore]]) -> None:
        """Ask for what the catalog does not know of single files at once: caches, then remotes.

        Remotes are asked only for sizes that no pointer records.
        """
        single = [
            (claim.out, claim.out.digest, store)
            for claim, store in claims
            if claim.out.digest is not None
            and not claim.out.is_tree
            and not isinstance(claim.source, ImportSource)
        ]
        facts = self._catalog.facts_many([digest for _, digest, _ in single])
        groups: dict[tuple[DvcStore, str | None, Algorithm], set[bytes]] = {}
        recorded = []
        for (out, digest, store), fact in zip(single, facts, strict=True):
            if fact is None and _recorded(out) is not None:
                recorded.append(digest)
            elif fact is None:
                key = (store, out.remote, digest.algorithm)
                groups.setdefault(key, set()).add(digest.value)
        self._catalog.see_first(recorded, self._time)
        for (store, remote, algorithm), unknown in groups.items():
            finder = Sizes(self._session, store, self._progress)
            found = finder.find(algorithm, unknown, self._time, remote=remote)
            missing = [Digest(algorithm, value) for value in found.digests]
            self._catalog.see_first(missing, self._time)
            why = found._replace(digests=set())
            self._asked |= {(store, digest): why for digest in missing}

    def file(self, out: Out, store: DvcStore, origin: Origin) -> Entry:
        """The entry of a single file with a hash.

        Raises:
            DataUnavailable: nobody knows its size.
            RemoteUnavailable: a remote that may know it gave no answer in time.
        """
        digest = out.digest
        assert digest is not None
        name = out.path.rpartition(b"/")[2]
        kind = Kind.EXECUTABLE if out.executable else Kind.FILE
        number = self._session.origins.number(origin)
        recorded = _recorded(out)
        if recorded is not None:
            return Entry(name, kind, digest, recorded, self.first_seen(digest), number)
        fact = self._catalog.facts(digest)
        if fact is None and (store, digest) not in self._asked:
            fact = self._local_fact(digest, store)
        if fact is not None:
            return Entry(name, kind, digest, fact[0], fact[1], number)
        asked = self._asked.get((store, digest))
        size = out.size if out.size is not None and believable(digest, out.size) else None
        if size is None and asked is not None and asked.silent:
            raise RemoteUnavailable(
                f"the size of {digest} is not known: {'; '.join(asked.reasons)}",
                hint="is the remote reachable? `vfs doctor` checks",
            )
        if size is None and is_offline():
            raise Offline(f"the size of {digest} is not known", hint=HINT)
        if size is None:
            reasons = (
                f" ({'; '.join(asked.reasons)})" if asked is not None and asked.reasons else ""
            )
            raise DataUnavailable(
                f"the size of {digest} is not known: the pointer does not say it, and no cache or "
                f"remote has the object{reasons}",
                hint="run `dvc push` where the data was added",
            )
        return Entry(name, kind, digest, size, self.first_seen(digest), number)

    def _local_fact(self, digest: Digest, store: DvcStore) -> tuple[int, int] | None:
        """What the DVC caches say, learned."""
        finder = Sizes(self._session, store, lambda *_: None)
        finder.find(digest.algorithm, {digest.value}, self._time, caches_only=True)
        return self._catalog.facts(digest)

    def first_seen(self, digest: Digest) -> int:
        """When a content was first named, though perhaps nobody has vouched for its size."""
        return self._catalog.first_seen(digest, self._time)

    # Directories ------------------------------------------------------------------------------

    def directory(self, out: Out, store: DvcStore, origin: Callable[[bytes], Origin]) -> Grafted:
        """The directory of a `.dir` listing; `origin` is given the tree's id.

        Raises:
            DataUnavailable, FormatError: as `Listings.get`.
        """
        assert out.digest is not None
        listing = self._listings.get(out.digest, store, out.remote, self._time, self._progress)
        return self.tree(out.path, listing, origin)

    def tree(self, path: bytes, listing: Listing, origin: Callable[[bytes], Origin]) -> Grafted:
        """A directory of a tree that is built."""
        number = self._session.origins.number(origin(listing.tree.tree_id))
        directory = TreeDirectory(listing.tree, number)
        problems = [
            problem._replace(path=path + b"/" + problem.path if problem.path else path)
            for problem in listing.problems
        ]
        if listing.missing:
            problems.append(_missing(path, directory, listing))
        return Grafted(directory, tuple(problems))

    # Cloud versioning -------------------------------------------------------------------------

    def versioned(self, out: Out, store: DvcStore, root: bytes) -> Grafted:
        """An out whose pointer says where each file lies on a version-aware remote.

        Raises:
            Unsupported: the remote is not known, or may not be used.
            DataUnavailable: a size is missing.
        """
        files = out.files or ()
        place = out.place or next((file.place for file in files if file.place is not None), None)
        ref = remote_of(store, place)
        base = os.fsdecode(out.path[len(root) + 1 :] if root else out.path)
        if out.files is None:
            digest = digest_of(ref, base, out.digest, out.place)
            origin = remember(self._catalog, store, ref, [(digest, base, out.place)])
            return Grafted(self.file(_with(out, digest), store, origin))
        entries, lying = file_entries(out, ref, base, files, self._time)
        times = [self.first_seen(entry.digest) for entry in entries]
        entries = [
            entry._replace(mtime=t)
            if entry.size < 0 or believable(entry.digest, entry.size)
            else entry._replace(mtime=t, kind=Kind.BROKEN, size=-1)
            for entry, t in zip(entries, times, strict=True)
        ]
        origin = remember(self._catalog, store, ref, lying)
        tree = self._catalog.build_tree(entries, mtime=self._time)
        missing = sum(1 for entry in entries if entry.size < 0)
        return self.tree(out.path, Listing(tree, missing), lambda _: origin)

    # All --------------------------------------------------------------------------------------

    def graft(
        self, claim: Claim, store: DvcStore, root: bytes, imports: ImportGraft, urls: ImportGraft
    ) -> Grafted:
        """The leaf of a claim.

        Args:
            claim: what a pointer says.
            store: of the DVC repository the pointer belongs to.
            root: its root.
            imports: makes leaves of `dvc import` outs.
            urls: makes leaves of `dvc import-url` outs.

        Raises:
            VfsError: why there is none.
        """
        out, source = claim.out, claim.source
        if isinstance(source, ImportSource):
            return imports(claim, store)
        if isinstance(source, UrlSource):
            return urls(claim, store)
        if out.files is not None or (out.place is not None and out.place.remote is not None):
            return self.versioned(out, store, root)
        origin = DvcOrigin(store, out.remote)
        if out.is_tree:
            return self.directory(out, store, lambda _: origin)
        return Grafted(self.file(out, store, origin))


def may_wait(claim: Claim) -> bool:
    """Whether making the leaf may ask a remote; single files were asked for by `prepare`."""
    out = claim.out
    return claim.source is not None or out.is_tree or out.files is not None or out.place is not None


def broken(path: bytes, error: VfsError, time: int) -> tuple[Entry, Problem]:
    """The entry and problem of a path that cannot be served."""
    name = path.rpartition(b"/")[2]
    entry = Entry(name, Kind.BROKEN, None, 0, time, 0, error.message)
    hint, silent = error.hint or "", error.retryable
    return entry, Problem(path, error.code, error.message, hint, silent=silent)


def _recorded(out: Out) -> int | None:
    """The size of a single file that its pointer vouches for."""
    if out.digest is None or out.size is None or out.digest.algorithm is Algorithm.MD5_DOS2UNIX:
        return None
    return out.size if believable(out.digest, out.size) else None


def _missing(path: bytes, directory: TreeDirectory, listing: Listing) -> Problem:
    names = []
    for entry in directory.tree.walk():
        if entry.size < 0:
            names.append(entry.path.decode("utf-8", "backslashreplace"))
            if len(names) == _SHOWN:
                break
    shown = ", ".join(names) + (", …" if listing.missing > len(names) else "")
    reasons = "; ".join(listing.reasons) or "no cache or remote has them"
    return Problem(
        path,
        Offline.code if is_offline() else "objects-missing",
        f"{listing.missing} of {directory.tree.count} files cannot be served ({shown}): {reasons}",
        "is the remote reachable? `vfs doctor` checks"
        if listing.silent
        else "run `dvc push` where the data was added",
        silent=listing.silent,
    )


def _with(out: Out, digest: Digest) -> Out:
    return replace(out, digest=digest)
