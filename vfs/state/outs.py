"""What a checkout last put at the path of an out, so that a later one knows which files are of that version.

Record: key = path of the out (as in `files`); value = one byte 1 for a directory, digest key, and behind a NUL the target
of the symlink that stands for it, if one does (`checkout --link mount`).
"""

from typing import Any, NamedTuple

from vfs.state.files import key_of
from vfs.state.table import StateTable
from vfs.types import Algorithm, Digest

_DIGEST = 17  # bytes of an MD5 digest's key


class Placed(NamedTuple):
    """What was put there.

    Attributes:
        digest: of the content, or of the listing.
        is_tree: a directory.
        link: target of the symlink instead of it; b"" if there is none.
    """

    digest: Digest
    is_tree: bool
    link: bytes = b""


class OutState:
    """The table `outs`; blocking and thread-safe."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    def get(self, path: bytes) -> Placed | None:
        """What was last put at the path of an out."""
        table = self._table.tables["outs"]

        def read(transaction: Any) -> bytes | None:
            found: bytes | None = transaction.get(key_of(path), db=table)
            return found

        value = self._table.read(read)
        if value is None or len(value) <= _DIGEST:
            return None
        digest = Digest(Algorithm(value[1]), value[2 : 1 + _DIGEST])
        return Placed(digest, bool(value[0]), value[2 + _DIGEST :])

    def put(self, path: bytes, placed: Placed) -> None:
        """Remember what was put there."""
        table = self._table.tables["outs"]
        value = bytes((placed.is_tree,)) + placed.digest.key + b"\0" + placed.link

        def write(transaction: Any) -> None:
            transaction.put(key_of(path), value, db=table)

        self._table.write(write)
