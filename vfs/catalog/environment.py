"""One LMDB environment: transactions, growth, and translation of LMDB's errors.

Rule: the only module of the catalog that knows LMDB. Everything stored here may be lost.

Invariants:
- Transactions are short: nothing is yielded from inside one, so a reader never pins old pages
  and growing the map waits for microseconds only.
- The map is resized only while no transaction of this process is open (LMDB demands it). Readers
  and writers pass a gate that a resize closes.
- An environment belongs to the process that opened it. After a fork the child's copy is dead.
"""

import errno
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from vfs.errors import StoreError, StoreFull
from vfs.lmdb_files import allocate_lock_file, close_on_exec

T = TypeVar("T")

DATABASES = ("facts", "pages", "trees", "notes")
INITIAL_MAP = 1 << 30  # address space, not disk or memory
_READERS = 1024
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
)
# Pages an aborted or merged write may leave unwritten at the end of a sound file.
_SLACK_PAGES = 256


class Damaged(StoreError):
    """The files of an environment are not a usable LMDB environment."""


def _translate(error: lmdb.Error, directory: Path) -> StoreError:
    if isinstance(error, lmdb.DiskError) or "No space left" in str(error):
        return StoreFull(f"catalog {directory}: no room left on the disk")
    if isinstance(error, _DAMAGE):
        return Damaged(
            f"catalog {directory}: {error}", hint="it is a cache: stop vfs and delete the directory"
        )
    return StoreError(f"catalog {directory}: {error}")


class Environment:
    """Named tables of bytes -> bytes in one directory, shared by any number of processes."""

    def __init__(self, directory: Path, *, map_size: int = INITIAL_MAP) -> None:
        """Open or create the environment in an existing directory.

        Raises:
            Damaged: the files there are no LMDB environment, or were cut short.
            StoreFull: no room to create it.
            StoreError: it cannot be opened for another reason.
        """
        self.directory = directory
        self._inside: deque[None] = deque()  # one item per open transaction
        self._shut = False
        self._opened = threading.Event()
        self._left = threading.Event()
        self._resizing = threading.Lock()
        self._writer = threading.Lock()
        self._dead = False
        try:
            allocate_lock_file(directory / "lock.mdb")
        except OSError as error:
            kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
            raise kind(f"catalog {directory}: {error.strerror}") from error
        try:
            self._env = lmdb.open(
                os.fspath(directory),
                map_size=map_size,
                max_dbs=len(DATABASES),
                max_readers=_READERS,
                metasync=False,
                mode=0o600,
            )
        except lmdb.Error as error:
            raise _translate(error, directory) from error
        try:
            close_on_exec(directory / "data.mdb")
            self._refuse_truncated()
            self._env.reader_check()
            self._tables = self._open_tables()
        except lmdb.Error as error:
            self._env.close()
            raise _translate(error, directory) from error
        _LIVE.add(self)

    def _open_tables(self) -> dict[str, Any]:
        while True:
            try:
                return {name: self._env.open_db(name.encode()) for name in DATABASES}
            except lmdb.MapResizedError:
                self._env.set_mapsize(0)  # another process grew it since we opened it

    def _refuse_truncated(self) -> None:
        """LMDB maps the file without looking at its length; a read past its end is a SIGBUS."""
        pages = self._env.info()["last_pgno"] + 1 - _SLACK_PAGES
        wanted = pages * self._env.stat()["psize"]
        if (self.directory / "data.mdb").stat().st_size < wanted:
            self._env.close()
            raise Damaged(f"catalog {self.directory}: data.mdb was cut short")

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value (loop-safe)."""

        def read(transaction: Any) -> bytes | None:
            value: bytes | None = transaction.get(key, db=self._tables[table])
            return value

        return self.read(read)

    def get_sorted(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """The pairs that exist among sorted `keys`, in their order."""

        def read(transaction: Any) -> list[tuple[bytes, bytes]]:
            with transaction.cursor(self._tables[table]) as cursor:
                found: list[tuple[bytes, bytes]] = cursor.getmulti(keys)
                return found

        return self.read(read)

    def put(self, table: str, items: Sequence[tuple[bytes, bytes]], *, replace: bool) -> int:
        """Store pairs in one transaction; returns how many were new or replaced."""

        def write(transaction: Any) -> int:
            with transaction.cursor(self._tables[table]) as cursor:
                _, added = cursor.putmulti(items, dupdata=False, overwrite=replace)
                return int(added)

        return self.write(write)

    def delete(self, table: str, keys: Sequence[bytes]) -> None:
        """Forget keys."""

        def write(transaction: Any) -> None:
            for key in keys:
                transaction.delete(key, db=self._tables[table])

        self.write(write)

    def count(self, table: str) -> int:
        """Number of keys in a table."""

        def read(transaction: Any) -> int:
            return int(transaction.stat(self._tables[table])["entries"])

        return self.read(read)

    def size(self) -> int:
        """Bytes on disk."""
        return (self.directory / "data.mdb").stat().st_size

    def read(self, function: Callable[[Any], T]) -> T:
        """Run `function` in a read transaction."""
        while True:
            self._enter()
            try:
                with self._env.begin() as transaction:
                    return function(transaction)
            except lmdb.MapResizedError:
                pass  # another process grew the map
            except lmdb.Error as error:
                raise _translate(error, self.directory) from error
            finally:
                self._leave()
            self._resize(0)

    def write(self, function: Callable[[Any], T]) -> T:
        """Run `function` in a write transaction, again after growth: it must be repeatable.

        Raises:
            StoreFull: the disk is full.
            StoreError: anything else LMDB reports.
        """
        with self._writer:
            while True:
                wanted = 0
                self._enter()
                try:
                    with self._env.begin(write=True) as transaction:
                        return function(transaction)
                except lmdb.MapFullError:
                    wanted = 2 * int(self._env.info()["map_size"])
                except lmdb.MapResizedError:
                    wanted = 0
                except lmdb.Error as error:
                    raise _translate(error, self.directory) from error
                finally:
                    self._leave()
                self._resize(wanted)

    def _enter(self) -> None:
        """Pass the gate. No lock: readers in a tight loop would starve a writer of it.

        A reader shows itself and then looks at the gate; a resize closes the gate and then looks
        for readers. So one of them always sees the other.
        """
        while True:
            if self._dead:
                raise StoreError(f"catalog {self.directory}: used after close or fork")
            self._inside.append(None)
            if not self._shut:
                return
            self._leave()
            self._opened.wait()

    def _leave(self) -> None:
        self._inside.pop()
        if self._shut:
            self._left.set()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Shut the gate and wait until no transaction of this process is open."""
        with self._resizing:
            self._opened.clear()
            self._shut = True
            try:
                while True:
                    self._left.clear()
                    if not self._inside:
                        break
                    self._left.wait()
                yield
            finally:
                self._shut = False
                self._opened.set()

    def _resize(self, size: int) -> None:
        """Grow the map to `size` bytes; 0 adopts the size another process has given it."""
        with self._alone():
            if self._dead:
                return
            try:
                self._env.set_mapsize(size)
            except lmdb.Error as error:
                raise _translate(error, self.directory) from error

    def close(self) -> None:
        """Close; later use raises StoreError. Waits for running transactions."""
        if self._dead:
            return
        with self._alone():
            self._dead = True
            self._env.close()
        _LIVE.discard(self)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's environment (py-lmdb leaves its files alone).

        Only closing it lets the child open the directory for itself.
        """
        self._dead = True
        self._env.close()


_LIVE: "weakref.WeakSet[Environment]" = weakref.WeakSet()


def _abandon_all() -> None:
    for environment in list(_LIVE):
        environment.abandon()
    _LIVE.clear()


os.register_at_fork(after_in_child=_abandon_all)
