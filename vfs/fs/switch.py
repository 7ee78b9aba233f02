"""Switching the main view to another snapshot, live.

Order (see `docs/concurrency.md`, "Switching"):

1. the new snapshot is complete before this module is asked: a failure until then leaves the old one mounted;
2. `swap` re-points the view in one step without an await: from here on every request answers from the new snapshot;
3. `invalidate` runs in a worker thread: for each directory the kernel knew at the swap it tells the kernel which names to drop;
4. on the loop, directories that are `gone` are retired; then `drop_last`, in a worker thread again, for those that cannot be compared.

INV: when `drop_last` has returned, a path opened anew shows the new snapshot. A LOOKUP answered from the old snapshot was
answered before the swap; the kernel holds the directory's lock until it has processed that answer, and an invalidation waits for
that lock, so no stale name can be cached after its invalidation.

Rule: after the swap nothing ends a switch half done. A directory that cannot be compared (a page of the old snapshot is lost) loses all
names it told and gets a new inode, below which nothing is cached; the others go on.
"""

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from vfs.core.known_names import KnownNames
from vfs.errors import VfsError
from vfs.fs.directories import DirectoryNode, DirectoryTable, Listing, View, find_directory

log = logging.getLogger("vfs.fs")


class Notifier(Protocol):
    """How a transport tells the kernel to forget; blocking, called from a worker thread only.

    Both calls return quietly when the kernel does not know the inode or name.
    """

    def drop_name(self, directory: int, name: bytes) -> None:
        """Forget what a name in a directory is (or that it is absent), and what is cached below and not in use."""

    def drop_attributes(self, inode: int) -> None:
        """Forget the attributes of a directory, not any data."""


class Known(NamedTuple):
    """A directory as the kernel knew it at the swap, and the names it was told; `was` is an error if it cannot be read."""

    inode: int
    path: bytes
    was: Listing | VfsError | None
    told: KnownNames


class SwitchReport(NamedTuple):
    """What a switch did.

    Attributes:
        directories: known directories that differ.
        names: names dropped from the kernel's cache.
        gone: inodes whose path is no directory any more, or must get a new inode; `DirectoryTable.retire` takes them.
        last: (directory, name) for `drop_last`, once `gone` are retired.
    """

    directories: int
    names: int
    gone: list[int]
    last: list[tuple[int, bytes]]


def swap(table: DirectoryTable, new: View) -> list[Known]:
    """Re-point the main view at the snapshot of `new`; no await, hence atomic for every handler.

    Returns:
        The directories to compare, parents first, each with what it was.
    """
    view = table.main
    known = [
        Known(node.inode, node.path, _was(table, node), node.told) for node in table.known(view)
    ]
    view.root, view.label, view.commit = new.root, new.label, new.commit
    view.totals = new.totals
    view.epoch += 1
    return known


def _was(table: DirectoryTable, node: DirectoryNode) -> Listing | VfsError | None:
    try:
        return table.listing(node)
    except VfsError as error:
        return error


def invalidate(
    known: list[Known], root: Listing, notifier: Notifier, stopping: Callable[[], bool]
) -> SwitchReport:
    """Tell the kernel everything that changed; blocking.

    Args:
        known: from `swap`.
        root: the new snapshot's root.
        notifier: the transport.
        stopping: asked between names; True ends early because the mount is going away.
    """
    work = _Invalidation(known, root, notifier, stopping)
    same: bytes | None = None
    for directory in known:
        if stopping():
            break
        if same is not None and directory.path.startswith(same):
            continue
        try:
            if not work.compare(directory):
                same = directory.path + b"/" if directory.path else b""
        except Exception as error:  # half a switch would stay for ever
            known_error = isinstance(error, VfsError)
            log.warning(
                "a directory cannot be compared (%s): all its names are dropped",
                error,
                exc_info=not known_error,
            )
            work.drop_all(directory)
    return SwitchReport(work.directories, work.names, work.gone, work.last)


def drop_last(report: SwitchReport, notifier: Notifier) -> None:
    """Make the kernel look up anew what was retired because it could not be compared; blocking."""
    for directory, name in report.last:
        _try(notifier.drop_name, directory, name)


class _Invalidation:
    """What is counted and collected while known directories are compared."""

    def __init__(
        self,
        known: list[Known],
        root: Listing,
        notifier: Notifier,
        stopping: Callable[[], bool],
    ) -> None:
        self._known = known
        self._root = root
        self._notifier = notifier
        self._stopping = stopping
        self.directories = self.names = 0
        self.gone: list[int] = []
        self.last: list[tuple[int, bytes]] = []

    def compare(self, directory: Known) -> bool:
        """Drop the names that differ; False if the directory and all below are the same."""
        was = directory.was
        if isinstance(was, VfsError):
            raise was
        if was is None:
            return True  # it was gone already; the kernel reaches it through no name
        now = find_directory(self._root, directory.path)
        if now is not None and now.identity == was.identity:
            return False
        self.directories += 1
        if now is None:
            self.gone.append(directory.inode)
        self._notifier.drop_attributes(directory.inode)
        for name in was.changed(now) if now else _all_names(was):
            if self._stopping():
                break
            if name in directory.told:
                self._notifier.drop_name(directory.inode, name)
                self.names += 1
        return True

    def drop_all(self, directory: Known) -> None:
        """Drop every name a directory told, whatever the snapshots have there."""
        self.directories += 1
        _try(self._notifier.drop_attributes, directory.inode)
        for name in self._told(directory):
            if self._stopping():
                return
            _try(self._notifier.drop_name, directory.inode, name)
            self.names += 1
        parent, _, name = directory.path.rpartition(b"/")
        if name:
            self.gone.append(directory.inode)
            self.last += [(each.inode, name) for each in self._known if each.path == parent]

    def _told(self, directory: Known) -> Iterator[bytes]:
        """The names a directory told, as far as they can be known.

        Beyond the names it remembers: those of directories below that the kernel knows, and those it has now. What is missing is
        cached below the old inode only, and dropped with the directory's own name unless it is open.
        """
        told = directory.told.names()
        if told is not None:
            yield from told
            return
        start = directory.path + b"/" if directory.path else b""
        for each in self._known:
            name = each.path[len(start) :]
            if each.path.startswith(start) and name and b"/" not in name:
                yield name
        try:
            now = find_directory(self._root, directory.path)
            for name in _all_names(now) if now else ():
                if name in directory.told:
                    yield name
        except VfsError as error:
            log.warning("%s", error)


def _try(tell: Callable[..., None], *what: object) -> None:
    try:
        tell(*what)
    except VfsError as error:
        log.warning("%s", error)


def _all_names(listing: Listing) -> Iterator[bytes]:
    return (entry.name for entry, _ in listing.entries())
