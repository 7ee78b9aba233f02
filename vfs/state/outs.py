"""What a checkout or an add last left at the path of an out, so that a later one knows which files are of that version.

Record: key = path of the out (as in `files`); value = one byte (1: a directory, 2: of a stage), digest key, and behind a NUL the target
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
        stage: the out of one.
    """

    digest: Digest
    is_tree: bool
    link: bytes = b""
    stage: bool = False


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
        return None if value is None else _parse(value)

    def all(self) -> list[tuple[bytes, Placed]]:
        """All of them, by path; those whose paths are too long for a key are left out."""
        table = self._table.tables["outs"]

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(db=table) as cursor:
                return [(bytes(key), bytes(value)) for key, value in cursor]

        found = [(key, _parse(value)) for key, value in self._table.read(read)]
        return [(key, placed) for key, placed in found if placed is not None and key[:1] != b"\0"]

    def note(self, path: bytes, placed: Placed) -> None:
        """`put`, unless that is what is remembered."""
        if self.get(path) != placed:
            self.put(path, placed)

    def forget(self, path: bytes) -> None:
        """What lies at a path is the user's own from now on."""
        table = self._table.tables["outs"]

        def write(transaction: Any) -> None:
            transaction.delete(key_of(path), db=table)

        self._table.write(write)

    def put(self, path: bytes, placed: Placed) -> None:
        """Remember what was put there."""
        table = self._table.tables["outs"]
        kind = placed.is_tree | placed.stage << 1
        value = bytes((kind,)) + placed.digest.key + b"\0" + placed.link

        def write(transaction: Any) -> None:
            transaction.put(key_of(path), value, db=table)

        self._table.write(write)


def _parse(value: bytes) -> Placed | None:
    if len(value) <= _DIGEST:
        return None
    digest = Digest(Algorithm(value[1]), value[2 : 1 + _DIGEST])
    return Placed(digest, bool(value[0] & 1), value[2 + _DIGEST :], bool(value[0] & 2))
