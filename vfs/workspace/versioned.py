"""Outs whose pointer names places: version-aware remotes and imports from versioned storage.

Format (DVC 3, `files:`, `cloud:`): each file has size, version id and ETag; its object lies under
its workspace path on the remote (source: dvc-data's `index/push.py`, tried with DVC 3.67).

A digest says which content, a note in the catalog where it lies: key `version-3` + remote (`RemoteRef.service`) + what the
pointer says (16 bytes) + digest, value JSON (key, version, etag). So entries need no more than their digest, and another pointer, of
whatever repository, that says of the same content that it lies elsewhere is a matter of its own.

Trust: nothing hashes what a place names, so a *foreign* repository may not name local directories
here: its pointer could read any file of the user's into the mount.
"""

import json
from collections.abc import Sequence

from blake3 import blake3

from vfs.catalog import Catalog, TreeEntry
from vfs.errors import Unsupported
from vfs.formats.values import FileEntry, Out, Place
from vfs.transfer import Place as TransferPlace
from vfs.types import Algorithm, Blob, Digest, Kind
from vfs.workspace.origins import VersionedOrigin
from vfs.workspace.places import RemotePlace, cache_files
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef


def remote_of(store: DvcStore, place: Place | None) -> RemoteRef:
    """The remote that keeps a versioned content.

    Raises:
        Unsupported: there is none, or it may not be used.
    """
    ref = store.remote(place.remote if place is not None else None)
    if ref is None:
        name = place.remote if place is not None else None
        raise Unsupported(
            f"the version-aware remote {name or '(default)'} of this output is not configured",
            hint="add it with `dvc remote add`, with `version_aware = true`",
        )
    if store.foreign and ref.local:
        raise Unsupported(
            "a repository cloned from a URL may not read versioned files from local directories",
            hint="clone the repository yourself and mount the clone",
        )
    return ref


def digest_of(ref: RemoteRef, key: str, digest: Digest | None, place: Place | None) -> Digest:
    """The name of a content: its hash, or else what pins it."""
    if digest is not None:
        return digest
    version, etag = (place.version_id, place.etag) if place is not None else ("", "")
    if not version and not etag:
        raise Unsupported(
            f"{key} has neither a hash nor a version in its pointer",
            hint="push it again with `dvc push`",
        )
    name = "\0".join((key, version, etag)).encode("utf-8", "surrogateescape")
    return Digest(Algorithm.PLACE, blake3(b"place-2\0" + ref.service + name).digest())


def remember(
    catalog: Catalog,
    store: DvcStore,
    ref: RemoteRef,
    items: Sequence[tuple[Digest, str, Place | None]],
    *,
    said: bytes = b"",
) -> VersionedOrigin:
    """Keep where contents lie: (digest, key below the remote, place); returns where they come from.

    `said` stands for all of that, if the pointer has something that does.
    """
    notes = [
        (
            digest.key,
            json.dumps([key, place.version_id, place.etag] if place else [key, "", ""]).encode(),
        )
        for digest, key, place in items
    ]
    said = said or blake3(b"".join(part for note in notes for part in note)).digest(16)
    origin = VersionedOrigin(store, ref, said)
    prefix = _notes(origin)
    catalog.remember_many((prefix + key, value) for key, value in notes)
    return origin


def places(session: Session, origin: VersionedOrigin, blob: Blob) -> list[TransferPlace]:
    """Caches, then the version on the remote."""
    found: list[TransferPlace] = []
    if blob.digest.algorithm in (Algorithm.MD5, Algorithm.MD5_DOS2UNIX):
        found += cache_files(origin.store, blob)
    note = session.catalog.recall(_notes(origin) + blob.digest.key)
    if note is not None:
        key, version, etag = json.loads(note)
        found.append(
            RemotePlace(
                session, origin.remote, key, blob, version=version, etag="" if version else etag
            )
        )
    return found


def file_entries(
    out: Out, ref: RemoteRef, base: str, files: Sequence[FileEntry], time: int
) -> tuple[list[TreeEntry], list[tuple[Digest, str, Place | None]]]:
    """The files of a versioned directory, sorted by path, and where each lies.

    Args:
        out: the directory.
        ref: the remote.
        base: key of the directory on it.
        files: sorted by path, without conflicts (`vfs.formats` checked).
        time: seconds; when they are first seen.
    """
    entries, lying = [], []
    for file in files:
        key = f"{base}/{file.path.decode()}" if base else file.path.decode()
        digest = digest_of(ref, key, file.digest, file.place)
        kind = Kind.EXECUTABLE if file.executable else Kind.FILE
        size = -1 if file.size is None else file.size
        entries.append(TreeEntry(file.path, kind if size >= 0 else Kind.BROKEN, digest, size, time))
        lying.append((digest, key, file.place))
    return entries, lying


def _notes(origin: VersionedOrigin) -> bytes:
    """What the keys of its notes begin with."""
    return b"version-3\0" + origin.remote.service + origin.said
