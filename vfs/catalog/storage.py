"""Where the catalog's tables live: one environment per directory and process, with a way out.

Rule: a mount must come up even where the cache directory cannot be used. Then, and when the disk
fills up, tables live in a private directory in memory (or the system's temporary directory) that
disappears with the process.

Invariants:
- LMDB forbids opening one environment twice in a process, so storages are shared through a
  registry and counted.
- Damaged files are moved aside (`data.mdb` and `lock.mdb` together, because a lock file belongs
  to its data file), under a file lock, and the catalog starts empty.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

from vfs.catalog.tables import INITIAL_MAP, Tables
from vfs.errors import StoreError, StoreFull
from vfs.lmdb import Damaged

_log = logging.getLogger("vfs.catalog")
_registry: "dict[str, Storage]" = {}
_registry_lock = threading.Lock()


class Storage:
    """The catalog's tables; see `Tables` for the operations.

    Attributes:
        directory: the one asked for.
        degraded: True if nothing survives this process (directory unusable or disk full).
    """

    def __init__(self, directory: Path, map_size: int) -> None:
        """Open; prefer `open_storage`, which shares storages within the process."""
        self.directory = directory
        self.users = 0
        self._owner = os.getpid()
        self._map_size = map_size
        self._lock = threading.Lock()
        self._private: list[Path] = []
        self._overflow: Tables | None = None
        self._primary = self._open_primary()

    @property
    def degraded(self) -> bool:
        """True if what is stored now will not survive this process."""
        return bool(self._private)

    def _open_primary(self) -> Tables:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.chmod(self.directory, 0o700)
            return _open_sound(self.directory, self._map_size)
        except (OSError, StoreError) as error:
            _log.warning(
                "catalog %s cannot be used, keeping it in memory: %s", self.directory, error
            )
            return self._open_private()

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

    def get(self, table: str, key: bytes) -> bytes | None:
        """One value (loop-safe)."""
        value = self._primary.value(table, key)
        if value is None and self._overflow is not None:
            return self._overflow.value(table, key)
        return value

    def get_sorted(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """The pairs that exist among sorted `keys`, sorted."""
        found = self._primary.get_sorted(table, keys)
        if self._overflow is None or len(found) == len(keys):
            return found
        merged = dict(self._overflow.get_sorted(table, keys))
        merged.update(found)
        return sorted(merged.items())

    def put(self, table: str, items: Sequence[tuple[bytes, bytes]], *, replace: bool) -> int:
        """Store pairs in one transaction; returns how many were new or replaced."""
        if self._overflow is None:
            try:
                return self._primary.put(table, items, replace=replace)
            except StoreFull as error:
                self._spill(error)
        assert self._overflow is not None
        return self._overflow.put(table, items, replace=replace)

    def _spill(self, error: StoreFull) -> None:
        with self._lock:
            if self._overflow is None:
                _log.warning("%s; what is learned from now on is kept in memory", error)
                self._overflow = self._open_private()

    def delete(self, table: str, keys: Sequence[bytes]) -> None:
        """Forget keys."""
        for environment in (self._primary, self._overflow):
            if environment is not None:
                environment.delete(table, keys)

    def count(self, table: str) -> int:
        """Number of keys in a table (keys in both environments count twice)."""
        overflow = self._overflow
        return self._primary.count(table) + (overflow.count(table) if overflow else 0)

    def size(self) -> int:
        """Bytes on disk (or in memory, where degraded)."""
        overflow = self._overflow
        return self._primary.size() + (overflow.size() if overflow else 0)

    def close(self) -> None:
        """Close the environments and delete private directories."""
        self._primary.close()
        if self._overflow is not None:
            self._overflow.close()
        for directory in self._private:
            _remove(directory, self._owner)


def _remove(directory: Path, owner: int) -> None:
    """Delete a private directory, unless we are a fork of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _open_sound(directory: Path, map_size: int) -> Tables:
    with _locked(directory / "open.lock"):
        try:
            return Tables(directory, map_size=map_size)
        except Damaged as error:
            _log.warning("%s; starting with an empty catalog", error)
            for name in ("data.mdb", "lock.mdb"):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(directory / name, directory / f"{name}.damaged")
            return Tables(directory, map_size=map_size)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
