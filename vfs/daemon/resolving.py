"""Paths that somebody will read, as contents of the snapshot that is shown."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vfs.core.inodes import number_for
from vfs.errors import UnknownPath, VfsError
from vfs.transfer import Place
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot, Workspace
from vfs.workspace.directory import Directory

_CONTENTS: Final = (Kind.FILE, Kind.EXECUTABLE)

_NO_FILES: Final = (Kind.DIRECTORY, Kind.SYMLINK)


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


class Resolved(NamedTuple):
    """Paths, looked up.

    Attributes:
        items: each as a file with contents that may be fetched; None for whatever else it is.
        absent: those with no file: there is nothing, a directory, or a symlink, which is not followed. Of what cannot be served nobody knows.
    """

    items: list[Item | None]
    absent: list[bytes]


def resolved(workspace: Workspace, snapshot: Snapshot, paths: Sequence[bytes]) -> Resolved:
    """What paths are; the path b"" stands for what lies elsewhere. Blocking."""
    directories: dict[bytes, Directory | Entry | None] = {}
    found = Resolved([], [])
    for path in paths:
        parent, _, name = path.rpartition(b"/")
        if parent not in directories:
            directories[parent] = _directory(snapshot, parent)
        directory = directories[parent]
        if isinstance(directory, Directory):
            entry = directory.lookup(name) if name else None
        else:
            entry = directory  # what is in the way
        found.items.append(item(workspace, snapshot, entry) if entry is not None else None)
        if path and (entry is None or entry.kind in _NO_FILES):
            found.absent.append(path)
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


def _directory(snapshot: Snapshot, path: bytes) -> Directory | Entry | None:
    """That of a path; None if there is none, an entry without contents if it cannot be served."""
    try:
        found = snapshot.resolve(path)
    except UnknownPath:
        return None
    except VfsError:
        return Entry(path, Kind.BROKEN)
    return None if isinstance(found, Entry) and found.kind is not Kind.BROKEN else found
