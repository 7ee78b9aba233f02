"""Contents that no DVC remote of the repository has by digest: imports, and files with versions.

Rule: whatever comes is put into the cache by the digest that the pointer (or the listing it names) says, so it is verified
as everything else. An import without a hash has no place in the cache.
"""

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vfs.errors import DataUnavailable
from vfs.formats.dirlisting import dump_listing
from vfs.objects import ObjectCache
from vfs.sharing.streams import from_places
from vfs.tracking.caches import Caches
from vfs.tracking.uses import Use
from vfs.types import Algorithm, Blob, Digest, Entry, Kind
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.pointers import Progress
from vfs.workspace.versioned import remote_of

_MD5 = (Algorithm.MD5, Algorithm.MD5_DOS2UNIX)

Receive = Callable[[ObjectCache], int]


class Piece(NamedTuple):
    """A content that is to be fetched.

    Attributes:
        path: of the repository, for messages.
        digest: of it.
        receive: puts it into a cache; returns its size.
    """

    path: bytes
    digest: Digest
    receive: Receive


def versioned(workspace: Workspace, use: Use, caches: Caches) -> Iterator[Piece]:
    """The missing files of an out whose pointer says where each version lies.

    Raises:
        Unsupported: the remote is not known, or may not be used.
        DataUnavailable: a file has no hash.
    """
    out = use.out
    files = out.files or ()
    place = out.place or next((file.place for file in files if file.place is not None), None)
    ref = remote_of(use.store, place)
    remote = workspace.session.remote(ref)
    top = out.path[len(use.root) + 1 :] if use.root else out.path
    listed = (
        [(b"", out.digest, out.size, out.place)]
        if out.files is None
        else [(file.path, file.digest, file.size, file.place) for file in files]
    )
    for below, digest, size, at in listed:
        path = b"/".join(part for part in (out.path, below) if part)
        if not use.means(below):
            continue
        if digest is None or digest.algorithm not in _MD5:
            raise DataUnavailable(
                f"{_shown(path)} has a version in its pointer, but no hash to keep it by",
                hint="read it through a mount, or `dvc pull` it",
            )
        if caches.holder(digest, size=size) is None:
            key = b"/".join(part for part in (top, below) if part).decode()
            version, etag = (at.version_id, "" if at.version_id else at.etag) if at else ("", "")

            def receive(
                cache: ObjectCache,
                digest: Digest = digest,
                key: str = key,
                version: str = version,
                etag: str = etag,
            ) -> int:
                with remote.get(key, version=version, etag=etag) as body:
                    return cache.receive(digest, body.readinto)

            yield Piece(path, digest, receive)


def imported(workspace: Workspace, use: Use, caches: Caches, progress: Progress) -> Iterator[Piece]:
    """The missing files of an import, from its source; puts the listing of a directory first.

    Raises:
        DataUnavailable: it has no hash, or the source has something else.
        VfsError: the source cannot be had.
    """
    out = use.out
    if out.digest is None:
        raise DataUnavailable(
            f"{_shown(out.path)} was imported without its content, so its pointer has no hash",
            hint="read it through a mount, or `vfs update` it and commit the pointer",
        )
    snapshot = workspace.snapshot(use.rev, progress, scope=out.path)
    files = []
    for path, entry in snapshot.walk(out.path):
        if entry.kind is Kind.BROKEN:
            raise DataUnavailable(f"{_shown(path)}: {entry.problem}")
        if entry.digest is not None:
            files.append((path, entry, entry.digest))
    cut = len(out.path) + 1
    if out.is_tree and caches.holder(out.digest, is_tree=True) is None:
        data = dump_listing((path[cut:], digest) for path, _, digest in files)
        caches.home.receive(out.digest, io.BytesIO(data).readinto, is_tree=True)
    for path, entry, digest in files:
        if use.means(path[cut:]) and caches.holder(digest) is None:
            yield Piece(path, digest, _from_places(workspace, snapshot, entry, path))


def _from_places(workspace: Workspace, snapshot: Snapshot, entry: Entry, path: bytes) -> Receive:
    assert entry.digest is not None
    blob = Blob(entry.digest, entry.size)

    def receive(cache: ObjectCache) -> int:
        places = workspace.places(snapshot, entry, path)
        return from_places(places, blob, lambda body: cache.receive(blob.digest, body.readinto))

    return receive


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
