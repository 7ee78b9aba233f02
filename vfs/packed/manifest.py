"""Manifests on a remote: which pointers it has, and their files, block by block.

Rule: thread-safe. A root is read with one GET of `HEAD_BYTES`, two if it is longer; blocks as they are
needed. Memory: one root, the last blocks that were used, and while all files are walked what one GET brings.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from vfs.core.lru import Lru
from vfs.errors import AccessDenied, FormatError, ObjectMissing, Unsupported
from vfs.formats.dirlisting import listing_digest
from vfs.formats.manifest_blocks import PackedFile, parse_block
from vfs.formats.manifests import HEADER_SIZE, BlockRef, Root, parse_header, parse_root
from vfs.formats.packs import CLOCK, MANIFESTS, REMOVED, manifest_key, removed_key
from vfs.formats.zstd import Buffer, Decompressor
from vfs.remotes import Remote
from vfs.remotes.base import read_body, told
from vfs.remotes.times import clock_of
from vfs.types import Digest

HEAD_BYTES = 256 << 10
WALK_BYTES = 4 << 20
"""Blocks fetched at once while all files are walked."""
_KEPT_BLOCKS = 32
_MOST_HEADS = 500


class Pointer(NamedTuple):
    """What a manifest is for: the digest in a pointer, and whether it names a `.dir` listing."""

    digest: Digest
    is_tree: bool

    @property
    def key(self) -> str:
        """Of the manifest on a remote."""
        return manifest_key(self.digest, is_tree=self.is_tree)


class PackedRemote:
    """A remote in the packed layout.

    Attributes:
        remote: the driver below.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def clock(self) -> float:
        """What time it is there (seconds since the epoch). Raises as `clock_of`."""
        return clock_of(self.remote, CLOCK)

    def present(self, pointers: Iterable[Pointer]) -> set[Pointer]:
        """Those whose manifests are here, so that there is nothing to push: HEADs while they are few, else one LIST, if that can be.

        Raises:
            RemoteError: as the remote answered.
        """
        return self._there({pointer.key: pointer for pointer in pointers}, MANIFESTS, _MOST_HEADS)

    def _there(self, keys: Mapping[str, Pointer], folder: str, heads: int) -> set[Pointer]:
        if len(keys) > heads:
            with suppress(Unsupported, AccessDenied):
                return {keys[info.key] for info in self.remote.list(folder) if info.key in keys}
        return {keys[key] for key, answer in self.remote.heads([*keys]) if told(answer) is not None}

    def readable(self, pointer: Pointer) -> "Manifest":
        """`manifest`, also one that a collection put aside: whoever found it in its place may have pushed a commit that names it."""
        try:
            return self.manifest(pointer)
        except ObjectMissing:
            with suppress(ObjectMissing):
                return self.manifest(pointer, removed_key(pointer.key))
            raise

    def readables(self, pointers: Iterable[Pointer]) -> set[Pointer]:
        """Those of many that `readable` finds: as `present`, and one LIST of what was put aside if some are not there. Raises as `present`."""
        wanted = set(pointers)
        there = self.present(wanted)
        aside = {removed_key(pointer.key): pointer for pointer in wanted - there}
        return there | self._there(aside, REMOVED, 0) if aside else there

    def manifest(self, pointer: Pointer, key: str = "") -> "Manifest":
        """The manifest of a pointer; `key`: where it lies, if not in its place.

        Raises:
            ObjectMissing: the remote has none.
            FormatError: it is damaged, or of another pointer.
            RemoteError: as the remote answered.
        """
        key = key or pointer.key
        file = f"{self.remote.url}: {key}"
        body = self.remote.get(key, 0, HEAD_BYTES)
        size = body.size
        head = read_body(body, HEAD_BYTES)
        header = parse_header(head[:HEADER_SIZE], file=file)
        end = HEADER_SIZE + header.stored
        if end > len(head):
            head += read_body(self.remote.get(key, len(head), end - len(head)), end - len(head))
        opener = Decompressor()
        root = parse_root(head[HEADER_SIZE:end], header, size, file=file, opener=opener)
        if (root.digest, root.is_tree) != pointer:
            raise FormatError(f"is the manifest of {root.digest}", file=file)
        return Manifest(self.remote, pointer, key, root, bytes(head))


class Manifest:
    """The files of a pointer.

    Attributes:
        pointer: it belongs to.
        root: totals, packs, blocks.
    """

    def __init__(self, remote: Remote, pointer: Pointer, key: str, root: Root, head: bytes) -> None:
        self.pointer = pointer
        self._key = key
        self.root = root
        self._remote = remote
        self._file = f"{remote.url}: {key}"
        self._head = head
        self._firsts = [block.first for block in root.blocks]
        self._kept: Lru[int, list[PackedFile]] = Lru(_KEPT_BLOCKS)
        self._lock = threading.Lock()

    def find(self, path: bytes) -> PackedFile | None:
        """The file at a path (b"" if the pointer is no directory); reads at most one block.

        Raises:
            FormatError, RemoteError: the block is damaged or cannot be had.
        """
        block, at = self.around(path)
        return block[at] if at >= 0 and block[at].path == path else None

    def around(self, path: bytes) -> tuple[list[PackedFile], int]:
        """The block that would hold a path, and the index of the last file that is not behind it; -1 if all are. Errors as in `find`."""
        number = bisect_right(self._firsts, path) - 1
        if number < 0:
            return [], -1
        block = self.block(number)
        return block, bisect_right(block, path, key=lambda file: file.path) - 1

    def block(self, number: int) -> list[PackedFile]:
        """The files of one block; the last ones used are kept. Errors as in `find`."""
        with self._lock:
            known = self._kept.get(number)
        if known is None:
            ref = self.root.blocks[number]
            known = self._parse(self._bytes(ref.offset, ref.stored), ref)
            with self._lock:
                self._kept.put(number, known)
        return known

    def files(self) -> Iterator[PackedFile]:
        """All files by path, some MiB of blocks with each GET. Errors as in `find`."""
        for run in self._runs():
            start = run[0].offset
            data = memoryview(self._bytes(start, run[-1].offset + run[-1].stored - start))
            for ref in run:
                yield from self._parse(data[ref.offset - start :][: ref.stored], ref)

    def check(self) -> None:
        """Compare the list of files with the pointer's digest.

        Raises:
            FormatError: it stands for other files.
        """
        if self.root.is_tree:
            found = listing_digest((file.path, file.value.hex()) for file in self.files())
        else:
            found = self.block(0)[0].value
        if found != self.root.digest.value:
            raise FormatError(f"lists the files of {found.hex()}", file=self._file)

    def _runs(self) -> Iterator[list[BlockRef]]:
        run: list[BlockRef] = []
        length = 0
        for ref in self.root.blocks:
            if run and length + ref.stored > WALK_BYTES:
                yield run
                run, length = [], 0
            run.append(ref)
            length += ref.stored
        if run:
            yield run

    def _bytes(self, start: int, length: int) -> Buffer:
        if start + length <= len(self._head):
            return self._head[start : start + length]
        data = read_body(self._remote.get(self._key, start, length), length)
        if len(data) != length:
            raise ObjectMissing(f"{self._file} has become shorter")
        return data

    def _parse(self, stored: Buffer, ref: BlockRef) -> list[PackedFile]:
        opener = Decompressor()
        return parse_block(stored, ref, self.root, file=self._file, opener=opener)
