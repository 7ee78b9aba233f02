"""Working files that are the only place of their contents on this machine (`vfs add --no-copy`), until they are pushed and after.

    <git dir>/vfs/homes/    LMDB, one table

Record: key = digest key; value = `<QQqq` fingerprint, one byte 1 if a remote has the content, path relative to the working tree.

Rules: a file is a home as long as its fingerprint is the recorded one; who reads one compares it with the digest, or the fingerprint
again behind the last byte. Losing the table loses no data: contents that the cache lacks are the user's for every verb, and another
`vfs add --no-copy` finds the homes again. The directory is made by the first; who finds none asks nothing.
"""

import os
import shutil
import stat
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

from vfs.errors import StoreError
from vfs.lmdb import Damaged, Environment, Form
from vfs.objects import Fingerprint, fingerprint
from vfs.types import Digest

_MAP: Final = 1 << 26
_PRINT: Final = Struct("<QQqq")
_OPENED: Final = 8  # tables of a process; each has a few descriptors


class Home(NamedTuple):
    """Where a content lies.

    Attributes:
        path: of the file, relative to the working tree.
        fingerprint: it had when it was hashed.
        pushed: whether a remote has the content.
    """

    path: bytes
    fingerprint: Fingerprint
    pushed: bool = False


class Homes(Environment):
    """The homes of one working tree; blocking and thread-safe. Use `homes_of`: LMDB bears one for each process."""

    form = Form(
        name="table of homes",
        tables=("homes",),
        repeating=(),
        hint="vfs add --no-copy makes it anew",
        options={"sync": False, "metasync": False},
    )

    def find(self, digests: Sequence[Digest]) -> list[Home | None]:
        """What is recorded of each content."""
        table = self.tables["homes"]

        def read(transaction: Any) -> list[bytes | None]:
            return [transaction.get(digest.key, db=table) for digest in digests]

        return [None if value is None else _home(value) for value in self.read(read)]

    def keep(self, homes: Iterable[tuple[Digest, Home]]) -> None:
        """Record homes."""
        table, rows = self.tables["homes"], [(digest.key, _row(home)) for digest, home in homes]

        def write(transaction: Any) -> None:
            for key, value in rows:
                transaction.put(key, value, db=table)

        self.write(write)

    def moved(self, old: bytes, new: bytes, top: bytes) -> None:
        """A path of the working tree `top` was renamed: what had its home there and did not change has it at the new path."""
        table = self.tables["homes"]

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(db=table) as cursor:
                return [
                    (key, value)
                    for key, value in cursor
                    if value[_PRINT.size + 1 :].startswith(old)
                ]

        rows = []
        for key, value in self.read(read):
            home = _home(value)
            below = home.path[len(old) :]
            if below[:1] in (b"", b"/"):
                there = home._replace(path=new + below)
                now = _renamed(top, there)
                rows += [(key, _row(there._replace(fingerprint=now)))] if now is not None else []

        def write(transaction: Any) -> None:
            for key, value in rows:
                transaction.put(key, value, db=table)

        self.write(write)

    def pushed(self, digests: Iterable[Digest]) -> None:
        """A remote has these contents now; those that have no home here do not matter."""
        names = list(digests)
        found = zip(names, self.find(names), strict=True)
        self.keep((d, home._replace(pushed=True)) for d, home in found if home is not None)


def holds(top: bytes, home: Home) -> bool:
    """Whether a file is still what was hashed."""
    try:
        found = os.lstat(top + b"/" + home.path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and fingerprint(found) == home.fingerprint


def _renamed(top: bytes, home: Home) -> Fingerprint | None:
    """The fingerprint of a file that was renamed, which moves its ctime; None if it is another one."""
    try:
        found = os.lstat(top + b"/" + home.path)
    except OSError:
        return None
    now = fingerprint(found)
    return now if now[:3] == home.fingerprint[:3] and stat.S_ISREG(found.st_mode) else None


def homes_directory(git_dir: Path) -> Path:
    """Where the homes of a working tree are recorded; `git_dir` is its own."""
    return git_dir / "vfs" / "homes"


_guard = threading.Lock()
_open: dict[Path, Homes] = {}


def homes_of(directory: Path, *, make: bool = False) -> Homes | None:
    """The table in a directory; None if nothing was ever recorded there, unless it is to be made.

    Where it cannot be written it is opened for reading, unless it is to be made.

    Raises:
        StoreError: it cannot be opened.
    """
    with _guard:
        known = _open.get(directory)
        if known is not None:
            if known.in_place():
                return known
            _open.pop(directory).close()
        if not make and not (directory / "data.mdb").exists():
            return None
        while len(_open) >= _OPENED:
            _open.pop(next(iter(_open))).close()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            readonly = not make and not os.access(directory / "data.mdb", os.W_OK)
            _open[directory] = Homes(directory, map_size=_MAP, readonly=readonly)
        except Damaged:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _open[directory] = Homes(directory, map_size=_MAP)
        except OSError as error:
            raise StoreError(f"{directory}: {error.strerror}") from error
        return _open[directory]


def _home(value: bytes) -> Home:
    cut = _PRINT.size
    found = Fingerprint(*_PRINT.unpack_from(value))
    return Home(value[cut + 1 :], found, bool(value[cut]))


def _row(home: Home) -> bytes:
    return _PRINT.pack(*home.fingerprint) + bytes((home.pushed,)) + home.path
