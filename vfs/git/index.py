"""The Git index: tracked paths and the stat data by which a file counts as unchanged.

Rule: read only, with libgit2, into plain values. pygit2's own entries leave the stat data out, so
the C structure is read through its cffi binding (`git_index_entry` in libgit2's index.h).
"""

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pygit2
from pygit2.ffi import C, ffi

from vfs.errors import Unsupported
from vfs.git.handles import open_libgit2

# ctime s/ns, mtime s/ns, dev, ino, mode, uid, gid, size, oid, flags, extended flags
_ENTRY = struct.Struct("=iIiIIIIIII20sHH")
_ASSUME_VALID = 0x8000
_STAGE = 0x3000
_SKIP_WORKTREE = 1 << 14


class IndexEntry(NamedTuple):
    """One tracked path.

    Attributes:
        path: relative to the working tree.
        mode: as Git stores it (0o100644, …).
        oid: the staged blob (or commit of a submodule).
        size: of the file when it was staged, modulo 2**32.
        mtime: (seconds, nanoseconds) of the file when it was staged.
        frozen: the user told Git not to look at the file (sparse checkout, assume-unchanged).
        conflict: it is one side of an unfinished merge.
    """

    path: bytes
    mode: int
    oid: bytes
    size: int
    mtime: tuple[int, int]
    frozen: bool
    conflict: bool

    def unchanged(self, status: os.stat_result, written: tuple[int, int]) -> bool:
        """True if the stat data proves that the file is what was staged.

        `written` is the index's own mtime: a file as young as it may have changed within the
        clock's tick ("racily clean"), so it proves nothing.
        """
        seconds, nanoseconds = divmod(status.st_mtime_ns, 1_000_000_000)
        return (
            self.mtime == (seconds, nanoseconds)
            and self.mtime < written
            and self.size == status.st_size & 0xFFFFFFFF
            and stat.S_IFMT(self.mode) == stat.S_IFMT(status.st_mode)
            and not self.conflict
        )


def index_signature(path: Path) -> tuple[int, int, int, int]:
    """Stat data that changes when the index is rewritten; zeros if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0, 0, 0
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def read_index(git_dir: Path) -> Iterator[IndexEntry]:
    """The entries of a repository's index, sorted by path.

    Raises:
        Unsupported: libgit2 cannot read it (split or sparse index, or damaged).
    """
    repository = open_libgit2(git_dir)  # a fresh one: handles keep the index they read first
    try:
        index = repository.index
    except (pygit2.GitError, OSError, ValueError) as error:
        raise Unsupported(
            f"the index of {git_dir} cannot be read: {error}",
            hint="git update-index --no-split-index; git sparse-checkout reapply --no-sparse-index",
        ) from error
    pointer = index._index
    for number in range(len(index)):
        yield _entry(C.git_index_get_byindex(pointer, number))


def _entry(raw: object) -> IndexEntry:
    fields = _ENTRY.unpack_from(ffi.buffer(raw))
    flags, extended = fields[11], fields[12]
    return IndexEntry(
        ffi.string(raw.path),  # type: ignore[attr-defined]
        fields[6],
        fields[10],
        fields[9],
        (fields[2], fields[3]),
        bool(flags & _ASSUME_VALID or extended & _SKIP_WORKTREE),
        bool(flags & _STAGE),
    )
