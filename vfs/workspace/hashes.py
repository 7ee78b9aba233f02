"""The hash of a content under another algorithm than the one that names it here.

Git names a file by its blob id, Git LFS by SHA-256, DVC by MD5; whether an import's source has what
the pointer says can only be told by DVC's hash. A content of this machine is hashed once; its hash
is kept in the catalog for ever: note `hash-1` + the wanted algorithm's byte + its digest's key.

Rule: nothing is downloaded for it but blobs that a partial clone left out.
"""

from collections.abc import Callable, Iterable, Sequence

from vfs.errors import VfsError
from vfs.formats.hashing import hasher_for, new_hasher
from vfs.transfer import Place
from vfs.types import Algorithm, Blob, Digest, Entry, Kind
from vfs.workspace.origins import GitOrigin, Origin
from vfs.workspace.session import Session

PlacesOf = Callable[[Origin, Blob], Sequence[Place]]

MD5_KINDS = (Algorithm.MD5, Algorithm.MD5_DOS2UNIX)
_PIECE = 1 << 20


class Hashes:
    """Hashes of entries of one session."""

    def __init__(self, session: Session, places_of: PlacesOf) -> None:
        self._session = session
        self._places_of = places_of

    def fetch(self, entries: Iterable[Entry], algorithm: Algorithm) -> None:
        """Get what `of` will need of Git's blobs, at once.

        Raises:
            RemoteError: a partial clone's remote did not give them.
        """
        wanted: dict[str, list[bytes]] = {}
        for entry in entries:
            origin = self._session.origins.all()[entry.origin]
            if entry.digest is None or not isinstance(origin, GitOrigin):
                continue
            if self._session.catalog.recall(_key(entry.digest, algorithm)) is None:
                wanted.setdefault(origin.git_dir, []).append(entry.digest.value)
        for git_dir, oids in wanted.items():
            self._session.repository(git_dir).ensure_blobs(oids)

    def of(self, entry: Entry, algorithm: Algorithm) -> Digest | None:
        """A file's or symlink's digest of DVC's kind; None if its bytes are not on this machine."""
        digest = entry.digest
        if digest is None or entry.kind is Kind.BROKEN or algorithm not in MD5_KINDS:
            return None
        if digest.algorithm is algorithm:
            return digest
        key = _key(digest, algorithm)
        known = self._session.catalog.recall(key)
        if known is not None:
            return Digest(algorithm, known)
        value = self._hashed(entry, Blob(digest, entry.size), algorithm)
        if value is None:
            return None
        found = Digest(algorithm, value)
        self._session.catalog.learn([(found, entry.size, entry.mtime)])
        self._session.catalog.remember(key, value)
        return found

    def _hashed(self, entry: Entry, blob: Blob, algorithm: Algorithm) -> bytes | None:
        if blob.digest.algorithm is Algorithm.PLACE:
            return None  # nothing can tell whether bytes are those it means
        origin = self._session.origins.all()[entry.origin]
        for place in self._places_of(origin, blob):
            if place.local:
                value = _hash(place, blob, algorithm)
                if value is not None:
                    return value
        return None


def _hash(place: Place, blob: Blob, algorithm: Algorithm) -> bytes | None:
    """The hash of a place's bytes, if they are those that the blob names."""
    wanted, named = new_hasher(algorithm), hasher_for(blob.digest, blob.size)
    buffer = memoryview(bytearray(_PIECE))
    try:
        with place.get(0, blob.size) as body:
            while count := body.readinto(buffer):
                wanted.update(buffer[:count])
                named.update(buffer[:count])
    except VfsError:
        return None
    return wanted.digest() if named.matches(blob.digest.value) else None


def _key(digest: Digest, algorithm: Algorithm) -> bytes:
    return b"hash-1\0" + bytes((algorithm,)) + digest.key
