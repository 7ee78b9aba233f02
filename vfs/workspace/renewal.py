"""`Renewal`: caches and remotes as they are configured now, when files of this machine are edited while snapshots are in use.

Rules:
  * What a commit tracks never changes, the files of the machine (system, user, `.dvc/config.local`) may. They are looked at (one
    `stat` each) whenever places are looked for or a connection is asked for, and read again when one is not what it was.
  * A file that breaks its format changes nothing, so a mount outlives a half-written one.
  * A remote is followed by its name, unless another store has an equal one that nobody has edited. A versioned one must keep its URL and server: where its files lie was noted for those. One
    that is not configured any more stays what it was.

Thread-safe; blocking.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vfs.workspace.origins import DvcOrigin, Origin
from vfs.workspace.stores import DvcStore, RemoteRef

Stamps = tuple[tuple[int, int, int] | None, ...]


def stamps(files: Sequence[Path]) -> Stamps:
    """Identity of the present contents of files; None for one that is missing."""
    return tuple(map(_stamp, files))


@dataclass(slots=True, eq=False)
class _Known:
    """Where a store was configured, what that was read from, and what it says now."""

    files: Sequence[Path]
    stamps: Stamps
    load: Callable[[], DvcStore | None]
    now: DvcStore

    def refresh(self) -> DvcStore:
        now = stamps(self.files)
        if now != self.stamps:
            self.stamps = now
            self.now = self.load() or self.now
        return self.now


class Renewal:
    """See the module."""

    def __init__(self) -> None:
        self._stores: dict[DvcStore, _Known] = {}
        self._remotes: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[_Known]] = {}
        self._lock = threading.Lock()

    def note(
        self,
        store: DvcStore,
        files: Sequence[Path],
        seen: Stamps,
        load: Callable[[], DvcStore | None],
    ) -> None:
        """Remember where a store was configured.

        Args:
            store: as it was read.
            files: of this machine that took part.
            seen: what they were, taken before they were read.
            load: reads the configuration again; None if it cannot be used.
        """
        known = _Known(files, seen, load, store)
        with self._lock:
            self._stores[store] = known
            for ref in (*store.remotes, *store.packed):
                others = self._remotes.setdefault(ref[:3], [])
                others[:] = [*(one for one in others if one.files != files), known]

    def store(self, store: DvcStore) -> DvcStore:
        """A store as it is configured now."""
        with self._lock:
            known = self._stores.get(store)
            return store if known is None else known.refresh()

    def configured(self) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
        """Name, URL and options of every remote that is configured now."""
        with self._lock:
            stores = [known.refresh() for known in self._stores.values()]
        return {ref[:3] for store in stores for ref in (*store.remotes, *store.packed)}

    def origin(self, origin: Origin) -> Origin:
        """An origin as it is configured now; what was superseded may say the same then as its successor."""
        if isinstance(origin, DvcOrigin):
            return replace(origin, store=self.store(origin.store))
        return origin

    def remote(self, ref: RemoteRef) -> RemoteRef:
        """A remote as it is configured now."""
        with self._lock:
            found = [known.refresh().named(ref.name) for known in self._remotes.get(ref[:3], ())]
        if any(now is not None and now[:3] == ref[:3] for now in found):
            return ref
        now = found[-1] if found else None
        if now is None or (now.versioned and now.service != ref.service):
            return ref
        return now._replace(versioned=ref.versioned, worktree=ref.worktree)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
