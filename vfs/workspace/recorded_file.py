"""A small file by the digest that a pointer has of it, wherever it may lie: caches, then remotes. What came once is kept in the catalog.

Rule: for what has to be known before a tree can be listed (`vfs.workspace.variable_files`); contents go through the chunk store.
"""

from collections.abc import Iterator
from contextlib import closing

from vfs.errors import DataUnavailable
from vfs.formats.hashing import Hasher, hasher_for
from vfs.formats.values import Out
from vfs.types import Blob, Digest
from vfs.workspace.listed import ListedObject
from vfs.workspace.packed import PackedSource
from vfs.workspace.pointers import silent
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore
from vfs.workspace.variable_files import MAX_VARIABLES

_KEY = b"recorded-1\0"
_NOTED = 64 << 10
"""Bytes of a file that the catalog keeps; a larger one is read again."""
_PIECE = 1 << 20


class RecordedFile(ListedObject):
    """One file; `size` as far as it is known, without which a packed remote cannot be asked."""

    what = "file"
    most = MAX_VARIABLES
    is_tree = False
    size: int | None = None

    def _hasher(self) -> Hasher:
        return hasher_for(self._digest)

    def _packed_pieces(self, source: PackedSource) -> Iterator[bytes]:
        if self.size is None:
            raise DataUnavailable(f"{source.name}: a file of unknown size cannot be looked for")
        buffer = bytearray(_PIECE)
        with source.place(Blob(self._digest, self.size)).get(0, self.size) as body:
            while count := body.readinto(buffer):
                yield bytes(memoryview(buffer)[:count])


def recorded(session: Session, store: DvcStore, out: Out, digest: Digest, is_tree: bool) -> bytes:
    """The bytes of an out, or of a file or the list of one that is a directory.

    Raises:
        DataUnavailable: no place has it.
        RemoteUnavailable: a remote that may have it gave no answer.
    """
    key = _KEY + bytes((is_tree,)) + digest.key
    known = session.catalog.recall(key)
    if known is not None:
        return known
    if is_tree:
        wanted = ListedObject(session, digest, silent)
    else:
        wanted = RecordedFile(session, digest, silent)
        wanted.size = out.size if digest == out.digest else None
    with closing(wanted.fetch(store, out.remote, local_only=False)) as file:
        file.seek(0)
        data = file.read()
    if len(data) <= _NOTED:
        session.catalog.remember(key, data)
    return data
