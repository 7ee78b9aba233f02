"""Snapshot of a working tree: a Git tree of what lies there now, not of what was committed.

Rule: tracked files with the bytes they have in the working tree (no filters, no line-end
conversion), and pointers (`*.dvc`, `dvc.yaml`, `dvc.lock`, `Dvcfile`, `.dvc/config`, `.dvcignore`) that are
neither tracked nor ignored. A mount of vfs in it is passed over (`vfs.mount_table`). Git LFS files that were not edited stay pointers. The user's
repository is only read.

A file whose stat data equals the index's is taken from the index without reading it.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2

from vfs.errors import StoreError
from vfs.git.index import IndexEntry, index_signature, read_index
from vfs.git.objects import MODE_BLOB, MODE_COMMIT, MODE_EXECUTABLE, MODE_SYMLINK
from vfs.git.scratch import Scratch
from vfs.mount_table import mounts_below

BlobSize = Callable[[bytes], int]
ReadBlob = Callable[[bytes], bytes]

_POINTER_NAMES = frozenset((b"dvc.yaml", b"dvc.lock", b"Dvcfile", b".dvcignore"))
_LFS_POINTER_MAX = 1024
_LFS_PREFIX = b"version https://git-lfs.github.com/spec/"


class WorkingTree:
    """What a snapshot looks at."""

    def __init__(self, root: Path, repository: pygit2.Repository, git_dir: Path) -> None:
        self.root = os.fsencode(root).rstrip(b"/")
        self._repository = repository
        self.index_path = git_dir / "index"
        self.written = divmod(index_signature(self.index_path)[0], 1_000_000_000)
        self.tracked = {entry.path: entry for entry in self._read_index()}
        config = repository.config
        self.trusts_mode = "core.filemode" not in config or config.get_bool("core.filemode")
        autocrlf = config["core.autocrlf"] if "core.autocrlf" in config else None  # noqa: SIM401
        self.converts = (autocrlf or "false").lower() != "false" or any(
            path.rpartition(b"/")[2] == b".gitattributes" for path in self.tracked
        )
        self._mounts = mounts_below(self.root)
        self._real: dict[bytes, bool] = {b"": True}

    def _read_index(self) -> Iterator[IndexEntry]:
        return read_index(self.index_path.parent) if self.index_path.exists() else iter(())

    def absolute(self, path: bytes) -> bytes:
        """The path in the file system."""
        return self.root + b"/" + path

    def status(self, path: bytes) -> os.stat_result | None:
        """The lstat of a regular file or symlink that lies in the tree itself; None otherwise.

        A path below a symlink is outside (Git counts it as deleted).
        """
        if not self._is_real(path.rpartition(b"/")[0]):
            return None
        try:
            status = os.lstat(self.absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        kind = stat.S_IFMT(status.st_mode)
        return status if kind in (stat.S_IFREG, stat.S_IFLNK) else None

    def _is_real(self, directory: bytes) -> bool:
        """True if every component of `directory` is a directory and no symlink."""
        checked: list[bytes] = []
        while directory not in self._real:
            checked.append(directory)
            directory = directory.rpartition(b"/")[0]
        real = self._real[directory]
        for below in reversed(checked):
            if real:
                try:
                    real = below not in self._mounts and stat.S_ISDIR(
                        os.lstat(self.absolute(below)).st_mode
                    )
                except (FileNotFoundError, NotADirectoryError):
                    real = False
            self._real[below] = real
        return real

    def untracked_pointers(self) -> list[bytes]:
        """Pointers that are neither tracked nor ignored, sorted."""
        found = []
        todo = [b""]
        while todo:
            directory = todo.pop()
            for name, is_directory in self._names(directory):
                path = directory + b"/" + name if directory else name
                if is_directory:
                    if not self._is_foreign(path) and not self._ignored(path + b"/"):
                        todo.append(path)
                elif (
                    _is_pointer(path, name) and path not in self.tracked and not self._ignored(path)
                ):
                    found.append(path)
        return sorted(found)

    def _names(self, directory: bytes) -> list[tuple[bytes, bool]]:
        try:
            with os.scandir(self.absolute(directory)) as entries:
                return [
                    (entry.name, is_directory)
                    for entry in entries
                    if entry.name != b".git"
                    and (
                        (is_directory := entry.is_dir(follow_symlinks=False))
                        or entry.is_file(follow_symlinks=False)
                    )
                ]
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return []

    def _is_foreign(self, directory: bytes) -> bool:
        """True for a repository of its own (submodule or nested clone), and for a mount."""
        return directory in self._mounts or os.path.lexists(self.absolute(directory) + b"/.git")

    def _ignored(self, path: bytes) -> bool:
        # pygit2 takes text only: bytes that are none are matched as U+FFFD, so every pattern but
        # one that spells those bytes out still applies.
        return self._repository.path_is_ignored(path.decode("utf-8", "replace"))


def _is_pointer(path: bytes, name: bytes) -> bool:
    if name.endswith(b".dvc") or name in _POINTER_NAMES:
        return True
    return path == b".dvc/config" or path.endswith(b"/.dvc/config")


def fingerprint(tree: WorkingTree) -> bytes:
    """A hash over the stat data of everything a snapshot would look at."""
    hasher = hashlib.blake2b(repr(index_signature(tree.index_path)).encode(), digest_size=16)
    for path in sorted(tree.tracked.keys() | set(tree.untracked_pointers())):
        status = tree.status(path)
        if status is not None:
            times = status.st_mtime_ns, status.st_ctime_ns
            record = (path, *times, status.st_size, status.st_mode, status.st_ino)
            hasher.update(repr(record).encode())
    return hasher.digest()


def snapshot(
    tree: WorkingTree, scratch: Scratch, blob_size: BlobSize, read_blob: ReadBlob
) -> bytes:
    """Build the tree in the scratch store; returns its oid.

    Raises:
        StoreError: a file cannot be read, or the store cannot be written.
    """
    files: dict[bytes, tuple[int, bytes]] = {}
    for path in [*tree.tracked, *tree.untracked_pointers()]:
        item = _from_index(tree, path, blob_size, read_blob) or _from_disk(tree, path, scratch)
        if item is not None:
            files[path] = item
    return scratch.add_trees(files)


def _from_index(
    tree: WorkingTree, path: bytes, blob_size: BlobSize, read_blob: ReadBlob
) -> tuple[int, bytes] | None:
    """(mode, oid) of a path whose staged content is what a snapshot shows; None to look closer."""
    entry = tree.tracked.get(path)
    if entry is None:
        return None
    if entry.mode == MODE_COMMIT or entry.frozen:
        return entry.mode, entry.oid
    status = tree.status(path)
    if status is None or not entry.unchanged(status, tree.written):
        return None
    if tree.converts and not _same_bytes(entry, status, blob_size, read_blob):
        return None
    return _mode(tree, entry, status), entry.oid


def _from_disk(tree: WorkingTree, path: bytes, scratch: Scratch) -> tuple[int, bytes] | None:
    """(mode, oid) of a path as it lies in the working tree; None if it is gone."""
    absolute = tree.absolute(path)
    try:
        status = tree.status(path)
        if status is None:
            return None
        mode = _mode(tree, tree.tracked.get(path), status)
        if mode == MODE_SYMLINK:
            return mode, scratch.add(pygit2.enums.ObjectType.BLOB, os.readlink(absolute))
        return mode, scratch.add_file(absolute)
    except FileNotFoundError:
        return None
    except (OSError, pygit2.GitError) as error:
        raise StoreError(f"{os.fsdecode(absolute)} cannot be read: {error}") from error


def _mode(tree: WorkingTree, entry: IndexEntry | None, status: os.stat_result) -> int:
    if stat.S_ISLNK(status.st_mode):
        return MODE_SYMLINK
    if not tree.trusts_mode:
        return entry.mode if entry is not None and stat.S_ISREG(entry.mode) else MODE_BLOB
    return MODE_EXECUTABLE if status.st_mode & stat.S_IXUSR else MODE_BLOB


def _same_bytes(
    entry: IndexEntry, status: os.stat_result, blob_size: BlobSize, read_blob: ReadBlob
) -> bool:
    """Whether the staged blob stands for an unchanged file where Git may convert content.

    Conversions (line ends, ident, encodings) change the size; an LFS pointer stands for its file.
    """
    size = blob_size(entry.oid)
    if size == status.st_size:
        return True
    return size <= _LFS_POINTER_MAX and read_blob(entry.oid).startswith(_LFS_PREFIX)
