"""What all repositories of one process share: catalog, connections, origins, small caches.

A workspace and the sources of its imports are repositories of one session, so that an entry of an
imported directory finds its bytes through the importing snapshot's origins.

Rule: thread-safe.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vfs.catalog import Catalog
from vfs.config import Settings
from vfs.core.lru import Lru
from vfs.errors import StoreError
from vfs.git import Repository
from vfs.remotes import Remote
from vfs.remotes.statistics import RemoteStatistics
from vfs.types import Digest
from vfs.workspace.connections import Connections
from vfs.workspace.origins import GitOrigin, Origins
from vfs.workspace.packed import ListedTrees, PackedSource
from vfs.workspace.renewal import Renewal
from vfs.workspace.stores import RemoteRef

_BLOB_BYTES = 64 * 1024 * 1024
_INDEXED_FILES = 2_000_000


class KeyedLocks:
    """One lock per key, for as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self._locks: dict[bytes, tuple[threading.Lock, int]] = {}
        self._guard = threading.Lock()

    @contextmanager
    def holding(self, key: bytes) -> Iterator[None]:
        """Hold the lock of `key`."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


class Session:
    """Shared state; see the module.

    Attributes:
        settings: of the process.
        catalog: of the cache directory.
        origins: the numbers entries carry.
        locks: so that nothing is built twice at once.
        listed: tracked directories that were met, for packed remotes.
        renewal: follows edits of this machine's configuration.
        connections: drivers of remotes.
        clock: seconds since the epoch.
    """

    def __init__(
        self, settings: Settings, catalog: Catalog, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.clock = clock
        self.origins = Origins()
        self.locks = KeyedLocks()
        self.renewal = Renewal()
        self._repositories: dict[str, Repository] = {}
        self.listed = ListedTrees(catalog)
        self.connections = Connections(settings, self.renewal, self.listed)
        self._lfs: dict[str, RemoteRef] = {}
        self._blobs: Lru[bytes, bytes] = Lru(_BLOB_BYTES)
        self._indexes: Lru[bytes, dict[bytes, bytes]] = Lru(_INDEXED_FILES)
        self._guard = threading.Lock()

    def register(self, repository: Repository) -> int:
        """Make a repository's objects reachable; returns the number of their origin."""
        name = str(repository.git_dir)
        with self._guard:
            self._repositories.setdefault(name, repository)
        return self.origins.number(GitOrigin(name))

    def repository(self, git_dir: str) -> Repository:
        """A registered repository.

        Raises:
            StoreError: it was never registered in this process.
        """
        with self._guard:
            found = self._repositories.get(git_dir)
        if found is None:
            raise StoreError(f"the repository {git_dir} is not open")
        return found

    def git_blob(self, git_dir: str, oid: bytes) -> bytes:
        """A blob; the last ones read are kept, because large ones are read block by block.

        Raises:
            StoreError: there is no such object.
            RemoteError: a partial clone's remote did not give it.
        """
        with self._guard:
            data = self._blobs.get(oid)
        if data is None:
            with self.locks.holding(b"blob" + oid):
                with self._guard:
                    data = self._blobs.get(oid)
                if data is None:
                    data = self.repository(git_dir).read_blob(oid)
                    with self._guard:
                        self._blobs.put(oid, data, len(data))
        return data

    def remote(self, ref: RemoteRef) -> Remote:
        """The connection to a remote, with the options it has now.

        Raises:
            Unsupported: vfs has no driver for its URL.
            ConfigError: its options are impossible.
        """
        return self.connections.remote(ref)

    def lfs(self, git_dir: str) -> Remote | None:
        """The connection to a repository's LFS server; None if it has none.

        Raises:
            ConfigError: the URL makes no sense.
        """
        with self._guard:
            known = self._lfs.get(git_dir)
        if known is None:
            repository = self.repository(git_dir)
            known = RemoteRef("git-lfs", repository.lfs_endpoint() or "", (("git_dir", git_dir),))
            with self._guard:
                self._lfs[git_dir] = known
        if not known.url:
            return None
        return self.connections.lfs(known, git_dir)

    def packed(self, ref: RemoteRef) -> PackedSource:
        """A remote in the packed layout, with the options it has now; errors as in `remote`."""
        return self.connections.packed(ref)

    def silent_remotes(self) -> list[str]:
        """Names of the remotes that owe an answer now; while none does (they are between two attempts), of all that were asked."""
        return self.connections.silent()

    def remote_statistics(self) -> list[tuple[str, RemoteStatistics]]:
        """What each remote that was asked was asked and how it answered, by name; several may have one name."""
        return self.connections.each_statistics()

    def path_in_tree(self, tree: bytes, digest: Digest) -> bytes | None:
        """Some path at which a catalog tree has a content; an index of the last trees is kept.

        Raises:
            StoreError: the tree is not known (any more).
        """
        with self.locks.holding(b"index" + tree):
            index = self._indexes.get(tree)
            if index is None:
                walk = self.catalog.open_tree(tree).walk()
                index = {entry.digest.key: entry.path for entry in walk}
                self._indexes.put(tree, index, len(index) + 1)
        return index.get(digest.key)

    def close(self) -> None:
        """Close connections and the catalog."""
        with self._guard:
            self._blobs.clear()
        self.connections.close()
        self.catalog.close()
