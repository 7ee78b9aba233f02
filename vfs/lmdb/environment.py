"""One LMDB environment: transactions, growth, and translation of LMDB's errors.

Invariants:
- Transactions are short: nothing is yielded from inside one, so a reader never pins old pages
  and growing the map waits for microseconds only.
- The map is resized only while no transaction of this process is open (LMDB demands it). Readers
  and writers pass a gate that a resize closes.
- An environment belongs to the process that opened it. After a fork the child's copy is dead.
- Nobody waits without a limit for a process that is stopped in a transaction (`vfs.lmdb.orders`), nor for one that hangs with it here.
"""

import errno
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import lmdb

from vfs.errors import StoreError, StoreFull
from vfs.lmdb.files import FULL, ROOM, close_on_exec, extend, refused
from vfs.lmdb.forks import LIVE
from vfs.lmdb.gate import Gate
from vfs.lmdb.holder import PATIENCE, writer_of
from vfs.lmdb.lock_file import let_go, use
from vfs.lmdb.orders import Busy, Closed, Order, Orders
from vfs.waiting import wait_for

T = TypeVar("T")

MAX_MAP: Final = 1 << 40
_READERS: Final = 1024  # `vfs.lmdb.lock_file.LOCK_FILE` is their table
DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
    lmdb.CursorFullError,
    lmdb.PageFullError,
    # What a transaction that has just begun says where a root or the list of tables is damaged:
    lmdb.BadTxnError,
    lmdb.BadDbiError,
)
# LMDB may leave pages unwritten at the end of a sound file (freed by the transaction that took them).
_SLACK_PAGES: Final = 256
_log = logging.getLogger("vfs.lmdb")


class Damaged(StoreError):
    """The files of an environment are not a usable LMDB environment."""


class Form(NamedTuple):
    """What distinguishes one kind of environment from another.

    Attributes:
        name: what it is called in messages.
        tables: names of its databases.
        repeating: those whose keys have several values.
        hint: what helps against damage.
        options: for `lmdb.open`.
    """

    name: str
    tables: tuple[str, ...]
    repeating: tuple[str, ...]
    hint: str
    options: dict[str, Any]


class Environment:
    """Named tables of bytes -> bytes in one directory, shared by any number of processes and threads.

    Attributes:
        directory: it lies here.
        readonly: whether it was opened for reading only.
        held: whether that is because another process held the writer's lock, which opening tables for writing needs.
        damaged: whether this process has met damage in it.
        tables: handles by name, for `db=` inside transactions.
        gate: what its transactions pass.
    """

    form: Form

    def __init__(self, directory: Path, *, map_size: int, readonly: bool = False) -> None:
        """Open or create the environment in an existing directory.

        Raises:
            Damaged: the files there are no LMDB environment, or were cut short.
            StoreFull: no room to create it.
            Busy: it must be created, and another process holds the writer's lock.
            StoreError: it cannot be opened for another reason.
        """
        self.directory = directory
        self._lock_file = use(directory / "lock.mdb")
        self.held = not readonly and not wait_for(lambda: not self.is_held(), PATIENCE)
        if self.held:
            _log.warning(
                "%s; this process only reads it until it opens it again", self._whats_held()
            )
        self.readonly = readonly or self.held
        self.damaged = False
        self._dead = False
        self._identity = (0, 0)
        self._orders = Orders(self._transact, self._whats_held, self._gone)
        self._new_locks()
        self._env: Any = None
        try:
            try:
                self._env = self._open(map_size)
                close_on_exec(directory / "data.mdb")
                self._identity = _identity(directory)
                self._refuse_truncated()
                if not self.readonly:
                    self._env.reader_check()  # slots of killed processes
                self.tables = self._open_tables()
            except BaseException:
                self._orders.stop(self._shut)
                raise
        except lmdb.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            raise refused(self._name, error) from error
        LIVE.add(self)

    @property
    def _name(self) -> str:
        return f"{self.form.name} {self.directory}"

    def _new_locks(self) -> None:
        self.gate = Gate(self._orders.hangs, self._whats_held)
        self._writer = threading.Lock()

    def _open(self, map_size: int) -> Any:
        path = os.fspath(self.directory)
        settings = self.form.options | {
            "map_size": map_size,
            "max_dbs": len(self.form.tables),
            "max_readers": _READERS,
            "mode": 0o600,
        }
        if not self.readonly:
            self._lock_file.allocate()
            return _open_grown(path, settings)
        settings |= {"readonly": True, "create": False}
        try:
            self._lock_file.allocate()
            return _open_grown(path, settings)
        except (lmdb.LockError, lmdb.ReadonlyError):
            raise
        except (lmdb.Error, OSError):  # it cannot be written: nobody writes here, none is needed
            return _open_grown(path, settings | {"lock": False})

    def _refuse_truncated(self) -> None:
        """LMDB maps the file without looking at its length; a read past its end is a SIGBUS."""
        page = self._env.stat()["psize"]
        wanted = (self._env.info()["last_pgno"] + 1) * page
        path = self.directory / "data.mdb"
        size = path.stat().st_size
        if size < wanted - _SLACK_PAGES * page:
            raise Damaged(f"{self._name}: data.mdb was cut short", hint=self.form.hint)
        if size < wanted and not self.readonly:
            extend(path, wanted)

    def _open_tables(self) -> dict[str, Any]:
        """Handles of the tables. LMDB keeps them beyond a transaction that writes, or in an environment for reading only."""
        form = self.form

        def tables(transaction: Any) -> dict[str, Any]:
            return {
                name: self._env.open_db(
                    name.encode(), transaction, dupsort=name in form.repeating, create=True
                )
                for name in form.tables
            }

        if not self.readonly:
            return self._orders.run(tables)
        while True:
            try:
                return {
                    name: self._env.open_db(
                        name.encode(), dupsort=name in form.repeating, create=False
                    )
                    for name in form.tables
                }
            except lmdb.MapResizedError:
                self._env.set_mapsize(0)  # another process grew it since we opened it
            except lmdb.NotFoundError:
                if self.held:
                    raise Busy(self._whats_held()) from None
                raise

    def is_held(self) -> bool:
        """Whether another process is known to hold the writer's lock."""
        return writer_of(self._lock_file) is not None

    def _whats_held(self) -> str:
        holder = writer_of(self._lock_file) or "a process that was stopped, or is slow, holds it"
        return f"{self._name} cannot be written to now: {holder}"

    def in_place(self) -> bool:
        """Whether the directory still holds the file that is open here."""
        try:
            return _identity(self.directory) == self._identity
        except OSError:
            return False

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
                self.gate.leave()
            self._resize(0)

    def read(self, function: Callable[[Any], T], *, buffers: bool = False) -> T:
        """Run `function` in a read transaction, with `buffers` on memory that ends with it. Raises StoreError."""
        while True:
            self._enter()
            try:
                with self._env.begin(buffers=buffers) as transaction:
                    return function(transaction)
            except lmdb.MapResizedError:
                pass  # another process grew the map
            except lmdb.Error as error:
                raise self._translated(error) from error
            finally:
                self.gate.leave()
            self._resize(0)

    def write(self, function: Callable[[Any], T]) -> T:
        """Run `function` in a write transaction, again after growth: it must be repeatable.

        Raises:
            Busy: another process holds the writer's lock, and nothing moves (`vfs.lmdb.orders`).
            StoreFull: the disk is full or fails to be written, or the map cannot grow.
            StoreError: anything else LMDB reports, and an environment opened for reading.
        """
        self._refuse()
        return self._orders.run(function)

    def write_here(self, function: Callable[[Any], T]) -> T:
        """As `write`, for threads that may hang (`Orders.run_here`)."""
        self._refuse()
        return self._orders.run_here(function)

    def can_write(self) -> bool:
        """Whether the writer's lock can be had now, as far as is known; nothing is waited for."""
        free = not (self._dead or self.readonly or self._orders.hangs())
        return free and not self.is_held()

    def _refuse(self) -> None:
        if self._dead:
            raise self._gone()
        if self.held:
            raise Busy(self._whats_held())
        if self.readonly:
            raise StoreError(f"{self._name} is read-only")

    def _gone(self) -> Closed:
        return Closed(f"{self._name}: used after close or fork")

    def _transact(self, order: Order[T]) -> T:
        with self._writer:
            while True:
                wanted = 0
                self._enter()
                try:
                    order.waits()
                    with self._env.begin(write=True) as transaction:
                        order.begins()
                        return order.function(transaction)
                except lmdb.MapFullError as error:
                    wanted = 2 * int(self._env.info()["map_size"])
                    if wanted > MAX_MAP:
                        raise self._translated(error) from error
                except lmdb.MapResizedError:
                    wanted = 0
                except lmdb.Error as error:
                    raise self._translated(error, writing=True) from error
                finally:
                    self.gate.leave()
                self._resize(wanted)

    def sync(self) -> None:
        """Bring everything to the disk. Raises StoreError."""
        self._enter()
        try:
            self._env.sync(True)
        except lmdb.Error as error:
            raise self._translated(error) from error
        finally:
            self.gate.leave()

    def _translated(self, error: lmdb.Error, *, writing: bool = False) -> StoreError:
        """The error of ours that says the same as one of LMDB's."""
        text = str(error)
        if isinstance(error, (lmdb.DiskError, lmdb.MapFullError)) or _says(text, *FULL):
            return StoreFull(f"{self._name}: no room left on the disk ({text})", hint=ROOM)
        if writing and _says(text, errno.EIO):  # so says LMDB of pages that went in only in part
            return StoreFull(f"{self._name}: the disk takes nothing more ({text})")
        if isinstance(error, DAMAGE):
            self.damaged = True
            return Damaged(f"{self._name} is damaged: {text}", hint=self.form.hint)
        return StoreError(f"{self._name}: {text}")

    # -- the gate ----------------------------------------------------------------------------------

    def _enter(self) -> None:
        """Pass the gate; to be left with `self.gate.leave`."""
        self.gate.enter()
        if self._dead:
            self.gate.leave()
            raise self._gone()

    def _resize(self, size: int) -> None:
        """Grow the map to `size` bytes; 0 adopts the size another process has given it. Raises StoreError, Busy if a transaction hangs."""
        with self.gate.alone():
            if self._dead:
                return
            try:
                self._env.set_mapsize(size)
            except lmdb.Error as error:
                raise self._translated(error) from error

    def close(self) -> None:
        """Close; later use raises StoreError. One in which a transaction hangs is closed when that ends, or with the process."""
        if self._dead:
            return
        self._orders.stop(self._end)
        self._dead = True
        LIVE.discard(self)

    def _end(self) -> None:
        with suppress(Busy), self.gate.alone():
            self._dead = True
            self._shut()

    def _shut(self) -> None:
        if self._env is not None:
            self._env.close()
        let_go(self._lock_file)

    def abandon(self, *, close: bool) -> None:
        """In a forked child: let go of the parent's environment (py-lmdb leaves its files alone); see `vfs.lmdb.forks`.

        Only closing it lets the child open the directory for itself.
        """
        self._dead = True
        self._new_locks()
        if close:
            self._env.close()


def _open_grown(path: str, settings: dict[str, Any]) -> Any:
    """`lmdb.open`, again for as long as other processes grow the map while it looks at it."""
    while True:
        try:
            return lmdb.open(path, **settings)
        except lmdb.MapResizedError:
            continue


def _says(text: str, *numbers: int) -> bool:
    """Whether a message of LMDB's ends with one of the system's errors, for which it has no class."""
    return text.endswith(tuple(os.strerror(number) for number in numbers))


def _identity(directory: Path) -> tuple[int, int]:
    """Device and inode of the data file; the inode is given to no other file while it is open."""
    found = os.stat(directory / "data.mdb")
    return found.st_dev, found.st_ino
