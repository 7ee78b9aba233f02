"""`dvc import-url`: data whose source is a URL or a path of this machine.

The repository's own cache and remotes come first (`dvc push` stores such data like any other). The
source is the last place, and only while it is what was imported:

* `s3://…` and other remotes' URLs: a single file whose ETag or version id was recorded, read with
  If-Match or by version; a directory if the pointer lists its files' versions.
* a local path: if the MD5 of the file there is the recorded one; it is hashed whole before the
  first byte is served, once per state of the file. Not for repositories cloned from a URL.
"""

import os
import stat
from pathlib import Path

from vfs.errors import DataUnavailable, ObjectMissing, VfsError
from vfs.formats.hashing import new_hasher
from vfs.formats.values import FileEntry, UrlSource
from vfs.transfer import Body, Place
from vfs.types import Blob
from vfs.workspace.bodies import FileBody
from vfs.workspace.graft_outs import Grafted, OutGrafter
from vfs.workspace.listings import Listing
from vfs.workspace.origins import DvcOrigin, Origin, UrlOrigin, VersionedOrigin
from vfs.workspace.outs import Claim
from vfs.workspace.places import RemotePlace, dvc_places
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef
from vfs.workspace.versioned import file_entries, remember

_PIECE = 1 << 20


class UrlGrafter:
    """Makes leaves of `dvc import-url` outs of one snapshot."""

    def __init__(self, session: Session, grafter: OutGrafter, root: Path | None, time: int) -> None:
        """`root` is the working tree that relative paths start in; None if they may not be used."""
        self._session = session
        self._grafter = grafter
        self._root = root
        self._time = time

    def graft(self, claim: Claim, store: DvcStore) -> Grafted:
        """The leaf of a claim.

        Raises:
            VfsError: why there is none.
        """
        out, source = claim.out, claim.source
        assert isinstance(source, UrlSource)
        own = DvcOrigin(store, out.remote)
        if source.files is not None and (out.digest is None or out.files is not None):
            return self._versioned(claim, source, store)
        if out.digest is None:
            raise DataUnavailable(
                f"it was imported from {shown_url(source.url)} without its content, so it has no hash",
                hint="run `dvc update` and commit the pointer",
            )
        if out.is_tree:
            return self._grafter.directory(
                out, store, lambda tree: self._origin(own, claim, source, tree)
            )
        return Grafted(self._grafter.file(out, store, self._origin(own, claim, source, b"")))

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
        """A connection to the parent of a source, and the source's name there."""
        if url.startswith("remote://"):
            name, _, path = url.removeprefix("remote://").partition("/")
            base = store.remote(name.lower())
            if base is None:
                return None
            ref, key = base._replace(versioned=False, worktree=False), path
        elif "://" in url:
            parent, _, key = url.rstrip("/").rpartition("/")
            ref = RemoteRef(parent, parent)
        elif self._root is None:
            return None
        else:
            directory = self._root / os.fsdecode(claim.pointer.rpartition(b"/")[0])
            path = os.path.normpath(directory / url)
            ref, key = RemoteRef("source", os.path.dirname(path)), os.path.basename(path)
        if (ref.local and self._root is None) or not key or ref.url.endswith(":/"):
            return None
        return ref, key

    def _versioned(self, claim: Claim, source: UrlSource, store: DvcStore) -> Grafted:
        """A directory of which the pointer lists each file's version at the source."""
        out = claim.out
        found = self._reference(source.url, claim, store)
        if found is None or (found[0].local and store.foreign):
            raise DataUnavailable(f"its source {shown_url(source.url)} cannot be used from here")
        parent, key = found
        ref = parent._replace(url=f"{parent.url}/{key}", name=shown_url(source.url))
        hashed = {file.path: file for file in out.files or ()}
        files = [_merged(file, hashed.get(file.path)) for file in source.files or ()]
        entries, lying = file_entries(out, ref, "", files, self._time)
        remember(self._session.catalog, ref, lying)
        tree = self._session.catalog.build_tree(entries, mtime=self._time)
        origin = VersionedOrigin(store, ref)
        return self._grafter.tree(out.path, Listing(tree), lambda _: origin)


def _merged(file: FileEntry, hashed: FileEntry | None) -> FileEntry:
    """Version and size as the source has them, the hash as the out has it."""
    if hashed is None or file.digest is not None:
        return file
    return file._replace(
        digest=hashed.digest, size=file.size if file.size is not None else hashed.size
    )


class SourceFilePlace:
    """A file of this machine that data was imported from; served while its hash is the recorded one."""

    local = True
    label = "source"

    def __init__(self, path: str, blob: Blob) -> None:
        self.where = f"source: {path}"
        self._path = path
        self._blob = blob

    def open_file(self) -> int | None:
        """None: the file is not immutable, so it is read through the chunk store."""
        return None

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the file.

        Raises:
            ObjectMissing: it is gone, or no longer what was imported.
        """
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(self._path, flags)
        except OSError as error:
            raise ObjectMissing(f"the import source {self._path}: {error.strerror}") from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != self._blob.size:
                raise ObjectMissing(f"the import source {self._path} has changed since")
            state = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
            if _VERIFIED.get(state) != self._blob.digest.key:
                self._verify(descriptor, state)
        except (OSError, VfsError):
            os.close(descriptor)
            raise
        return FileBody(descriptor, self._blob.size, start, length)

    def _verify(self, descriptor: int, state: tuple[int, int, int, int]) -> None:
        hasher = new_hasher(self._blob.digest.algorithm, self._blob.size)
        position = 0
        while piece := os.pread(descriptor, _PIECE, position):
            hasher.update(piece)
            position += len(piece)
        if hasher.digest() != self._blob.digest.value:
            raise ObjectMissing(f"the import source {self._path} has changed since")
        if len(_VERIFIED) > 10_000:
            _VERIFIED.clear()
        _VERIFIED[state] = self._blob.digest.key


_VERIFIED: dict[tuple[int, int, int, int], bytes] = {}
"""State of a file (device, inode, time, size) -> key of the digest it was found to have."""


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
