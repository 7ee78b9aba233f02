"""Working files -> packs of a packed remote, past the cache: the half of `add --to-remote` that is for such remotes."""

import io
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from vfs.errors import FormatError, ObjectMissing
from vfs.objects import Fingerprint, hash_source
from vfs.objects.source import open_source
from vfs.packed import Item, PackedRemote, Pointer, Pusher, learn_packs
from vfs.packed.known import list_packs
from vfs.tracking.file import File
from vfs.types import Digest

if TYPE_CHECKING:
    from vfs.remotes import Remote


class _Hashed(NamedTuple):
    file: File
    digest: Digest


class Packing:
    """The files of one out. Memory: their names and digests.

    Args:
        top: absolute path that the files are relative to.
        former: the version before, of which the remote may have most.
    """

    def __init__(self, top: bytes, former: Pointer | None) -> None:
        self._top = top
        self._former = former
        self._files: dict[bytes, _Hashed] = {}

    def file(self, file: File) -> tuple[Digest, Fingerprint]:
        """Take a file; its digest and state. From any thread; raises as `hash_source`."""
        digest, found = hash_source(self._path(file), follow=file.link)
        self._files[file.path] = _Hashed(file._replace(fingerprint=found), digest)
        return digest, found

    def push(self, remote: "Remote", jobs: int, pointer: Pointer, start: bytes) -> None:
        """Send what the remote lacks of all files.

        Args:
            remote: the packed one.
            jobs: requests at once.
            pointer: of the out.
            start: path of the out; what is below it are the names in the manifest.

        Raises:
            ContentMismatch: a file changed since it was taken; there is no manifest then.
            RemoteError: it could not be sent.
        """
        store = PackedRemote(remote)
        there = store.present([pointer])
        if there and whole(store, pointer):
            return
        size = sum(hashed.file.fingerprint.size for hashed in self._files.values())
        bases = [] if self._former is None else list(store.present([self._former]))
        known = learn_packs(store, bases, expected=size, jobs=jobs)
        with Pusher(store, known, replace=bool(there)) as pusher:
            pusher.add(pointer, (self._item(path, start) for path in sorted(self._files)))
            pusher.finish()

    def _item(self, path: bytes, start: bytes) -> Item:
        file, digest = self._files[path]

        def opened() -> BinaryIO:
            descriptor, _ = open_source(self._path(file), follow=file.link)
            return cast("BinaryIO", io.FileIO(descriptor, "rb"))

        return Item(path[len(start) + 1 :], digest, file.fingerprint.size, opened)

    def _path(self, file: File) -> bytes:
        return self._top + b"/" + file.path


def whole(store: PackedRemote, pointer: Pointer) -> bool:
    """Whether the packs of a manifest are all there."""
    with suppress(ObjectMissing, FormatError):
        needed = store.manifest(pointer).root.packs
        return {entry.pack for entry in list_packs(store)}.issuperset(needed)
    return False
