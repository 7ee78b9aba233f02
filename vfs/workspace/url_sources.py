"""The files of a directory that `dvc import-url` names, as they lie there now.

Rule: what is found is compared with what the pointer recorded before any of it is served.
"""

import os
import stat

from vfs.catalog import TreeEntry
from vfs.core.paths import check_listed
from vfs.errors import DataUnavailable, UnsafePath
from vfs.formats.hashing import new_hasher
from vfs.formats.values import FileEntry, Place
from vfs.own_mount import WHY, holds, open_other, stat_other
from vfs.remotes import Remote
from vfs.types import Algorithm, Digest, Kind

_PIECE = 1 << 20


def local_files(path: str, algorithm: Algorithm, total: int, time: int) -> list[TreeEntry]:
    """The files of a directory of this machine with their hashes, sorted by path.

    Args:
        path: the directory. Symlinks to files are followed, those to directories are not (as DVC does); the mount that this process
            serves is passed over (`vfs.own_mount`).
        algorithm: MD5 or MD5_DOS2UNIX.
        total: bytes of all files as recorded; unless they are as many, nothing is read.
        time: seconds; when the files are first seen.

    Raises:
        DataUnavailable: the directory has changed, or cannot be read.
    """
    root = os.fsencode(path)
    if holds(root):
        raise DataUnavailable(f"the import source {path} is not read: {WHY}")
    found: list[tuple[bytes, int]] = []
    left = total
    for directory, below, names in os.walk(root):
        below[:] = [name for name in below if not holds(os.path.join(directory, name))]
        for name in names:
            file = os.path.join(directory, name)
            size = _size(file)
            if size is not None:
                found.append((file, size))
                left -= size
        if left < 0:
            break
    if left:
        raise DataUnavailable(f"the import source {path} has changed since, or is gone")
    entries = []
    for file, size in found:
        try:
            digest = Digest(algorithm, _hash(file, size, algorithm))
        except OSError as error:
            raise DataUnavailable(f"the import source {path}: {error.strerror}") from error
        entries.append(TreeEntry(os.path.relpath(file, root), Kind.FILE, digest, size, time))
    return sorted(entries)


def _size(file: bytes) -> int | None:
    """Bytes of a regular file; None for anything else."""
    try:
        status = stat_other(file)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _hash(file: bytes, size: int, algorithm: Algorithm) -> bytes:
    """The hash of the first `size` bytes; an empty file is not opened (`/proc` has endless ones)."""
    hasher = new_hasher(algorithm)
    if size:
        with open(file, "rb", buffering=0, opener=open_other) as stream:
            while size > 0 and (piece := stream.read(min(_PIECE, size))):
                hasher.update(piece)
                size -= len(piece)
    return hasher.digest()


def remote_files(remote: Remote) -> list[FileEntry]:
    """The objects below a remote's URL with their ETags, sorted by path.

    Raises:
        RemoteError: as the remote answered.
    """
    found = []
    for info in remote.list(""):
        try:
            path = check_listed(info.key.encode("utf-8", "surrogateescape"))
        except UnsafePath:
            continue  # a marker of a directory, or nothing a listing could name: the hash decides
        found.append(FileEntry(path, None, info.size, False, Place(None, info.etag)))
    return sorted(found, key=lambda file: file.path)
