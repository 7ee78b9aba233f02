"""The LMDB environment of a store: transactions, growth, translation of LMDB's errors.

Rule: the only module of the store that knows how LMDB behaves. Payload never lies here.

Invariants:
- The map is resized only while no transaction of this process is open (LMDB demands it):
  transactions pass a gate that a resize closes.
- Nothing is yielded out of a transaction, so readers never pin old pages for long.
- An index belongs to the process that opened it; in a forked child it is dead.
"""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import lmdb

from vfs.errors import StoreError, StoreFull
from vfs.lmdb_files import allocate_lock_file, close_on_exec
from vfs.store.layout import State, unpack_state

T = TypeVar("T")

DATABASES: Final = ("meta", "segments", "chunks", "members", "pins", "pinned", "verdicts")
MAX_MAP: Final = 1 << 40
_STATE_KEY: Final = b"state"
_READERS: Final = 2048
_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
)
# LMDB may leave pages unwritten at the end of a sound file (freed by the transaction that took them).
_SLACK_PAGES: Final = 256


class Damaged(StoreError):
    """The files of the index are not a usable LMDB environment."""


def translate(error: lmdb.Error, directory: Path) -> StoreError:
    """The error of ours that says the same as one of LMDB's."""
    text = str(error)
    if isinstance(error, (lmdb.DiskError, lmdb.MapFullError)) or "No space left" in text:
        return StoreFull(f"cache index {directory}: no room left ({text})")
    if isinstance(error, _DAMAGE):
        return Damaged(
            f"cache index {directory} is damaged: {text}",
            hint="it is rebuilt when every vfs process has ended and one starts again",
        )
    return StoreError(f"cache index {directory}: {text}")


class Index:
    """Tables of one store, shared with any number of processes and threads."""

    def __init__(self, directory: Path, *, map_size: int, readonly: bool = False) -> None:
        """Open or create.

        Raises:
            Damaged: the files there are no LMDB environment, or were cut short.
            StoreFull: no room to create it.
            StoreError: it cannot be opened for another reason.
        """
        self.directory = directory
        self.readonly = readonly
        self.damaged = False
        self._lock = threading.Lock()
        self._gate = threading.Condition(self._lock)
        self._active = 0
        self._shut = False
        self._dead = False
        self._writer = threading.Lock()
        try:
            self._env = self._open(map_size)
            close_on_exec(directory / "data.mdb")
            self._refuse_truncated()
            if not readonly:
                self._env.reader_check()  # slots of killed processes
            self._open_tables()
        except lmdb.Error as error:
            raise translate(error, directory) from error
        except OSError as error:
            kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
            raise kind(f"cache index {directory}: {error.strerror}") from error

    def _open(self, map_size: int) -> Any:
        settings: dict[str, Any] = {
            "map_size": map_size,
            "max_dbs": len(DATABASES),
            "max_readers": _READERS,
            "sync": False,
            "metasync": False,
            "mode": 0o600,
            "readahead": False,
        }
        if not self.readonly:
            allocate_lock_file(self.directory / "lock.mdb")
            return lmdb.open(os.fspath(self.directory), **settings)
        settings |= {"readonly": True, "create": False}
        try:
            return lmdb.open(os.fspath(self.directory), **settings)
        except (lmdb.LockError, lmdb.ReadonlyError, OSError):
            raise
        except (
            lmdb.Error
        ):  # the lock file cannot be written: nobody can write here, so none is needed
            return lmdb.open(os.fspath(self.directory), lock=False, **settings)

    def _refuse_truncated(self) -> None:
        """LMDB maps the file without looking at its length; a read past its end is a SIGBUS."""
        page = self._env.stat()["psize"]
        wanted = (self._env.info()["last_pgno"] + 1) * page
        path = self.directory / "data.mdb"
        size = path.stat().st_size
        if size < wanted - _SLACK_PAGES * page:
            self._env.close()
            raise Damaged(f"cache index {self.directory}: data.mdb was cut short")
        if size < wanted and not self.readonly:
            os.truncate(path, wanted)  # zero pages are an error to LMDB, missing ones a signal

    def _open_tables(self) -> None:
        def table(name: str) -> Any:
            return self._env.open_db(
                name.encode(), dupsort=name == "pinned", create=not self.readonly
            )

        tables = {name: table(name) for name in DATABASES}
        self.meta = tables["meta"]
        self.segments = tables["segments"]
        self.chunks = tables["chunks"]
        self.members = tables["members"]
        self.pins = tables["pins"]
        self.pinned = tables["pinned"]
        self.verdicts = tables["verdicts"]

    # -- transactions ------------------------------------------------------------------------------

    def get(self, table: Any, key: bytes) -> bytes | None:
        """One value (loop-safe). Raises StoreError."""
        while True:
            self._enter()
            try:
                with self._env.begin(table) as transaction:
                    value: bytes | None = transaction.get(key)
                    return value
            except lmdb.MapResizedError:
                pass
            except lmdb.Error as error:
                raise self._translated(error) from error
            finally:
                self._leave()
            self._resize(0)

    def read(self, function: Callable[[Any], T]) -> T:
        """Run `function` in a read transaction. Raises StoreError."""
        while True:
            self._enter()
            try:
                with self._env.begin() as transaction:
                    return function(transaction)
            except lmdb.MapResizedError:
                pass  # another process grew the map
            except lmdb.Error as error:
                raise self._translated(error) from error
            finally:
                self._leave()
            self._resize(0)

    def write(self, function: Callable[[Any], T]) -> T:
        """Run `function` in a write transaction; it runs again after growth, so it must be repeatable.

        Raises:
            StoreFull: the disk is full, or the map cannot grow.
            StoreError: anything else LMDB reports, and a read-only store.
        """
        if self.readonly:
            raise StoreError(f"cache index {self.directory} is read-only")
        with self._writer:
            while True:
                wanted = 0
                self._enter()
                try:
                    with self._env.begin(write=True) as transaction:
                        return function(transaction)
                except lmdb.MapFullError as error:
                    wanted = 2 * int(self._env.info()["map_size"])
                    if wanted > MAX_MAP:
                        raise self._translated(error) from error
                except lmdb.MapResizedError:
                    wanted = 0
                except lmdb.Error as error:
                    raise self._translated(error) from error
                finally:
                    self._leave()
                self._resize(wanted)

    def state(self) -> State:
        """The record of the whole store."""
        return unpack_state(self.get(self.meta, _STATE_KEY)) or State()

    def state_in(self, transaction: Any) -> State:
        """The record of the whole store, as a transaction sees it."""
        return unpack_state(transaction.get(_STATE_KEY, db=self.meta)) or State()

    def put_state(self, transaction: Any, state: State) -> None:
        """Replace the record of the whole store."""
        transaction.put(_STATE_KEY, state.pack(), db=self.meta)

    def has_state(self) -> bool:
        """Whether the index is in use and of our format."""
        return unpack_state(self.get(self.meta, _STATE_KEY)) is not None

    def is_empty(self) -> bool:
        """Whether nothing was ever written to the index."""
        return self.get(self.meta, _STATE_KEY) is None

    def _translated(self, error: lmdb.Error) -> StoreError:
        translated = translate(error, self.directory)
        if isinstance(translated, Damaged):
            self.damaged = True
        return translated

    # -- the gate ----------------------------------------------------------------------------------

    def _enter(self) -> None:
        with self._lock:
            while self._shut:
                self._gate.wait()
            if self._dead:
                raise StoreError(f"cache index {self.directory}: used after close or fork")
            self._active += 1

    def _leave(self) -> None:
        with self._lock:
            self._active -= 1
            if self._shut:
                self._gate.notify_all()

    def _resize(self, size: int) -> None:
        """Give the map `size` bytes; 0 adopts the size that another process has given it."""
        with self._lock:
            while self._shut:
                self._gate.wait()
            if self._dead:
                raise StoreError(f"cache index {self.directory}: used after close or fork")
            self._shut = True
            try:
                while self._active:
                    self._gate.wait()
                self._env.set_mapsize(size)
            except lmdb.Error as error:
                raise self._translated(error) from error
            finally:
                self._shut = False
                self._gate.notify_all()

    def sync(self) -> None:
        """Bring everything to the disk. Raises StoreError."""
        try:
            self._env.sync(True)
        except lmdb.Error as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Close; later use raises StoreError. Waits for running transactions."""
        with self._lock:
            if self._dead:
                return
            self._dead = True
            self._shut = True
            while self._active:
                self._gate.wait()
            self._shut = False
            self._gate.notify_all()
            self._env.close()

    def abandon(self) -> None:
        """In a forked child: never touch the parent's environment again."""
        self._lock = threading.Lock()
        self._gate = threading.Condition(self._lock)
        self._shut = False
        self._dead = True
