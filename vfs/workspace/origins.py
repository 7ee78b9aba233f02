"""Where the bytes of entries come from, as values.

An *origin* is the recipe for one class of contents ("objects of this DVC repository"); together
with a blob it gives places (`vfs.workspace.places`). Entries carry the number of their origin in
`Origins`, which numbers equal origins once for all snapshots of a session.

Rule: immutable and hashable; few: never one per file. Dataclasses, because tuples of different
kinds with the same fields would be equal.
"""

import threading
from dataclasses import dataclass, replace

from vfs.workspace.stores import DvcStore, RemoteRef


@dataclass(frozen=True, slots=True)
class GitOrigin:
    """Blobs of a Git repository, known to the session by its Git directory."""

    git_dir: str


@dataclass(frozen=True, slots=True)
class LfsOrigin:
    """Git LFS objects of a repository."""

    git_dir: str


@dataclass(frozen=True, slots=True)
class DvcOrigin:
    """Objects named by MD5 in caches and remotes; `remote` is the out's own, if it names one."""

    store: DvcStore
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class VersionedOrigin:
    """Files of a version-aware remote; notes in the catalog say where each digest lies."""

    store: DvcStore
    remote: RemoteRef


@dataclass(frozen=True, slots=True)
class UrlOrigin:
    """`dvc import-url`: the repository's own objects, then the source while it is unchanged.

    Attributes:
        objects: the repository's own.
        source: connection to the parent of the source (its URL is a directory or bucket).
        key: name of the source there.
        etag: as recorded; "" if it was hashed.
        version: as recorded, "" if there is none.
        tree: for a directory, the catalog tree that gives the files' names.
    """

    objects: DvcOrigin
    source: RemoteRef
    key: str
    etag: str = ""
    version: str = ""
    tree: bytes = b""


@dataclass(frozen=True, slots=True)
class ImportRef:
    """A path in another Git repository.

    Attributes:
        base: Git directory of the importing repository (relative URLs start there).
        url: as written.
        revision: commit id, or whatever else was recorded; "" for HEAD.
        path: inside that repository.
        config: entries laid over its configuration, as sorted (section, name, option, value).
        remote: the remote to use there, None for its default.
    """

    base: str
    url: str
    revision: str
    path: bytes
    config: tuple[tuple[str, str, str, str], ...] = ()
    remote: str | None = None

    def at(self, path: bytes) -> "ImportRef":
        """Another path of the same repository and commit."""
        return replace(self, path=path)


@dataclass(frozen=True, slots=True)
class ImportOrigin:
    """`dvc import` with a hash: the repository's own objects, then the source's.

    `tree` is the catalog tree of an imported directory: it gives the files' names.
    """

    objects: DvcOrigin
    source: ImportRef
    tree: bytes = b""


Origin = GitOrigin | LfsOrigin | DvcOrigin | VersionedOrigin | UrlOrigin | ImportOrigin


class Origins:
    """All origins of a session, numbered from 0 in the order they were first met; thread-safe."""

    def __init__(self) -> None:
        self._numbers: dict[Origin, int] = {}
        self._all: tuple[Origin, ...] = ()
        self._lock = threading.Lock()

    def number(self, origin: Origin) -> int:
        """The number of an origin."""
        with self._lock:
            known = self._numbers.get(origin)
            if known is None:
                known = self._numbers[origin] = len(self._all)
                self._all = (*self._all, origin)
            return known

    def all(self) -> tuple[Origin, ...]:
        """The origins by number; numbers given later are not in it."""
        return self._all
