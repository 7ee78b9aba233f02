"""Paths that somebody will read, as contents of the snapshot that is shown."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from vfs.core.inodes import number_for
from vfs.errors import VfsError
from vfs.transfer import Place
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.directory import Directory

_CONTENTS: Final = (Kind.FILE, Kind.EXECUTABLE)


class Item(NamedTuple):
    """A file.

    Attributes:
        blob: its content.
        inode: the number it has in the mount, unless another content has that.
        places: finds where it may come from; blocking.
    """

    blob: Blob
    inode: int
    places: Callable[[], Sequence[Place]]


def resolved(workspace: Workspace, snapshot: Snapshot, paths: Sequence[bytes]) -> list[Item | None]:
    """Each path as a file with contents; None for whatever else it is. Blocking."""
    directories: dict[bytes, Directory | None] = {}
    found = []
    for path in paths:
        parent, _, name = path.rpartition(b"/")
        if parent not in directories:
            directories[parent] = _directory(snapshot, parent)
        directory = directories[parent]
        entry = directory.lookup(name) if directory is not None and name else None
        found.append(item(workspace, snapshot, entry) if entry is not None else None)
    return found


def item(workspace: Workspace, snapshot: Snapshot, entry: Entry) -> Item | None:
    """An entry of a snapshot, if it has contents."""
    if entry.digest is None or entry.kind not in _CONTENTS:
        return None
    blob, origin = Blob(entry.digest, entry.size), entry.origin
    return Item(
        blob,
        number_for(blob, entry.kind),
        lambda: workspace.places_of(snapshot.origins[origin], blob),
    )


def _directory(snapshot: Snapshot, path: bytes) -> Directory | None:
    with suppress(VfsError):
        found = snapshot.resolve(path)
        return found if isinstance(found, Directory) else None
    return None
