"""Digests of working files that were read before, by path and fingerprint.

Record: key = path relative to the working tree (over 480 bytes: BLAKE3 of it behind a NUL); value = `<QQqq`
fingerprint, one byte algorithm, digest. A path that ends in a slash stands for a directory, and the digest for its listing: every file of that has a record.

Rule (as Git's index): a file whose ctime is not older than the moment it was looked at may change again
without a trace; its record has no fingerprint, and tells only that there was one. (Its mtime may lie in the future for good;
every write moves the ctime.)
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import partial
from itertools import islice, takewhile
from struct import Struct
from typing import Any, Final, NamedTuple

from blake3 import blake3

from vfs.objects import Fingerprint
from vfs.state.table import StateTable
from vfs.types import Algorithm, Digest

_PRINT: Final = Struct("<QQqq")
NEVER: Final = Fingerprint(0, 0, 0, 0)
"""No file's: all that is known is that there was one."""
RACY: Final = 100_000_000
"""Nanoseconds; more than the granularity of any file system's times that is in use (10 ms at worst)."""
_LONGEST: Final = 480  # LMDB takes keys of 511 bytes
_BATCH: Final = 5_000


class Known(NamedTuple):
    """What is remembered of one file."""

    path: bytes
    fingerprint: Fingerprint
    digest: Digest


class FileState:
    """The table `files`; blocking and thread-safe."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    def digest(self, path: bytes, found: Fingerprint, algorithm: Algorithm) -> Digest | None:
        """The digest of a file if it was read in this very state."""
        return self.digests([(path, found)], algorithm)[0]

    def digests(
        self, files: Sequence[tuple[bytes, Fingerprint]], algorithm: Algorithm
    ) -> list[Digest | None]:
        """`digest` of each, in one transaction; sorted paths are fastest."""
        table = self._table.tables["files"]

        def read(transaction: Any) -> list[bytes | None]:
            get = transaction.get
            return [
                get(path if len(path) <= _LONGEST else key_of(path), db=table) for path, _ in files
            ]

        pack, kind = _PRINT.pack, bytes((algorithm,))
        return [
            Digest(algorithm, value[_PRINT.size + 1 :])
            if value is not None and value.startswith(pack(*found) + kind)
            else None
            for value, (_, found) in zip(self._table.read(read), files, strict=True)
        ]

    def knows(self, paths: Sequence[bytes]) -> list[bool]:
        """For each path whether a file was ever read there, in whatever state."""
        table = self._table.tables["files"]

        def read(transaction: Any) -> list[bool]:
            return [transaction.get(key_of(path), db=table) is not None for path in paths]

        return self._table.read(read)

    def knows_any(self, path: bytes) -> bool:
        """Whether a file was ever read at a path or below it."""
        table = self._table.tables["files"]

        def read(transaction: Any) -> bool:
            with transaction.cursor(db=table) as cursor:
                below = path + b"/"
                return bool(cursor.set_key(key_of(path))) or (
                    bool(cursor.set_range(below[:_LONGEST]))
                    and bytes(cursor.key()).startswith(below)
                )

        return self._table.read(read)

    def remember(self, files: Iterable[Known], *, now: int | None = None) -> None:
        """Keep digests of files.

        Args:
            files: with the fingerprint each had before and after it was read.
            now: nanoseconds since the epoch, when reading began (or earlier).
        """
        moment = time.time_ns() if now is None else now
        batch: list[tuple[bytes, bytes]] = []
        for path, found, digest in files:
            known = found if found.ctime <= moment - RACY else NEVER
            batch.append((key_of(path), _PRINT.pack(*known) + digest.key))
            if len(batch) >= _BATCH:
                self._write(batch)
                batch = []
        if batch:
            self._write(batch)

    def forget(self, paths: Iterable[bytes]) -> None:
        """Count files as never seen, and directories (a slash behind them) as not known to be whole: it was not the user who took something away."""
        table = self._table.tables["files"]

        def write(some: Sequence[bytes], transaction: Any) -> None:
            for key in some:
                transaction.delete(key, db=table)

        keys = sorted(map(key_of, paths))
        for start in range(0, len(keys), _BATCH):
            self._table.remember(partial(write, keys[start : start + _BATCH]))

    def below(self, path: bytes) -> Iterator[bytes]:
        """The paths below one where a file was ever seen; not those that are too long for a key."""
        below = path + b"/"
        start: bytes | None = below[:_LONGEST]
        while start is not None:
            found = self._table.read(partial(self._keys, start, below))
            yield from (key for key in found if key != below)
            start = found[-1] + b"\0" if len(found) == _BATCH else None

    def _keys(self, start: bytes, below: bytes, transaction: Any) -> list[bytes]:
        """The first keys from one on that begin so."""
        with transaction.cursor(db=self._table.tables["files"]) as cursor:
            if not cursor.set_range(start):
                return []
            keys = map(bytes, cursor.iternext(keys=True, values=False))
            return list(takewhile(lambda key: key.startswith(below), islice(keys, _BATCH)))

    def forget_below(self, path: bytes) -> None:
        """`forget` whatever was at a path and below it; paths that are too long for a key stay."""
        self._table.remember(lambda transaction: deque(self._taken(transaction, path), maxlen=0))

    def moved(self, old: bytes, new: bytes) -> None:
        """What was at a path and below it is at another one, in the place of what was there; paths that are too long for a key stay."""
        table = self._table.tables["files"]

        def write(transaction: Any) -> None:
            for number, (key, value) in enumerate(self._taken(transaction, old)):
                if not number:
                    deque(self._taken(transaction, new), maxlen=0)
                transaction.put(key_of(new + key[len(old) :]), value, db=table)

        self._table.remember(write)

    def _taken(self, transaction: Any, path: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each record of a path and of what is below it, after it was deleted."""
        table, below = self._table.tables["files"], path + b"/"
        own = transaction.pop(key_of(path), db=table)
        if own is not None:
            yield path, own
        while some := self._records(transaction, below):
            for key, value in some:
                transaction.delete(key, db=table)
                yield key, value

    def _records(self, transaction: Any, below: bytes) -> list[tuple[bytes, bytes]]:
        """The first records whose keys begin so."""
        with transaction.cursor(db=self._table.tables["files"]) as cursor:
            if not cursor.set_range(below[:_LONGEST]):
                return []
            found = ((bytes(key), bytes(value)) for key, value in islice(cursor, _BATCH))
            return list(takewhile(lambda record: record[0].startswith(below), found))

    def doubt(self, digests: Set[Digest]) -> None:
        """Files that are remembered to hold some contents are to be read again: the objects they were made from were wrong."""
        table, values = self._table.tables["files"], {digest.key for digest in digests}

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(db=table) as cursor:
                return [
                    (bytes(key), _PRINT.pack(*NEVER) + bytes(value[_PRINT.size :]))
                    for key, value in cursor
                    if bytes(value[_PRINT.size :]) in values
                ]

        self._write(self._table.read(read))

    def is_whole(self, path: bytes, listing: Digest) -> bool:
        """Whether it was noted of a directory that each file of a listing was seen in it."""
        value = self._table.get(self._table.tables["files"], key_of(path + b"/"))
        return value == _PRINT.pack(*NEVER) + listing.key

    def note_whole(self, path: bytes, listing: Digest) -> None:
        """Note that of a directory; files that were seen stay so."""
        if not self.is_whole(path, listing):
            self.remember([Known(path + b"/", NEVER, listing)])

    def _write(self, batch: list[tuple[bytes, bytes]]) -> None:
        table = self._table.tables["files"]

        def write(transaction: Any) -> None:
            for key, value in batch:
                transaction.put(key, value, db=table)

        self._table.remember(write)


def key_of(path: bytes) -> bytes:
    """The key of a path: itself, or a hash of it if it is too long for one."""
    return path if len(path) <= _LONGEST else b"\0" + blake3(path).digest()
