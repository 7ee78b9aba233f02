"""Switching the main view to another snapshot, live.

Order (see `docs/concurrency.md`, "Switching"):

1. the new snapshot is complete before this module is asked: a failure until then leaves the old one mounted;
2. `swap` re-points the view in one step without an await: from here on every request answers from the new snapshot;
3. `invalidate` runs in a worker thread: for each directory the kernel knew at the swap it tells the kernel which names to drop.

INV: when `invalidate` has returned, a path opened anew shows the new snapshot. A LOOKUP answered from the old snapshot was
answered before the swap; the kernel holds the directory's lock until it has processed that answer, and an invalidation waits for
that lock, so no stale name can be cached after its invalidation.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from vfs.core.known_names import KnownNames
from vfs.fs.directories import DirectoryTable, Listing, View, find_directory


class Notifier(Protocol):
    """How a transport tells the kernel to forget; blocking, called from a worker thread only.

    Both calls return quietly when the kernel does not know the inode or name.
    """

    def drop_name(self, directory: int, name: bytes) -> None:
        """Forget what a name in a directory is (or that it is absent)."""

    def drop_attributes(self, inode: int) -> None:
        """Forget the attributes of a directory, not any data."""


class Known(NamedTuple):
    """A directory as the kernel knew it at the swap, and the names it was told."""

    inode: int
    path: bytes
    was: Listing | None
    told: KnownNames


class SwitchReport(NamedTuple):
    """What a switch did.

    Attributes:
        directories: known directories that differ.
        names: names dropped from the kernel's cache.
        gone: inodes of directories whose path is no directory any more; `DirectoryTable.retire` takes them.
    """

    directories: int
    names: int
    gone: list[int]


def swap(table: DirectoryTable, new: View) -> list[Known]:
    """Re-point the main view at the snapshot of `new`; no await, hence atomic for every handler.

    Returns:
        The directories to compare, parents first, each with what it was.
    """
    view = table.main
    known = [
        Known(node.inode, node.path, table.listing(node), node.told) for node in table.known(view)
    ]
    view.root, view.label, view.commit = new.root, new.label, new.commit
    view.totals = new.totals
    view.epoch += 1
    return known


class Change(NamedTuple):
    """A known directory that differs, and the names to drop; `gone` if it is no directory any more."""

    directory: Known
    names: Iterator[bytes]
    gone: bool


def changes(known: list[Known], root: Listing) -> Iterator[Change]:
    """The known directories that differ in the new snapshot, parents first."""
    same: bytes | None = None
    for directory in known:
        if same is not None and directory.path.startswith(same):
            continue
        now = find_directory(root, directory.path)
        was = directory.was
        if was is None:
            continue  # it was gone already; the kernel reaches it through no name
        if now is not None and now.identity == was.identity:
            same = directory.path + b"/" if directory.path else b""
            continue
        yield Change(directory, was.changed(now) if now else _all_names(was), now is None)


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
    directories = names = 0
    gone = []
    for directory, changed, is_gone in changes(known, root):
        directories += 1
        if is_gone:
            gone.append(directory.inode)
        notifier.drop_attributes(directory.inode)
        for name in changed:
            if stopping():
                return SwitchReport(directories, names, gone)
            if name not in directory.told:
                continue
            notifier.drop_name(directory.inode, name)
            names += 1
    return SwitchReport(directories, names, gone)


def _all_names(listing: Listing) -> Iterator[bytes]:
    return (entry.name for entry, _ in listing.entries())
