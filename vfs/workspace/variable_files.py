"""The files that `vars` of a `dvc.yaml` name, where pointers record them: Git has them not, and which outs there are hangs on them.

Rules: what lies in the tree counts; what is not there counts as its pointer records it. If that cannot be had, nothing is guessed: the
error may be mended (`FormatError.heals`), and verbs that would have to know end with it.
"""

from collections.abc import Callable, Iterable, Mapping

from vfs.core.paths import show
from vfs.errors import DataUnavailable, FormatError, VfsError
from vfs.formats import yaml12
from vfs.formats.dirlisting import MAX_BYTES as MAX_LISTING
from vfs.formats.dirlisting import iter_listing
from vfs.formats.values import Out
from vfs.formats.variables import OnDemand
from vfs.objects import ObjectCache
from vfs.types import Digest, Problem
from vfs.workspace.stores import DvcStore

MAX_VARIABLES = yaml12.MAX_BYTES

ReadPath = Callable[[bytes], bytes | None]
ReadObject = Callable[[DvcStore, Out, Digest, bool], bytes]
"""A listing or file of an out, by digest and whether it is a listing; raises VfsError."""


class VariableFiles:
    """Of one tree.

    Args:
        read: a file of the tree; None if there is none.
        store_of: the store of a pointer.
        read_object: what is recorded.
    """

    def __init__(
        self, read: ReadPath, store_of: Callable[[bytes], DvcStore], read_object: ReadObject
    ) -> None:
        self._read = read
        self._store_of = store_of
        self._read_object = read_object

    def among(self, outs: Iterable[tuple[bytes, Out]]) -> Mapping[bytes, bytes]:
        """The files by path, read when they are asked for; raises FormatError then, if one is recorded and cannot be had.

        Args:
            outs: what is recorded, each with its pointer; looked at if a file is not in the tree.
        """
        known: dict[bytes, tuple[bytes, Out]] | None = None

        def read(path: bytes) -> bytes | None:
            nonlocal known
            found = self._read(path)
            if found is not None:
                return found
            if known is None:
                known = {out.path: (pointer, out) for pointer, out in outs}
            return self._recorded(path, known)

        return OnDemand(read)

    def _recorded(self, path: bytes, outs: Mapping[bytes, tuple[bytes, Out]]) -> bytes | None:
        owner = path
        while owner not in outs:
            owner = owner.rpartition(b"/")[0]
            if not owner:
                return None
        pointer, out = outs[owner]
        if out.digest is None or out.is_tree == (owner == path):
            return None
        try:
            store, digest = self._store_of(pointer), out.digest
            if out.is_tree:
                found = self._inside(store, out, path[len(owner) + 1 :])
                if found is None:
                    return None
                digest = found
            return self._read_object(store, out, digest, False)
        except VfsError as error:
            raise FormatError(
                f"the variable file {show(path)} is not here, and what {show(pointer)} records cannot be had: {error.message}",
                hint=f"`vfs pull {show(path)[1:-1]}` brings it, or says why it cannot",
                heals=True,
            ) from error

    def _inside(self, store: DvcStore, out: Out, below: bytes) -> Digest | None:
        """The digest of a file in a tracked directory."""
        assert out.digest is not None
        data = self._read_object(store, out, out.digest, True)
        file = f"{out.digest.hex}.dir"
        for entry in iter_listing(data, file=file, algorithm=out.digest.algorithm):
            if not isinstance(entry, Problem) and entry.path == below:
                return entry.digest
        return None


def from_caches(store: DvcStore, out: Out, digest: Digest, is_tree: bool) -> bytes:
    """A small object of DVC's caches.

    Raises:
        DataUnavailable: none has it.
        ContentMismatch: it is damaged where it is.
    """
    limit = MAX_LISTING if is_tree else MAX_VARIABLES
    failure: VfsError = DataUnavailable("no DVC cache has it")
    for cache in map(ObjectCache, store.caches):
        if cache.size(digest, is_tree=is_tree) is not None:
            try:
                return cache.read(digest, is_tree=is_tree, limit=limit)
            except VfsError as error:
                failure = error
    raise failure
