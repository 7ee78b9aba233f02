"""Places of a blob: files of this machine, Git objects, remotes (`vfs.transfer.Place`).

Rule: constructing a place touches nothing; its methods block and run in worker threads. What is
served from a plain file is exactly as long as the snapshot says, is a regular file, and is never
reached through a symlink in its last component.
"""

import copy
import errno
import logging
import os
import stat
from collections.abc import Callable, Hashable, Sequence

from vfs.errors import ContentMismatch, ObjectMissing, Offline, RemoteUnavailable, VfsError
from vfs.formats.layout import object_path
from vfs.own_mount import open_other
from vfs.remotes.base import ObjectInfo
from vfs.transfer import Body, Place
from vfs.transfer.place import Companion
from vfs.types import Algorithm, Blob
from vfs.workspace.bodies import BytesBody, FileBody
from vfs.workspace.hanging import LOOKS
from vfs.workspace.home_place import HomePlace
from vfs.workspace.origins import DvcOrigin
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef

log = logging.getLogger("vfs.workspace")

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class FilePlace:
    """A plain file: an object of a DVC cache or of the local LFS store."""

    local = True

    def __init__(
        self, path: str, size: int, label: str, *, top: str, hint: str | None = None
    ) -> None:
        """`top` is the directory that all such files lie in; `hint` says what to do when the file is not there."""
        self.label = label
        self._top = top
        self.where = f"{label}: {path}"
        self._hint = hint
        self._path = path
        self._size = size

    def open_file(self) -> int | None:
        """A descriptor of the file if it is there, regular, and of the right size.

        Raises:
            RemoteUnavailable: the file system hangs.
        """
        try:
            with LOOKS.into(self._top):
                descriptor = open_other(self._path, _OPEN)
                found = os.fstat(descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                log.warning("cannot open %s: %s", self._path, error.strerror)
            return None
        if stat.S_ISREG(found.st_mode) and found.st_size == self._size:
            return descriptor
        os.close(descriptor)
        log.warning("%s is not the regular file of %d bytes it should be", self._path, self._size)
        return None

    def is_here(self) -> bool:
        """Whether the file is, as far as the file system answers."""
        try:
            descriptor = self.open_file()
        except RemoteUnavailable:
            return False
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is not None

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the file.

        Raises:
            ObjectMissing: it is not there (any more).
            RemoteUnavailable: the file system hangs.
        """
        descriptor = self.open_file()
        if descriptor is None:
            raise ObjectMissing(f"{self.label}: no file {self._path}", hint=self._hint)
        return FileBody(descriptor, self._size, start, length)


class GitPlace:
    """A blob of a Git repository."""

    local = True
    label = where = "git"

    def __init__(self, session: Session, git_dir: str, blob: Blob) -> None:
        self._session = session
        self._git_dir = git_dir
        self._blob = blob

    def open_file(self) -> int | None:
        """Git's objects are compressed: never a plain file."""
        return None

    def is_here(self) -> bool:
        """Not if it was only promised (a partial clone) or left out (a shallow one)."""
        return self._session.repository(self._git_dir).has_object(self._blob.digest.value)

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the blob.

        Raises:
            ObjectMissing: the repository does not have it (a shallow or damaged clone).
        """
        try:
            data = self._session.git_blob(self._git_dir, self._blob.digest.value)
        except VfsError as error:
            raise ObjectMissing(error.message, hint=error.hint) from error
        return BytesBody(data, start, length)


class RemotePlace:
    """An object on a remote."""

    local = False

    def __init__(
        self,
        session: Session,
        ref: RemoteRef,
        key: str,
        blob: Blob,
        *,
        version: str = "",
        etag: str = "",
    ) -> None:
        self.label = ref.name
        self.where = f"{ref.name} ({ref.shown}): {key}"
        self._session = session
        self._ref = ref
        self._key = key
        self._blob = blob
        self._version = version
        self._etag = etag

    def head(self) -> ObjectInfo | None:
        """What the remote says of the object; None if it has none. Raises VfsError."""
        try:
            return self._session.remote(self._ref).head(self._key, version=self._version)
        except ObjectMissing:
            return None

    def open_file(self) -> int | None:
        """Remotes are read through the chunk store, also those that are local directories."""
        return None

    def is_here(self) -> bool:
        """It is elsewhere."""
        return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range of the object.

        Raises:
            ContentMismatch: the object has another size than the snapshot says.
            RemoteError: as the remote answered.
        """
        remote = self._session.remote(self._ref)
        pinned = etag or self._etag
        body = remote.get(self._key, start, length, version=self._version, etag=pinned)
        if body.size in (self._blob.size, -1):
            return body
        size = body.size
        body.close()
        if not self._version and not self._etag:
            # A size that was learned from a place may be wrong: the next snapshot asks again.
            self._session.catalog.doubt(self._blob.digest, self._blob.size)
        raise ContentMismatch(
            f"{remote.url}: {self._key} has {size} bytes, expected {self._blob.size}",
            hint="the object is damaged, so push the data again; or the recorded size is wrong: in a "
            "pointer it must be corrected, what was learned elsewhere is asked for anew by the next "
            "mount or switch",
        )


class DeferredPlace:
    """Places that take work to find (the source of an import), found when bytes are wanted."""

    local = False

    def __init__(self, label: str, find: Callable[[], Sequence[Place]]) -> None:
        self.label = self.where = label
        self._find = find

    def open_file(self) -> int | None:
        """Not before it was found: looking may use the network."""
        return None

    def is_here(self) -> bool:
        """Not known without looking."""
        return False

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """A range from the first place that gives it.

        Raises:
            RemoteError: none did.
        """
        failure: VfsError | None = None
        try:
            for place in self._find():
                try:
                    return place.get(start, length, etag=etag)
                except RemoteUnavailable:
                    raise
                except VfsError as error:
                    failure = copy.copy(error)  # it has passed this frame: neither would go away
        except VfsError as error:
            failure = copy.copy(error)
        if failure is None:
            raise ObjectMissing(f"{self.label} does not have the content")
        if isinstance(failure, RemoteUnavailable | Offline):
            raise failure
        raise ObjectMissing(f"{self.label}: {failure.message}", hint=failure.hint) from failure


class PackedRemotePlace(DeferredPlace):
    """A content on a packed remote; small files around it come along (`vfs.transfer.Generous`).

    Attributes:
        ref: the remote.
    """

    def __init__(self, session: Session, ref: RemoteRef, blob: Blob) -> None:
        super().__init__(ref.name, lambda: [session.packed(ref).place(blob)])
        self.ref = ref
        self._session = session
        self._blob = blob

    def companions(self, most: int) -> list[Companion]:
        """As `Generous.companions`."""
        return self._session.packed(self.ref).companions(self._blob, most)

    def parcel(self) -> Hashable:
        """As `Generous.parcel`."""
        return self._session.packed(self.ref).parcel(self._blob)


def cache_files(store: DvcStore, blob: Blob) -> list[Place]:
    """Where DVC caches would keep an object."""
    key = object_path(blob.digest)
    found: list[Place] = [
        FilePlace(os.path.join(cache, key), blob.size, "dvc-cache", top=cache)
        for cache in store.caches
    ]
    home = HomePlace(store, blob) if store.homes[0] else None
    return [*found, home] if home is not None and home.is_here() else found


def dvc_places(session: Session, origin: DvcOrigin, blob: Blob) -> list[Place]:
    """Caches, packed remotes, then DVC's remotes in the order of `DvcStore.ordered`, as they are configured now."""
    if blob.digest.algorithm not in (Algorithm.MD5, Algorithm.MD5_DOS2UNIX):
        return []
    key = object_path(blob.digest)
    store = session.renewal.store(origin.store)
    found = cache_files(store, blob)
    found += [PackedRemotePlace(session, ref, blob) for ref in store.packed]
    found += [
        RemotePlace(session, ref, ref.prefix + key, blob)
        for ref in store.ordered(origin.remote)
        if ref.worktree or not ref.versioned
    ]
    return found
