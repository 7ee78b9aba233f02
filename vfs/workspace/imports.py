"""`dvc import`: data that belongs to another Git repository.

The own DVC cache comes first (`dvc pull` puts imported data there). Otherwise the leaf is what the
source's own snapshot has at that path and commit, as DVC projects it (`projection`), with the
source's own caches and remotes; so an import of an import, of files Git tracks, or without a hash
works the same way. Only if the source cannot be reached are the own remotes asked.

Rule: where the pointer has a hash, nothing else is served. A single file is named by that hash, so
its bytes are compared when they are read. Of a directory the listing is made from the source and
its hash compared before it is shown; then it is remembered like any other listing.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from blake3 import blake3

from vfs import own_mount
from vfs.catalog import TreeEntry
from vfs.errors import DataUnavailable, UnknownPath, VfsError
from vfs.formats.dirlisting import listing_digest
from vfs.formats.values import ImportSource, Out
from vfs.transfer import Place
from vfs.types import Algorithm, Blob, Digest, Entry, Kind, Problem, Severity
from vfs.workspace.directory import Directory, TreeDirectory
from vfs.workspace.graft_outs import Grafted, OutGrafter
from vfs.workspace.hashes import MD5_KINDS, Hashes
from vfs.workspace.import_refs import Base, Trail, ref_text
from vfs.workspace.listings import Listing, Listings
from vfs.workspace.origins import DvcOrigin, ImportOrigin, ImportRef
from vfs.workspace.outs import Claim
from vfs.workspace.places import DeferredPlace, dvc_places
from vfs.workspace.pointers import Progress
from vfs.workspace.projection import Item
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore
from vfs.workspace.taken import Taking


class Source(NamedTuple):
    """What an import's source has at the imported path, which of Git's files DVC does not see, and what is wrong there."""

    found: Entry | Directory
    hides: Callable[[bytes], bool]
    problems: Sequence[Problem] = ()


OpenSource = Callable[[ImportRef, Trail], Source]
"""Builds the source's snapshot of the path; raises a VfsError."""


class ImportGrafter:
    """Makes leaves of `dvc import` outs of one snapshot."""

    def __init__(
        self,
        session: Session,
        grafter: OutGrafter,
        listings: Listings,
        open_source: OpenSource,
        hashes: Hashes,
        base: Base,
        trail: Trail,
        time: int,
        progress: Progress,
    ) -> None:
        self._session = session
        self._grafter = grafter
        self._listings = listings
        self._open_source = open_source
        self._taking = Taking(session, lambda ref: open_source(ref, trail).found)
        self._hashes = hashes
        self._base = base
        self._trail = trail
        self._time = time
        self._progress = progress

    def graft(self, claim: Claim, store: DvcStore) -> Grafted:
        """The leaf of a claim.

        Raises:
            VfsError: why there is none.
        """
        source = claim.source
        assert isinstance(source, ImportSource)
        ref = self._base.reference(source)
        out = claim.out
        if out.digest is not None:
            own = self._own(out, store, ref, local_only=True)
            if own is not None:
                return own
        try:
            self._progress("import", 0, None)
            source_has = self._open_source(ref, self._trail)
            made = self._of_source(out, source_has, ref, DvcOrigin(store, out.remote))
            told = {problem.path for problem in made.problems}
            further = _further(source_has.problems, ref, out.path)
            more = (problem for problem in further if problem.path not in told)
            return made._replace(problems=(*made.problems, *more))
        except DataUnavailable:
            raise  # the source answered: it has something else
        except VfsError as error:
            own = self._own(out, store, ref, local_only=False) if out.digest is not None else None
            if own is None:
                raise
            message = f"the source of this import cannot be reached: {error.message}"
            hint = (
                error.hint
                or "mend its URL in the pointer; nobody but this repository's own caches and remotes is asked for the content"
            )
            # A listing was read; that the bytes of a single file are there, nobody has seen.
            severity = Severity.NOTE if out.is_tree else Severity.BROKEN
            problem = Problem(
                out.path, "import-source", message, hint, severity, silent=error.retryable
            )
            return own._replace(problems=(*own.problems, problem))

    def _own(
        self, out: Out, store: DvcStore, ref: ImportRef, *, local_only: bool
    ) -> Grafted | None:
        """The leaf from the repository's own objects, None if they are not (all) there."""
        assert out.digest is not None
        objects = DvcOrigin(store, out.remote)
        if not out.is_tree:
            held = _held(store, self._session, objects, out)
            if local_only and not held:
                return None
            try:
                return Grafted(self._grafter.file(out, store, ImportOrigin(objects, ref)))
            except DataUnavailable:
                return None
        try:
            listing = self._listings.get(
                out.digest, store, out.remote, self._time, self._progress, local_only=local_only
            )
        except VfsError:
            return None
        if listing.missing:
            return None
        return self._grafter.tree(out.path, listing, lambda tree: ImportOrigin(objects, ref, tree))

    # From the source --------------------------------------------------------------------------

    def _of_source(self, out: Out, source: Source, ref: ImportRef, objects: DvcOrigin) -> Grafted:
        """What the source has, if it is what the pointer says.

        Raises:
            DataUnavailable: it is something else.
        """
        found = source.found
        if isinstance(found, Entry) and found.kind is Kind.SYMLINK and out.digest is not None:
            text = self._hashes.of(found, out.digest.algorithm)
            if out.is_tree or text != out.digest:
                found = self._taking.follow(found, b"", found, ref, {}) or found
        if isinstance(found, Directory):
            if out.digest is not None and not out.is_tree:
                raise DataUnavailable(f"{ref_text(ref)} is a directory, the pointer says a file")
            return self._directory(out, found, source.hides, ref, objects)
        if found.kind is Kind.BROKEN or found.digest is None:
            raise DataUnavailable(f"{ref_text(ref)} cannot be served: {found.problem}")
        if out.digest is not None and out.is_tree:
            raise DataUnavailable(f"{ref_text(ref)} is a file, the pointer says a directory")
        return Grafted(self._file(out, found, ref, objects))

    def _file(self, out: Out, found: Entry, ref: ImportRef, objects: DvcOrigin) -> Entry:
        name = out.path.rpartition(b"/")[2]
        kind = Kind.EXECUTABLE if out.executable else Kind.FILE
        if out.digest is None:
            return found._replace(name=name, kind=kind)
        actual = self._hashes.of(found, out.digest.algorithm)
        if actual is not None and actual != out.digest:
            raise _other(ref, f"{actual}", out.digest)
        number = self._session.origins.number(ImportOrigin(objects, ref))
        return Entry(name, kind, out.digest, found.size, found.mtime, number)

    def _directory(
        self,
        out: Out,
        found: Directory,
        hides: Callable[[bytes], bool],
        ref: ImportRef,
        objects: DvcOrigin,
    ) -> Grafted:
        if out.digest is None and isinstance(found, TreeDirectory):
            return Grafted(found)
        if out.digest is None:
            return self._unhashed(out, self._taking.items(found, hides, ref), ref, objects)
        listing = self._listings.recall(out.digest)  # the source may have met it by that very name
        if listing is None or listing.missing:
            listing = self._proven(out.digest, self._taking.items(found, hides, ref), found, ref)
        return self._grafter.tree(out.path, listing, lambda tree: ImportOrigin(objects, ref, tree))

    def _unhashed(
        self, out: Out, items: Sequence[Item], ref: ImportRef, objects: DvcOrigin
    ) -> Grafted:
        """A directory that was imported without its content: whatever the source has."""
        problems, entries = [], []
        for path, entry, digest in items:
            if digest is None:
                digest = Digest(Algorithm.PLACE, blake3(entry.problem.encode()).digest())
            if entry.kind is Kind.BROKEN:
                problems.append(Problem(out.path + b"/" + path, "import-source", entry.problem))
                entries.append(TreeEntry(path, Kind.BROKEN, digest, -1, entry.mtime))
            else:
                entries.append(TreeEntry(path, Kind.FILE, digest, entry.size, entry.mtime))
        tree = self._session.catalog.build_tree(entries, mtime=self._time)
        made = self._grafter.tree(out.path, Listing(tree), lambda t: ImportOrigin(objects, ref, t))
        return made._replace(problems=tuple(problems))

    def _proven(
        self, wanted: Digest, items: Sequence[Item], found: Directory, ref: ImportRef
    ) -> Listing:
        """The listing of the source's directory, if it has the wanted hash.

        Raises:
            DataUnavailable: it has another, or cannot be told.
        """
        links = any(item.entry.kind is Kind.SYMLINK for item in items)
        for following in (True, False) if links else (False,):
            if following:
                entries = self._entries(self._taking.followed(items, found, ref), wanted.algorithm)
            else:
                entries = self._entries(items, wanted.algorithm)
            actual = listing_digest((entry.path, entry.digest.hex) for entry in entries)
            if actual == wanted.value:
                return self._listings.proven(wanted, entries, self._time)
        raise _other(ref, f"{Digest(wanted.algorithm, actual)}.dir", wanted)

    def _entries(self, items: Sequence[Item], algorithm: Algorithm) -> list[TreeEntry]:
        """The files with their hashes.

        DVC 2's hash of a content is mostly that of DVC 3, so it is tried; the listing's hash decides.

        Raises:
            DataUnavailable: the hash of one is not known.
        """
        entries = []
        hashed = self._hashes.many([item.entry for item in items], algorithm)
        for (path, entry, digest), known in zip(items, hashed, strict=True):
            actual = known
            if actual is None and digest is not None and digest.algorithm in MD5_KINDS:
                actual = Digest(algorithm, digest.value)
            if actual is None:
                shown = path.decode("utf-8", "backslashreplace")
                raise DataUnavailable(
                    f"the source's {shown} cannot be compared with the pointer: "
                    + (entry.problem or f"{digest} is not on this machine"),
                    hint="run `dvc pull` on the import: what lies in the DVC cache is served",
                )
            broken = entry.kind is Kind.BROKEN
            size = -1 if broken else entry.size
            kind = Kind.BROKEN if broken else Kind.FILE
            entries.append(TreeEntry(path, kind, actual, size, entry.mtime))
        return entries


def import_places(
    session: Session,
    origin: ImportOrigin,
    blob: Blob,
    find: Callable[[ImportRef, bytes, Blob], list[Place]],
) -> list[Place]:
    """The own caches and remotes, then the source.

    `find(ref, path, blob)` gives the places of the file at a path below the source.
    """

    def of_source() -> list[Place]:
        below = b""
        if origin.tree:
            path = session.path_in_tree(origin.tree, blob.digest)
            if path is None:
                raise UnknownPath("the imported directory has no such content")
            below = path
        return find(origin.source, below, blob)

    own = dvc_places(session, origin.objects, blob)
    source = DeferredPlace(f"import:{ref_text(origin.source)}", of_source)
    caches = [place for place in own if place.local]
    return [*caches, source, *(place for place in own if not place.local)]


def _held(store: DvcStore, session: Session, objects: DvcOrigin, out: Out) -> bool:
    """Whether a cache has the file (its size is learned elsewhere)."""
    assert out.digest is not None
    from vfs.formats.layout import object_path

    caches = [cache for cache in store.caches if not own_mount.holds(cache)]
    return any(os.path.isfile(os.path.join(c, object_path(out.digest))) for c in caches)


def _other(ref: ImportRef, actual: str, wanted: Digest) -> DataUnavailable:
    return DataUnavailable(
        f"{ref_text(ref)} has {actual}, the pointer says {wanted}",
        hint="run `vfs update` and commit the pointer",
    )


def _further(problems: Sequence[Problem], ref: ImportRef, path: bytes) -> Iterator[Problem]:
    """What is wrong with imports that the source has itself, told of the import's own paths."""
    for problem in problems:
        below = problem.path.removeprefix(ref.path) if ref.path else b"/" + problem.path
        inside = problem.path.startswith(ref.path) and below[:1] in (b"", b"/")
        if problem.code == "import-source" and inside:
            message = f"{ref_text(ref)}: {problem.message}"
            yield problem._replace(path=path + below, message=message)
