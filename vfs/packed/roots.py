"""Which packs the manifests of a remote name: the mark of a collection.

Rule: a manifest is read once in a run, as long as the remote lists it with the same size and time.
Memory: for each manifest the ids of its packs.
"""

from collections.abc import Callable, Iterable

from vfs.errors import FormatError, ObjectMissing
from vfs.formats.packs import parse_manifest_key
from vfs.packed.manifest import Manifest, PackedRemote, Pointer
from vfs.remotes.base import ObjectInfo
from vfs.remotes.bulk import in_threads


class Roots:
    """One run; one thread.

    Args:
        store: the remote.
        jobs: requests at once.
        broken: told of a manifest that cannot be read, and it names nothing; None: that is raised.
    """

    def __init__(
        self, store: PackedRemote, jobs: int, broken: Callable[[FormatError], None] | None
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._broken = broken
        self._known: dict[ObjectInfo, frozenset[bytes]] = {}

    def packs(self, infos: Iterable[ObjectInfo]) -> set[bytes]:
        """Ids of the packs that some manifests name, in their place or removed.

        Raises:
            FormatError: one is damaged.
            RemoteError: as the remote answered.
        """
        infos = list(infos)
        asked = {info.key: info for info in infos if info not in self._known}
        for key, manifest in in_threads(self.manifest, list(asked), self._jobs):
            packs = manifest.root.packs if manifest is not None else ()
            self._known[asked[key]] = frozenset(pack.id for pack in packs)
        return set().union(*(self._known[info] for info in infos))

    def manifest(self, key: str) -> Manifest | None:
        """A manifest by its key; None if it is gone meanwhile, or damaged and passed over. Raises as `packs`."""
        found = parse_manifest_key(key)
        assert found is not None
        try:
            return self._store.manifest(Pointer(*found), key)
        except ObjectMissing:
            return None
        except FormatError as error:
            if self._broken is None:
                raise
            self._broken(error)
            return None
