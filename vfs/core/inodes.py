"""The table of file inodes: one compact record per immutable content the kernel holds.

An inode number is computed from (content, mode), so it is the same in every snapshot, mount and process,
and a switch never changes it. Two contents whose numbers collide (about 1 in 10^7 at a million files) are kept apart by
taking the next free number. The number is a hash of the digest, not a part of it: a stranger's pointers may name any digests, and
those with a common head would line up, so that each lookup would walk past all of them.

A million records must fit in about 200 MB, hence packed bytes in one dict rather than objects.
"""

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final, NamedTuple

from vfs.types import BLOCK_SIZE, Algorithm, Blob, Digest, Kind

_RECORD: Final = Struct("<IQqIIBB")
"""lookup count, size, mtime, origin, directory, kind, algorithm; the digest value follows."""

_LOOKUPS: Final = Struct("<I")
_FOUND: Final = Struct("<II")
"""Origin and directory, which the newest lookup sets."""

_SIZE: Final = Struct("<Q")
_SIZE_AT: Final = 4
_DIGEST_AT: Final = _RECORD.size - 1
"""Where `Digest.key` begins: the algorithm, then the value."""

_FIRST_BLOCK: Final = bytes(4)
_MOST_LOOKUPS: Final = 0xFFFF_FFFF
_MOST_DIRECTORIES: Final = 0xFFFF_FFFF

FILE_BIT: Final = 1 << 62
"""Set in every file inode number; directory numbers count up from 1 and never reach it."""

_HASH_MASK: Final = FILE_BIT - 1

# Members by number: calling an enum class costs as much as unpacking the whole record.
_KINDS: Final = {kind.value: kind for kind in Kind}
_ALGORITHMS: Final = {algorithm.value: algorithm for algorithm in Algorithm}

_FILES: Final = (Kind.FILE, Kind.EXECUTABLE)

_HASHERS: Final = tuple(blake2b(bytes((role,)), digest_size=8) for role in range(128))
"""By algorithm and kind, fed with both: copying one costs less than making one."""

_HEADS: Final = tuple(bytes((role & 7, role >> 3)) for role in range(128))
"""How the part of a record that tells contents apart begins: kind and algorithm, by both."""


class FileNode(NamedTuple):
    """A file or symlink inode, unpacked; `directory` is the inode of the one in which it was looked up last."""

    blob: Blob
    kind: Kind
    mtime: int
    origin: int
    directory: int = 0


def number_for(blob: Blob, kind: Kind) -> int:
    """The inode number a content would like to have.

    Args:
        blob: the content; another size is another inode, whatever pointer claims it.
        kind: FILE, EXECUTABLE or SYMLINK: the same bytes in another role are another inode.

    Returns:
        A number with `FILE_BIT` set.
    """
    (algorithm, value), size, _ = blob
    hasher = _HASHERS[algorithm << 3 | kind].copy()
    hasher.update(_SIZE.pack(size) + value)
    return FILE_BIT | int.from_bytes(hasher.digest(), "little") & _HASH_MASK


class FileTable:
    """File inodes the kernel knows, with their lookup counts.

    Not thread-safe: only the event loop changes it.
    """

    def __init__(self, *, large: int) -> None:
        """Contents of more than `large` bytes can be listed."""
        self._records: dict[int, bytes] = {}
        self._above = large
        self._large: set[int] = set()

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, inode: int) -> bool:
        return inode in self._records

    def remember(self, blob: Blob, kind: Kind, mtime: int, origin: int, directory: int = 0) -> int:
        """Count one lookup of a content, in the directory of an inode; returns its inode number."""
        digest, size, _ = blob
        inode = number_for(blob, kind)
        length = _SIZE.pack(size)
        tail = _HEADS[digest.algorithm << 3 | kind] + digest.value
        while (known := self._records.get(inode)) is not None:
            if known[28:] == tail and known[4:12] == length:
                # The newest origin wins: it is the one a user can still repair.
                count = min(_LOOKUPS.unpack_from(known)[0] + 1, _MOST_LOOKUPS)
                found = _FOUND.pack(origin, directory & _MOST_DIRECTORIES)
                self._records[inode] = _LOOKUPS.pack(count) + known[4:20] + found + tail
                return inode
            inode = FILE_BIT | ((inode + 1) & _HASH_MASK)
        if size > self._above:
            self._large.add(inode)
        self._records[inode] = (
            _RECORD.pack(
                1, size, mtime, origin, directory & _MOST_DIRECTORIES, kind, digest.algorithm
            )
            + digest.value
        )
        return inode

    def get(self, inode: int) -> FileNode | None:
        """The content behind an inode number, or None if the kernel never looked it up."""
        record = self._records.get(inode)
        if record is None:
            return None
        _, size, mtime, origin, directory, kind, algorithm = _RECORD.unpack_from(record)
        digest = Digest(_ALGORITHMS[algorithm], record[_RECORD.size :])
        return FileNode(Blob(digest, size), _KINDS[kind], mtime, origin, directory)

    def only_block(self, inode: int) -> tuple[bytes, int] | None:
        """The key in the chunk store of a content that is one block, and its size; None of any other inode. As `Blob.key` and `get`, without making them."""
        record = self._records.get(inode)
        if record is None:
            return None
        (size,) = _SIZE.unpack_from(record, _SIZE_AT)
        if size > BLOCK_SIZE:
            return None
        return record[_DIGEST_AT:] + size.to_bytes(8, "big") + _FIRST_BLOCK, size

    def forget(self, inode: int, lookups: int) -> bool:
        """Take back `lookups`; returns True if the inode is gone."""
        record = self._records.get(inode)
        if record is None:
            return False
        left = _LOOKUPS.unpack_from(record)[0] - lookups
        if left > 0:
            self._records[inode] = _LOOKUPS.pack(left) + record[4:]
            return False
        del self._records[inode]
        self._large.discard(inode)
        return True

    def large(self) -> Iterator[Blob]:
        """The large contents; one that is there in several roles comes several times."""
        return (node.blob for inode in self._large if (node := self.get(inode)) is not None)

    def showing(self, blob: Blob) -> list[int]:
        """The inodes that show a content."""
        return [
            inode for kind in _FILES if (inode := self._find(number_for(blob, kind), blob, kind))
        ]

    def _find(self, inode: int, blob: Blob, kind: Kind) -> int:
        """The inode of a content, from the number on that it would like to have; 0 if the kernel does not know it."""
        while (node := self.get(inode)) is not None:
            if node.kind is kind and (node.blob.digest, node.blob.size) == (blob.digest, blob.size):
                return inode
            inode = FILE_BIT | ((inode + 1) & _HASH_MASK)
        return 0
