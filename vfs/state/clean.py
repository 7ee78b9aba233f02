"""Directories that were found to be as their pointers say, so that the next status need only look at `stat`.

Record: key = path of the out (as in `files`); value = digest key of its pointer, and 16 bytes of BLAKE3 over what was looked at: path and
fingerprint of each file there, then of the list and of each directory of objects in the caches, in which nothing comes or goes without a
trace. Of times that are too young to tell of the next change nothing is noted.
"""

import os
import time
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple

from blake3 import blake3

from vfs.formats.layout import object_path
from vfs.objects import Fingerprint
from vfs.state.files import RACY, key_of
from vfs.state.table import StateTable
from vfs.types import Digest

_PRINT: Final = Struct("<QQqq")
_NOWHERE: Final = b"\0"


class Look(NamedTuple):
    """What was looked at, in short.

    Attributes:
        hash: of all of it.
        latest: the latest of its times (ns).
        began: when it was begun to look (ns).
    """

    hash: bytes
    latest: int
    began: int


def look(
    files: Iterable[tuple[bytes, Fingerprint]], listing: Digest, caches: Sequence[str]
) -> Look:
    """What there is of an out now.

    Args:
        files: path and fingerprint of each.
        listing: the list that its pointer names.
        caches: directories of the caches.
    """
    pack, latest, began = _PRINT.pack, 0, time.time_ns()
    parts: list[bytes] = []
    for path, found in files:
        parts += (path, _NOWHERE, pack(*found))
        latest = max(latest, found.ctime)
    hasher = blake3(b"".join(parts))
    name = object_path(listing, is_tree=True)
    above = name.rpartition("/")[0].rpartition("/")[0]
    for cache in caches:
        for place in (name, *(f"{above}/{number:02x}".lstrip("/") for number in range(256))):
            try:
                status = os.stat(f"{cache}/{place}")
            except OSError:
                hasher.update(_NOWHERE)
                continue
            fields = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            hasher.update(pack(*fields))
            latest = max(latest, status.st_ctime_ns)
    return Look(hasher.digest(16), latest, began)


class CleanOuts:
    """The table `clean`; blocking and thread-safe."""

    def __init__(self, table: StateTable) -> None:
        self._table = table

    def holds(self, path: bytes, digest: Digest, found: Look) -> bool:
        """Whether that is what was there when it was found to be as its pointer says."""
        value = self._table.get(self._table.tables["clean"], key_of(path))
        return value == digest.key + found.hash

    def note(self, path: bytes, digest: Digest, found: Look) -> None:
        """What is there is what the pointer says."""
        if found.latest > found.began - RACY or self.holds(path, digest, found):
            return
        table = self._table.tables["clean"]

        def write(transaction: Any) -> None:
            transaction.put(key_of(path), digest.key + found.hash, db=table)

        self._table.remember(write)

    def forget(self) -> None:
        """Let every directory be looked at again."""
        table = self._table.tables["clean"]
        self._table.remember(lambda transaction: transaction.drop(table, delete=False))
