"""What one Git tree object holds that matters to a snapshot, kept in the catalog.

Two notes per tree object, each valid in every repository because a tree's id names its content:

* *names* (`n`): pointers and landmarks directly in the tree, and the subtrees that hold any.
  Made from names and modes alone, so it needs no blob (blobs may be missing in a partial clone).
* *contents* (`c`): after every blob's size is known: when the tree was first seen, how many files
  and bytes are below it, which blobs may be Git LFS pointers or are missing, and the subtrees that hold any.

The catalog may forget both, as they can be made again; of the contents the time stays (`TIME_SIZE` bytes).

Format of both: a header struct, then items `kind u8 · name length u16 · oid (20 bytes) · name`,
little-endian. The note's key carries the version of the rules.

Rule: pure; `vfs.workspace.pointers` walks and stores.
"""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from vfs.core.paths import check_component
from vfs.errors import StoreError, UnsafePath
from vfs.formats.file_names import is_pointer
from vfs.git import MODE_COMMIT, MODE_SYMLINK, MODE_TREE, TreeItem

NAMES_KEY = b"tree-names-1\0"
CONTENTS_KEY = b"tree-contents-1\0"
OID_SIZE = 20
NO_OID = bytes(OID_SIZE)
LFS_SIZES = range(100, 200)
"""Sizes a Git LFS pointer can have (`vfs.formats.lfs`: three lines of bounded length)."""
LARGEST = (1 << 63) - 1

TIME_SIZE = 8
"""Bytes of a contents note that are kept for ever: when the tree was first seen."""

_TIME = struct.Struct("<q")
_ITEM = struct.Struct("<BH20s")
_HEADER = struct.Struct("<qQQ")


class Mark(IntEnum):
    """Why a name is in a summary; the numbers are part of the format."""

    SUBTREE = 1  # holds marked names itself
    POINTER = 2  # `*.dvc`, `Dvcfile`
    LOCK = 3  # `dvc.lock`
    DVC_ROOT = 4  # a `.dvc` directory: its parent is the root of a DVC repository (oid: of `.dvc`)
    DVCIGNORE = 5
    SUBMODULE = 6
    BAD_NAME = 7  # no name the kernel may see
    MAYBE_LFS = 8
    MAYBE_LFS_EXECUTABLE = 9
    MISSING = 10  # a blob the repository does not have (a shallow, partial or damaged clone)


class Marked(NamedTuple):
    """One marked name of a tree."""

    mark: Mark
    name: bytes
    oid: bytes


class Contents(NamedTuple):
    """The contents note.

    Attributes:
        time: seconds; when this machine first saw the tree.
        files: number of files below it.
        size: bytes of all of them, at most 2**63 - 1.
        marked: LFS candidates, missing blobs, and the subtrees that hold any.
    """

    time: int
    files: int
    size: int
    marked: tuple[Marked, ...] = ()


def is_file(mode: int) -> bool:
    """Whether a mode is a regular file's (old Git wrote group-writable ones too)."""
    return mode & 0o170000 == 0o100000


def mark_of(item: TreeItem) -> Mark | None:
    """Why an item matters, by its name and mode; SUBTREE means: look inside."""
    name, mode = item.name, item.mode
    try:
        check_component(name)
    except UnsafePath:
        return Mark.BAD_NAME
    if mode == MODE_TREE:
        return Mark.DVC_ROOT if name == b".dvc" else Mark.SUBTREE
    if mode == MODE_COMMIT:
        return Mark.SUBMODULE
    if not is_file(mode):
        return None if mode == MODE_SYMLINK else Mark.BAD_NAME
    if name == b"dvc.lock":
        return Mark.LOCK
    if name == b".dvcignore":
        return Mark.DVCIGNORE
    return Mark.POINTER if is_pointer(name) else None


def served_items(items: Iterable[TreeItem]) -> list[TreeItem]:
    """The items that a snapshot shows: valid, unique names of known modes, in Git's order."""
    return [item for item in unique_items(items) if mark_of(item) is not Mark.BAD_NAME]


def unique_items(items: Iterable[TreeItem]) -> list[TreeItem]:
    """The items, each name once (the first, as `Repository.find` sees it), in Git's order."""
    kept: dict[bytes, TreeItem] = {}
    for item in items:
        kept.setdefault(item.name, item)
    return list(kept.values())


def lfs_mark(item: TreeItem, size: int) -> Mark | None:
    """Whether a file may be an LFS pointer, by its size."""
    if size not in LFS_SIZES or not is_file(item.mode):
        return None
    return Mark.MAYBE_LFS_EXECUTABLE if item.mode & 0o111 else Mark.MAYBE_LFS


def encode_names(marked: Sequence[Marked]) -> bytes:
    """The names note."""
    return b"".join([_ITEM.pack(mark, len(name), oid) + name for mark, name, oid in marked])


def decode_names(data: bytes) -> tuple[Marked, ...]:
    """Inverse of `encode_names`.

    Raises:
        StoreError: the note is damaged.
    """
    return _items(data, 0)


def encode_contents(contents: Contents) -> bytes:
    """The contents note."""
    header = _HEADER.pack(contents.time, contents.files, min(contents.size, LARGEST))
    return header + encode_names(contents.marked)


def decode_contents(data: bytes) -> Contents:
    """Inverse of `encode_contents`.

    Raises:
        StoreError: the note is damaged.
    """
    if len(data) < _HEADER.size:
        raise StoreError("a note about a Git tree is damaged in the catalog")
    time, files, size = _HEADER.unpack_from(data)
    return Contents(time, files, size, _items(data, _HEADER.size))


def first_seen(data: bytes | None, default: int) -> int:
    """The time in a contents note, without decoding the rest; `default` if there is none."""
    if data is None or len(data) < TIME_SIZE:
        return default
    seen: int = _TIME.unpack_from(data)[0]
    return seen


def _items(data: bytes, position: int) -> tuple[Marked, ...]:
    found = []
    try:
        while position < len(data):
            mark, length, oid = _ITEM.unpack_from(data, position)
            position += _ITEM.size
            found.append(Marked(Mark(mark), data[position : position + length], oid))
            position += length
    except (struct.error, ValueError) as error:
        raise StoreError("a note about a Git tree is damaged in the catalog") from error
    return tuple(found)
