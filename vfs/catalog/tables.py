"""The catalog's tables in one LMDB environment."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from vfs.lmdb import Environment, Form

INITIAL_MAP: Final = 1 << 34
"""Address space, not disk or memory; as the chunk store's index, so that it seldom grows (`vfs.lmdb.orders`)."""
_BATCH: Final = 256


class Tables(Environment):
    """Named tables of bytes -> bytes; see `docs/catalog.md` for what is in them."""

    form = Form(
        name="catalog",
        tables=("facts", "pages", "trees", "notes", "uses"),
        repeating=(),
        hint="it is a cache: stop vfs and delete the directory",
        options={"metasync": False},
    )

    def __init__(self, directory: Path, *, map_size: int = INITIAL_MAP) -> None:
        """Open or create; raises as `Environment` does."""
        super().__init__(directory, map_size=map_size)

    def value(self, table: str, key: bytes) -> bytes | None:
        """One value (loop-safe)."""
        return self.get(self.tables[table], key)

    def get_sorted(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """The pairs that exist among sorted `keys`, in their order."""

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(self.tables[table]) as cursor:
                found: list[tuple[bytes, bytes]] = cursor.getmulti(keys)
                return found

        return self.read(read)

    def after(self, table: str, key: bytes) -> list[tuple[bytes, bytes]]:
        """The next pairs behind a key, sorted; none at the end."""

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(self.tables[table]) as cursor:
                if not cursor.set_range(key + b"\0"):
                    return []
                return list(islice(cursor.iternext(), _BATCH))

        return self.read(read)

    def put(self, table: str, items: Sequence[tuple[bytes, bytes]], *, replace: bool) -> int:
        """Store pairs in one transaction; returns how many were new or replaced."""

        def write(transaction: Any) -> int:
            with transaction.cursor(self.tables[table]) as cursor:
                _, added = cursor.putmulti(items, dupdata=False, overwrite=replace)
                return int(added)

        return self.write(write)

    def delete(self, table: str, keys: Sequence[bytes]) -> None:
        """Forget keys."""

        def write(transaction: Any) -> None:
            for key in keys:
                transaction.delete(key, db=self.tables[table])

        self.write(write)

    def empty(self) -> None:
        """Forget everything."""

        def write(transaction: Any) -> None:
            for table in self.tables.values():
                transaction.drop(table, delete=False)

        self.write(write)

    def count(self, table: str) -> int:
        """Number of keys in a table."""
        return int(self.read(lambda transaction: transaction.stat(self.tables[table]))["entries"])

    def weight(self, table: str) -> int:
        """Bytes that a table takes in the file."""
        found = self.read(lambda transaction: transaction.stat(self.tables[table]))
        pages = found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
        return int(pages * found["psize"])

    def size(self) -> int:
        """Bytes on disk."""
        return (self.directory / "data.mdb").stat().st_size
