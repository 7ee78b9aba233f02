"""`dvc import-url`: data whose source is a URL or a path of this machine.

The repository's own cache and remotes come first (`dvc push` stores such data like any other). The
source is the last place, and only while it is what was imported:

* `s3://…` and other remotes' URLs: a single file whose ETag or version id was recorded, read with
  If-Match or by version; a directory if the pointer lists its files' versions, or has the hash of
  its files' ETags.
* a local path: if the MD5 of the file there is the recorded one (`source_file`). A directory is hashed whole when no cache or
  remote has its listing. Not for repositories cloned from a URL.

After `--no-download` the out has no hash; then the source's own identity is what is served.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vfs.catalog import Tree
from vfs.errors import DataUnavailable, RemoteUnavailable, StoreError, VfsError
from vfs.formats.dirlisting import listing_digest
from vfs.formats.values import FileEntry, Out, UrlSource
from vfs.transfer import Place
from vfs.types import Algorithm, Blob, Digest, Problem, Severity
from vfs.workspace.graft_outs import Grafted, OutGrafter
from vfs.workspace.listings import Listing, Listings
from vfs.workspace.origins import DvcOrigin, Origin, UrlOrigin, VersionedOrigin
from vfs.workspace.outs import Claim
from vfs.workspace.places import RemotePlace, dvc_places
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.source_file import SourceFilePlace
from vfs.workspace.stores import DvcStore, RemoteRef
from vfs.workspace.url_sources import local_files, remote_files
from vfs.workspace.versioned import digest_of, file_entries, remember

ETAGS_KEY = b"etags-3\0"
"""Note: place and digest of a listing of ETags -> id of its tree."""

_HEX32 = re.compile(r"[0-9a-f]{32}\Z")


class UrlGrafter:
    """Makes leaves of `dvc import-url` outs of one snapshot."""

    def __init__(
        self,
        session: Session,
        grafter: OutGrafter,
        listings: Listings,
        root: Path | None,
        time: int,
        progress: Progress,
    ) -> None:
        """`root` is the working tree that relative paths start in; None if they may not be used."""
        self._session = session
        self._grafter = grafter
        self._listings = listings
        self._root = root
        self._time = time
        self._progress = progress

    def graft(self, claim: Claim, store: DvcStore) -> Grafted:
        """The leaf of a claim.

        Raises:
            VfsError: why there is none.
        """
        out, source = claim.out, claim.source
        assert isinstance(source, UrlSource)
        if source.files is not None:
            return self._versioned(claim, source.files, source, store)
        if out.digest is None:
            return self._undownloaded(claim, source, store)
        return self._hashed(claim, source, store)

    def _hashed(self, claim: Claim, source: UrlSource, store: DvcStore) -> Grafted:
        """An out with a hash: from the own caches and remotes, or a source that is unchanged."""
        out, own = claim.out, DvcOrigin(store, claim.out.remote)

        def origin(tree: bytes) -> Origin:
            return self._origin(own, claim, source, tree)

        if not out.is_tree:
            return Grafted(self._grafter.file(out, store, origin(b"")))
        try:
            return self._grafter.directory(out, store, origin)
        except (DataUnavailable, RemoteUnavailable):
            listing = self._of_directory(claim, source, store)
            if listing is None:
                raise
            return self._grafter.tree(out.path, listing, origin)

    def _of_directory(self, claim: Claim, source: UrlSource, store: DvcStore) -> Listing | None:
        """The listing of a local directory, if it has the out's hash still."""
        found, wanted = self._reference(source.url, claim, store), claim.out.digest
        if found is None or not found[0].local or wanted is None or source.size is None:
            return None
        path = os.path.join(found[0].url.removeprefix("file://"), found[1])
        entries = local_files(path, wanted.algorithm, source.size, self._time)
        if listing_digest((entry.path, entry.digest.hex) for entry in entries) != wanted.value:
            return None
        return self._listings.proven(wanted, entries, self._time)

    def _undownloaded(self, claim: Claim, source: UrlSource, store: DvcStore) -> Grafted:
        """An out that was imported with `--no-download`: the source, as it was recorded.

        Raises:
            DataUnavailable: nothing was recorded, or the source has changed.
        """
        out, place = claim.out, source.place
        if source.digest is not None:
            out = replace(out, digest=source.digest, is_tree=source.is_tree, size=source.size)
            found = self._reference(source.url, claim, store)
            if found is None or found[0].local or not source.is_tree:
                return self._hashed(claim._replace(out=out), source, store)
            return self._by_etags(claim, source, source.digest, store)
        if place is None:
            raise DataUnavailable(
                f"it was imported from {shown_url(source.url)} without its content, and nothing says "
                "which version",
                hint="run `vfs update` and commit the pointer",
            )
        ref, key = self._usable(claim, source, store)
        digest = digest_of(ref, key, None, place)
        out = replace(out, digest=digest, size=source.size)
        origin = self._origin(DvcOrigin(store, out.remote), claim, source, b"")
        return Grafted(self._grafter.file(out, store, origin))

    def _by_etags(
        self, claim: Claim, source: UrlSource, wanted: Digest, store: DvcStore
    ) -> Grafted:
        """A directory at a URL, recorded as a listing of ETags; each file is then read with If-Match."""
        ref, key = self._usable(claim, source, store)
        inner = ref._replace(url=f"{ref.url}/{key}", name=shown_url(source.url))
        note = ETAGS_KEY + inner.service + wanted.key
        tree = self._recall(note)
        if tree is None:
            files = remote_files(self._session.remote(inner))
            actual = listing_digest(((f.path, f.place.etag) for f in files if f.place), "etag")
            if actual != wanted.value:
                raise DataUnavailable(
                    f"its source {shown_url(source.url)} has changed since it was imported",
                    hint="run `vfs update` and commit the pointer",
                )
            entries, lying = file_entries(claim.out, inner, "", files, self._time)
            remember(self._session.catalog, store, inner, lying, said=wanted.value)
            tree = self._session.catalog.build_tree(entries, mtime=self._time)
            self._session.catalog.remember(note, tree.tree_id)
        origin = VersionedOrigin(store, inner, wanted.value)
        return self._grafter.tree(claim.out.path, Listing(tree), lambda _: origin)

    def _recall(self, note: bytes) -> Tree | None:
        """The tree that a note names; None if there is none, or it was forgotten."""
        tree_id = self._session.catalog.recall(note)
        try:
            return None if tree_id is None else self._session.catalog.open_tree(tree_id)
        except StoreError:
            return None

    def _usable(self, claim: Claim, source: UrlSource, store: DvcStore) -> tuple[RemoteRef, str]:
        """The source's parent and name there.

        Raises:
            VfsError: it cannot be read from here.
        """
        found = self._reference(source.url, claim, store)
        if found is None or (found[0].local and store.foreign):
            raise DataUnavailable(f"its source {shown_url(source.url)} cannot be used from here")
        self._session.remote(found[0])
        return found

    def _origin(self, own: DvcOrigin, claim: Claim, source: UrlSource, tree: bytes) -> Origin:
        """The own objects, and the source if it can be used."""
        found = self._reference(source.url, claim, own.store)
        if found is None:
            return own
        ref, key = found
        etag, version = (source.place.etag, source.place.version_id) if source.place else ("", "")
        if not ref.local and (tree or not (etag or version)):
            return own
        return UrlOrigin(own, ref, key, etag, version, tree)

    def _reference(self, url: str, claim: Claim, store: DvcStore) -> tuple[RemoteRef, str] | None:
        root = self._root
        if root is not None:
            root = root / os.fsdecode(claim.pointer.rpartition(b"/")[0])
        return reference(url, root, store)

    def _versioned(
        self, claim: Claim, files: Sequence[FileEntry], source: UrlSource, store: DvcStore
    ) -> Grafted:
        """A directory of which the pointer lists each file's version at the source."""
        out = claim.out
        parent, key = self._usable(claim, source, store)
        ref = parent._replace(url=f"{parent.url}/{key}", name=shown_url(source.url))
        named = self._named(out, files, store)
        entries, lying = file_entries(out, ref, "", named or files, self._time)
        origin = remember(self._session.catalog, store, ref, lying)
        tree = self._session.catalog.build_tree(entries, mtime=self._time)
        made = self._grafter.tree(out.path, Listing(tree), lambda _: origin)
        if out.digest is None or named is not None:
            return made
        message = (
            f"the files are the versions that the pointer names; that together they are {out.digest} "
            "cannot be told without reading them"
        )
        hint = "run `dvc pull` on the import: what lies in the DVC cache is compared"
        problem = Problem(out.path, "unproven-versions", message, hint, Severity.NOTE)
        return made._replace(problems=(*made.problems, problem))

    def _named(
        self, out: Out, files: Sequence[FileEntry], store: DvcStore
    ) -> Sequence[FileEntry] | None:
        """The files with the hashes that the out says they have; None if those are not known."""
        if out.files is not None:
            hashed = {file.path: file for file in out.files}
            return [_merged(file, hashed.get(file.path)) for file in files]
        if out.digest is None:
            return None
        known = self._listed(out.digest, out.remote, store)
        if known is not None and known.keys() == {file.path for file in files}:
            return [file._replace(digest=known[file.path]) for file in files]
        by_etag = [file._replace(digest=_md5_etag(file, out.digest.algorithm)) for file in files]
        digests = [(file.path, file.digest.hex) for file in by_etag if file.digest is not None]
        if len(digests) == len(files) and listing_digest(digests) == out.digest.value:
            return by_etag
        return None

    def _listed(
        self, digest: Digest, remote: str | None, store: DvcStore
    ) -> dict[bytes, Digest] | None:
        """The files of a listing that is on this machine."""
        try:
            listing = self._listings.get(
                digest, store, remote, self._time, self._progress, local_only=True
            )
        except VfsError:
            return None
        return {entry.path: entry.digest for entry in listing.tree.walk()}


def reference(url: str, directory: Path | None, store: DvcStore) -> tuple[RemoteRef, str] | None:
    """A connection to the parent of a source, and the source's name there; None if it may not be used.

    Args:
        url: as a pointer has it.
        directory: that relative paths start in; None if nothing of this machine may be used.
        store: knows the remotes of `remote://NAME/…`.
    """
    if url.startswith("remote://"):
        name, _, path = url.removeprefix("remote://").partition("/")
        base = store.remote(name.lower())
        if base is None:
            return None
        ref, key = base._replace(versioned=False, worktree=False), path
    elif "://" in url:
        parent, _, key = url.rstrip("/").rpartition("/")
        ref = RemoteRef(parent, parent)
    elif directory is None:
        return None
    else:
        path = os.path.normpath(directory / url)
        ref, key = RemoteRef("source", os.path.dirname(path)), os.path.basename(path)
    if (ref.local and directory is None) or not key or ref.url.endswith(":/"):
        return None
    return ref, key


def _md5_etag(file: FileEntry, algorithm: Algorithm) -> Digest | None:
    """What an ETag says of the content, if it is an MD5: of S3 objects that were sent in one part."""
    etag = file.place.etag if file.place is not None else ""
    return Digest(algorithm, bytes.fromhex(etag)) if _HEX32.match(etag) else None


def _merged(file: FileEntry, hashed: FileEntry | None) -> FileEntry:
    """Version and size as the source has them, the hash as the out has it."""
    if hashed is None or file.digest is not None:
        return file
    return file._replace(
        digest=hashed.digest, size=file.size if file.size is not None else hashed.size
    )


def url_places(session: Session, origin: UrlOrigin, blob: Blob) -> list[Place]:
    """The own objects, then the source."""
    found = dvc_places(session, origin.objects, blob)
    key = origin.key
    if origin.tree:
        path = session.path_in_tree(origin.tree, blob.digest)
        if path is None:
            return found
        key = f"{key}/{os.fsdecode(path)}"
    ref = origin.source
    if ref.local:
        found.append(SourceFilePlace(os.path.join(ref.url.removeprefix("file://"), key), blob))
    else:
        etag = "" if origin.version else origin.etag
        found.append(RemotePlace(session, ref, key, blob, version=origin.version, etag=etag))
    return found


def shown_url(url: str) -> str:
    """A URL without credentials and query."""
    return RemoteRef("", url).shown
