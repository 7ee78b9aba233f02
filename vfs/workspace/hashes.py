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
_BATCH = 4096


class Hashes:
    """Hashes of entries of one session."""

    def __init__(self, session: Session, places_of: PlacesOf) -> None:
        self._session = session
        self._places_of = places_of

    def of(self, entry: Entry, algorithm: Algorithm) -> Digest | None:
        """A file's or symlink's digest of DVC's kind; None if its bytes are not on this machine.

        Raises:
            RemoteError: a partial clone's remote did not give a blob.
        """
        return self.many([entry], algorithm)[0]

    def many(self, entries: Sequence[Entry], algorithm: Algorithm) -> list[Digest | None]:
        """`of` each of them, in batches."""
        found: list[Digest | None] = []
        for start in range(0, len(entries), _BATCH):
            part = entries[start : start + _BATCH]
            unlike = {
                entry.digest: entry
                for entry in part
                if entry.digest is not None and _comparable(entry, algorithm)
            }
            hashed = self._batch(unlike, algorithm)
            for entry in part:
                known = entry.digest is not None and entry.digest.algorithm is algorithm
                found.append(entry.digest if known else hashed.get(entry.digest))
        return found

    def _batch(
        self, entries: dict[Digest, Entry], algorithm: Algorithm
    ) -> dict[Digest | None, Digest]:
        """Digest here -> digest by the algorithm, for those that are known or can be made."""
        catalog = self._session.catalog
        notes = catalog.recall_many([_key(digest, algorithm) for digest in entries])
        found: dict[Digest | None, Digest] = {
            digest: Digest(algorithm, note)
            for digest, note in zip(entries, notes, strict=True)
            if note is not None
        }
        fresh = [entry for digest, entry in entries.items() if digest not in found]
        self._fetch(fresh)
        made: dict[Digest, tuple[Entry, Digest]] = {}
        for entry in fresh:
            value = self._hashed(entry, algorithm)
            if value is not None and entry.digest is not None:
                made[entry.digest] = entry, Digest(algorithm, value)
        if made:
            catalog.learn((new, entry.size, entry.mtime) for entry, new in made.values())
            catalog.remember_many(
                (_key(old, algorithm), new.value) for old, (_, new) in made.items()
            )
        found.update({old: new for old, (_, new) in made.items()})
        return found

    def _fetch(self, entries: Iterable[Entry]) -> None:
        """Get those of Git's blobs that a partial clone left out, at once."""
        wanted: dict[str, list[bytes]] = {}
        for entry in entries:
            origin = self._session.origins.all()[entry.origin]
            if entry.digest is not None and isinstance(origin, GitOrigin):
                wanted.setdefault(origin.git_dir, []).append(entry.digest.value)
        for git_dir, oids in wanted.items():
            self._session.repository(git_dir).ensure_blobs(oids)

    def _hashed(self, entry: Entry, algorithm: Algorithm) -> bytes | None:
        assert entry.digest is not None
        origin = self._session.origins.all()[entry.origin]
        blob = Blob(entry.digest, entry.size)
        for place in self._places_of(origin, blob):
            value = _hash(place, blob, algorithm) if place.is_here() else None
            if value is not None:
                return value
        return None


def _comparable(entry: Entry, algorithm: Algorithm) -> bool:
    """Whether hashing can tell a digest that the entry does not have yet."""
    digest = entry.digest
    if digest is None or entry.kind is Kind.BROKEN or algorithm not in MD5_KINDS:
        return False
    # Of a content that is pinned by a place nobody can tell whether bytes are the right ones.
    return digest.algorithm not in (algorithm, Algorithm.PLACE)


def _hash(place: Place, blob: Blob, algorithm: Algorithm) -> bytes | None:
    """The hash of a place's bytes, if they are those that the blob names."""
    wanted, named = new_hasher(algorithm), hasher_for(blob.digest, blob.size)
    buffer = memoryview(bytearray(min(_PIECE, blob.size + 1)))
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
