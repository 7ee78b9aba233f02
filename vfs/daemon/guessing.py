"""What a program will probably open next: what it opened in its last run, or what follows in the directory that it walks through.

Everything here blocks, and belongs in a worker thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from vfs.core.inodes import number_for
from vfs.core.reads import FIRST, goes_on
from vfs.errors import VfsError
from vfs.types import Blob, Entry, Kind
from vfs.workspace import Snapshot
from vfs.workspace.directory import Directory

WITHIN: Final = 4 * FIRST
"""The first files of a run are looked for among so many of the last one's."""

SCANNED: Final = 100_000
"""Entries of directories that are looked at for one guess."""

LISTED: Final = 500_000
"""Entries that are looked at to name what a program opened."""

FOLLOWING: Final = 20_000
"""Files of a directory that are foretold."""

_CONTENTS: Final = (Kind.FILE, Kind.EXECUTABLE)


def from_trace(snapshot: Snapshot, touched: Sequence[int], trace: Sequence[bytes]) -> list[bytes]:
    """What the last run opened after what this one has opened so far; empty if this one goes another way."""
    head = [_inode(snapshot, path) for path in trace[:WITHIN]]
    after = goes_on(touched[:FIRST], head, WITHIN)
    return list(trace[after:]) if after else []


def from_directories(
    snapshot: Snapshot, touched: Sequence[int], directories: Sequence[bytes]
) -> list[bytes]:
    """What follows in the directory of which the files that were touched are neighbours, by name; empty if there is none.

    Args:
        snapshot: what is shown.
        touched: the last few files.
        directories: that the kernel knows, those first that it came to know last.
    """
    left = SCANNED
    for path in directories:
        directory = _directory(snapshot, path)
        if directory is None:
            continue
        found = _files(directory, path)
        for _, inode in found:
            left -= 1
            if inode == touched[0]:
                ahead = list(islice(found, FOLLOWING))
                after = goes_on(touched[1:], [number for _, number in ahead], len(touched) + 1)
                return [name for name, _ in ahead[after:]] if after else []
            if left <= 0:
                return []
    return []


def named(snapshot: Snapshot, touched: Sequence[int], directories: Sequence[bytes]) -> list[bytes]:
    """The paths of files that were touched, in that order, as far as they lie in these directories."""
    wanted = set(touched)
    names: dict[int, bytes] = {}
    left = LISTED
    for path in directories:
        directory = _directory(snapshot, path)
        if directory is None or left <= 0 or len(names) == len(wanted):
            continue
        for below, inode in islice(_files(directory, path), left):
            left -= 1
            if inode in wanted:
                names.setdefault(inode, below)
    return [names[inode] for inode in touched if inode in names]


def _files(directory: Directory, path: bytes) -> Iterator[tuple[bytes, int]]:
    for entry in directory.by_name():
        if entry.digest is not None and entry.kind in _CONTENTS:
            blob = Blob(entry.digest, entry.size)
            below = path + b"/" + entry.name if path else entry.name
            yield below, number_for(blob, entry.kind)


def _directory(snapshot: Snapshot, path: bytes) -> Directory | None:
    with suppress(VfsError):
        found = snapshot.resolve(path)
        return found if isinstance(found, Directory) else None
    return None


def _inode(snapshot: Snapshot, path: bytes) -> int:
    with suppress(VfsError):
        found = snapshot.resolve(path)
        if isinstance(found, Entry) and found.digest is not None:
            return number_for(Blob(found.digest, found.size), found.kind)
    return 0
