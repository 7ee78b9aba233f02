"""Where the catalog's tables live: one environment per directory and process, with a way out.

Rule: a mount must come up even where the cache directory cannot be used. Then, when the disk
fills up, and while another process holds up all who want to write, tables live in a private directory
in memory (or the system's temporary directory) that disappears with the process. What was kept there for
want of the writer's lock is written to the directory once that can be had; where the tables could only be opened for
reading because of it, they are opened anew then.

Invariants:
- LMDB forbids opening one environment twice in a process, so storages are shared through a
  registry and counted.
- Damaged files are moved aside (`data.mdb` and `lock.mdb` together, because a lock file belongs
  to its data file), with the gate held, and the catalog starts empty: when it is opened, and also
  while it is in use. Other processes go on with the old files until they meet the damage.
"""

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import methodcaller
from pathlib import Path
from typing import TypeVar

from vfs.catalog.collect import TIME, Collected, Rules, collect
from vfs.catalog.pins import BUILDING, Pins
from vfs.catalog.tables import INITIAL_MAP, Tables
from vfs.catalog.unneeded import DAY
from vfs.errors import StoreError, StoreFull
from vfs.lmdb import Busy, Closed, Damaged
from vfs.lmdb.lease import CLEAN, OPENING, Lease, boot_id
from vfs.lmdb.walk import is_sound

T = TypeVar("T")

_log = logging.getLogger("vfs.catalog")
_registry: "dict[str, Storage]" = {}
_registry_lock = threading.Lock()


class Storage:
    """The catalog's tables; see `Tables` for the operations.

    Attributes:
        directory: the one asked for.
        degraded: True if nothing survives this process (directory unusable or disk full).
        pins: what this process uses; a collector of any process leaves it alone.
        losses: how often something was found lost or damaged; it must be built again.
    """

    def __init__(self, directory: Path, map_size: int) -> None:
        """Open; prefer `open_storage`, which shares storages within the process."""
        self.directory = directory
        self.users = 0
        self.losses = 0
        self._owner = os.getpid()
        self._map_size = map_size
        self._lock = threading.Lock()
        self._opening = threading.Lock()  # for moments, inside the other: readers wait for it
        self._private: list[Path] = []
        self._overflow: Tables | None = None  # newer than what is in the directory
        # While spilling: keys that the directory still has.
        self._forgotten: defaultdict[str, set[bytes]] = defaultdict(set)
        self._spilling = False  # what is learned goes there
        self._waiting = False  # what is there may come into the directory later
        self._lease = Lease(directory)
        self._primary = self._open_primary()

    @property
    def degraded(self) -> bool:
        """True if what is stored now will not survive this process."""
        return self._spilling or self._primary.directory in self._private

    def _open_primary(self) -> Tables:
        """Open the tables of the directory and the file of pins beside them, or both in memory."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(self.directory, 0o700)
            self.pins = Pins(self.directory / "pins")
            return self._open_sound()
        except (OSError, StoreError) as error:
            _log.warning(
                "catalog %s cannot be used, keeping it in memory: %s", self.directory, error
            )
            tables = self._open_private()
            self.pins = Pins(tables.directory / "pins")
            return tables

    def _open_sound(self) -> Tables:
        """Open what lies in the directory, or start anew if it is damaged.

        Only the process that is alone looks closer, and only if the last one did not end well.
        """
        alone = self._lease.enter(OPENING)
        try:
            if alone:
                self._look_closer()
                # Not synced: after a power cut an old "clean" is true, because LMDB syncs.
                self._lease.note(boot_id(), sync=False)
            try:
                tables = Tables(self.directory, map_size=self._map_size)
            except Damaged as error:
                self._move_aside(str(error))
                tables = Tables(self.directory, map_size=self._map_size)
            self._lease.settle()
        except BaseException:
            self._lease.leave()
            raise
        return tables

    def _look_closer(self) -> None:
        if self._lease.last_note() != CLEAN and not is_readable(self.directory):
            self._move_aside(f"catalog {self.directory} is damaged")

    def _move_aside(self, reason: str) -> None:
        self.losses += 1
        _log.warning("%s; starting with an empty catalog", reason)
        for name in ("data.mdb", "lock.mdb"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.directory / name, self.directory / f"{name}.damaged")

    def _renew(self, broken: Tables, error: Damaged) -> Tables:
        """Put sound tables in the place of those that turned out to be damaged."""
        with self._lock:
            if self._primary is not broken:
                return self._primary
            try:
                self._lease.enter()
                try:
                    if broken.in_place():
                        self._move_aside(str(error))
                    else:
                        self.losses += 1  # another process has moved it aside
                    self._primary = Tables(self.directory, map_size=self._map_size)
                finally:
                    self._lease.settle()
            except (OSError, StoreError) as failure:
                _log.warning("%s; keeping the catalog in memory", failure)
                self._primary = self._open_private()
        broken.close()
        return self._primary

    def _open_private(self) -> Tables:
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
        try:
            directory = Path(tempfile.mkdtemp(prefix="vfs-catalog-", dir=base))
        except OSError as error:
            raise StoreError(
                f"catalog {self.directory}: cannot be used, and neither can a temporary directory"
            ) from error
        self._private.append(directory)
        weakref.finalize(self, _remove, directory, os.getpid())
        return Tables(directory, map_size=self._map_size)

    def _instead(self, primary: Tables, error: StoreError) -> Tables:
        """The tables to use for those that turned out to be damaged, or were closed to be opened anew."""
        if isinstance(error, Damaged):
            return self._renew(primary, error)
        with self._opening:
            if self._primary is primary:
                raise error
            return self._primary

    def _act(self, act: Callable[[Tables], T]) -> T:
        """Do something with what is in the directory, and never with what is kept in memory."""
        primary = self._primary
        try:
            return act(primary)
        except (Damaged, Closed) as error:
            return act(self._instead(primary, error))

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value (loop-safe)."""
        if self._overflow is not None:
            if (kept := self._overflow.value(table, key)) is not None:
                return kept
            if key in self._forgotten[table]:
                return None
        primary = self._primary
        try:
            return primary.value(table, key)
        except (Damaged, Closed) as error:
            return self._instead(primary, error).value(table, key)

    def get_sorted(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """The pairs that exist among sorted `keys`, sorted."""
        kept = self._overflow.get_sorted(table, keys) if self._overflow is not None else []
        if gone := self._forgotten[table]:
            keys = [key for key in keys if key not in gone]
        found = self._act(lambda tables: tables.get_sorted(table, keys))
        return sorted((dict(found) | dict(kept)).items()) if kept else found

    def put(self, table: str, items: Sequence[tuple[bytes, bytes]], *, replace: bool) -> int:
        """Store pairs in one transaction; returns how many were new or replaced."""
        return self._write(lambda tables: tables.put(table, items, replace=replace))

    def delete(self, table: str, keys: Sequence[bytes]) -> None:
        """Forget keys."""
        self._write(
            lambda tables: tables.delete(table, keys), lambda: self._forgotten[table].update(keys)
        )

    def _write(self, act: Callable[[Tables], T], besides: Callable[[], object] = lambda: None) -> T:
        """Write to the directory; if that cannot be done now, to memory, and do what must be done `besides` then."""
        while True:
            if self._waiting:
                self._bring_home()
            if not self._spilling:
                primary = self._primary
                try:
                    return act(primary)
                except (Damaged, Closed) as error:
                    return act(self._instead(primary, error))
                except (Busy, StoreFull) as error:
                    self._spill(error)
            with self._lock:  # what is kept is not emptied meanwhile
                if self._spilling and self._overflow is not None:
                    besides()
                    return act(self._overflow)

    def _spill(self, error: StoreError) -> None:
        with self._lock:
            if self._spilling:
                return
            _log.warning("%s; what is learned from now on is kept in memory", error)
            self._overflow = self._overflow or self._open_private()
            self._spilling, self._waiting = True, isinstance(error, Busy)
            self.pins.hold(BUILDING)  # trees there may need pages here: nobody collects now

    def _bring_home(self) -> None:
        """Write what was kept in memory to the directory, if that can be done now."""
        with self._lock:
            kept = self._overflow
            if not self._waiting or kept is None:
                return
            primary = self._open_again()
            if not primary.can_write():
                return
            try:
                for table in Tables.form.tables:
                    if gone := self._forgotten[table]:
                        primary.delete(table, sorted(gone))
                    last = b""
                    while batch := kept.after(table, last):
                        primary.put(table, batch, replace=True)
                        last = batch[-1][0]
            except StoreError:
                return  # the next one tries again
            self._forgotten.clear()
            kept.empty()  # nothing was missed meanwhile: readers look here first
            self._spilling = self._waiting = False
            self.pins.release(BUILDING)
            _log.warning("catalog %s can be written to again", self.directory)

    def _open_again(self) -> Tables:
        """Under the lock: tables that were opened for reading only, opened for writing if nobody is in the way any more."""
        primary = self._primary
        if not primary.held or primary.is_held():
            return primary
        with self._opening:
            primary.close()  # LMDB forbids to have both open; who reads meanwhile waits (`_instead`)
            try:
                try:
                    self._primary = Tables(self.directory, map_size=self._map_size)
                except Busy:  # again; it is known by now who is in the way
                    self._primary = Tables(self.directory, map_size=self._map_size)
            except (OSError, StoreError) as error:
                _log.warning("%s; keeping the catalog in memory", error)
                self._primary = self._open_private()
        return self._primary

    def all(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Every pair, sorted, read in batches; the last ones stored may be missing."""
        last = b""
        while batch := self._act(methodcaller("after", table, last)):
            yield from batch
            last = batch[-1][0]

    def verify(self) -> bool:
        """Whether the files are, and always were, sound; if not, they are moved aside and the tables are empty."""
        primary = self._primary
        if self.losses:
            return False
        if is_sound(primary.directory, Tables.form):
            return True
        self._renew(primary, Damaged(f"catalog {primary.directory} is damaged"))
        return False

    def use(self, uses: Iterable[bytes], now: int) -> None:
        """Write down that trees are used now; once a day is enough. Raises StoreError."""
        keys = sorted(uses)
        fresh = {
            key
            for key, value in self._act(methodcaller("get_sorted", "uses", keys))
            if len(value) == TIME.size and abs(now - TIME.unpack(value)[0]) < DAY
        }
        stale = [(key, TIME.pack(now)) for key in keys if key not in fresh]
        if stale:
            self._act(methodcaller("put", "uses", stale, replace=True))

    def collect(self, rules: Rules, *, now: int, limit: int, recent: int) -> Collected | None:
        """As `vfs.catalog.collect.collect`; None also while what is learned is kept in memory. Raises StoreError."""
        if self.degraded:
            return None
        primary = self._primary
        with self.pins.claims() as claims:
            return collect(primary, claims, rules, now=now, limit=limit, recent=recent)

    def weight(self, *tables: str) -> int:
        """Bytes that tables take on disk."""
        return sum(self._act(methodcaller("weight", table)) for table in tables)

    def count(self, table: str) -> int:
        """Number of keys in a table (keys in both environments count twice)."""
        overflow = self._overflow
        here = self._act(lambda tables: tables.count(table))
        return here + (overflow.count(table) if overflow else 0)

    def size(self) -> int:
        """Bytes on disk (or in memory, where degraded)."""
        overflow = self._overflow
        return self._primary.size() + (overflow.size() if overflow else 0)

    def close(self) -> None:
        """Close the environments and delete private directories."""
        self._bring_home()
        with contextlib.suppress(OSError, StoreError):
            if self._primary.in_place() and self._lease.enter():
                self._lease.note("damaged" if self._primary.damaged else CLEAN, sync=False)
        self._primary.close()
        self._lease.leave()
        self.pins.close()
        if self._overflow is not None:
            self._overflow.close()
        for directory in self._private:
            _remove(directory, self._owner)


def _remove(directory: Path, owner: int) -> None:
    """Delete a private directory, unless we are a fork of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def is_readable(directory: Path) -> bool:
    """Whether what lies in a catalog's directory, if anything, can be read by another process."""
    return not (directory / "data.mdb").exists() or is_sound(directory, Tables.form)


def open_storage(directory: Path, *, map_size: int = INITIAL_MAP) -> Storage:
    """The storage of a directory, shared with every other user in this process.

    Raises:
        StoreError: neither the directory nor a temporary one can be used.
    """
    key = os.path.realpath(directory)
    with _registry_lock:
        storage = _registry.get(key)
        if storage is None:
            storage = _registry[key] = Storage(Path(key), map_size)
        storage.users += 1
        return storage


def close_storage(storage: Storage) -> None:
    """Give back what `open_storage` returned; the last user closes it."""
    with _registry_lock:
        storage.users -= 1
        if storage.users > 0:
            return
        if _registry.get(os.fspath(storage.directory)) is storage:
            del _registry[os.fspath(storage.directory)]
    storage.close()


def _forget_after_fork() -> None:
    global _registry_lock
    _registry_lock = threading.Lock()
    _registry.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
