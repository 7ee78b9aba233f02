"""The run cache: outs of earlier runs by command and inputs, in DVC's form (`vfs.formats.run_cache`).

    <cache>/runs/<2>/<key>/<value>

Rule (DVC's, source: `stage/cache.py`): the newest entry of a key counts.
"""

import os
import secrets
from contextlib import suppress

from vfs.errors import FormatError, StoreError
from vfs.formats.run_cache import (
    entry_key,
    entry_path,
    entry_text,
    entry_value,
    read_entry,
)
from vfs.formats.stage_values import Definition, Locked, LockedItem
from vfs.tracking.caches import Caches
from vfs.tracking.links import failed


class RunCache:
    """The run cache beside one cache of objects."""

    def __init__(self, directory: str) -> None:
        """`directory`: of the cache."""
        self.directory = directory

    def find(self, definition: Definition, inputs: Locked) -> Locked | None:
        """What a run with these inputs made the last time; None if nobody knows."""
        outs = {out.written: LockedItem(out.written, None) for out in definition.outs}
        key = entry_key(Locked(inputs.command, inputs.deps, inputs.params, outs))
        if key is None:
            return None
        directory = os.path.join(self.directory, entry_path(key))
        for name in _newest(directory)[:1]:
            path = os.path.join(directory, name)
            with suppress(OSError, FormatError), open(path, "rb") as file:
                found = read_entry(file.read(), path)
                return found if found.outs.keys() == outs.keys() else None
        return None

    def has(self, run: Locked) -> bool:
        """Whether there is an entry of the inputs of a run, whatever it says."""
        key = entry_key(run)
        return key is not None and bool(_newest(os.path.join(self.directory, entry_path(key))))

    def save(self, run: Locked) -> None:
        """Put a run; its outs must be in the cache, on the disk. Raises StoreFull, StoreError."""
        key, value = entry_key(run), entry_value(run)
        if key is None or value is None:
            return
        path = os.path.join(self.directory, entry_path(key, value))
        try:
            with suppress(FileNotFoundError, FormatError), open(path, "rb") as file:
                if entry_value(read_entry(file.read(), path)) == value:
                    os.utime(path)  # it is the newest now
                    return
        except OSError as error:
            raise failed(os.fsencode(path), error) from error
        self._write(path, entry_text(run))

    def take(self, path: str, data: bytes) -> bool:
        """Put an entry of another clone; whether it is what its path (`runs/…`) says.

        Raises:
            FormatError: it is no entry.
            StoreFull, StoreError: it cannot be written.
        """
        run = read_entry(data, path)
        key, value = entry_key(run), entry_value(run)
        if key is None or value is None or entry_path(key, value) != path:
            return False
        self._write(os.path.join(self.directory, path), data)
        return True

    def _write(self, path: str, data: bytes) -> None:
        directory = os.path.dirname(path)
        temporary = os.path.join(directory, f".vfs-{secrets.token_hex(8)}.tmp")
        try:
            os.makedirs(directory, exist_ok=True)
            try:
                with open(temporary, "xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, path)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
        except OSError as error:
            raise failed(os.fsencode(path), error) from error


def have_outs(caches: Caches, run: Locked) -> bool:
    """Whether the caches have all outs of a run."""
    for item in run.outs.values():
        if item.digest is None or not caches.has(item.digest, is_tree=item.is_tree):
            return False
        if item.is_tree:
            try:
                entries = list(caches.listing(item.digest))
            except (FormatError, StoreError):
                return False
            if not all(caches.has(entry.digest, size=entry.size) for entry in entries):
                return False
    return True


def _newest(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as found:
            files = [one for one in found if not one.name.startswith(".") and one.is_file()]
        return [one.name for one in sorted(files, key=lambda one: -one.stat().st_mtime_ns)]
    except OSError:
        return []
