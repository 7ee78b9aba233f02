"""A packed remote as a source: sizes and file lists from manifests, contents from packs.

Entries name contents by digest, manifests by path. Which path a digest has is looked up in the catalog tree of the tracked
directory: an index of 8 bytes per file, made when a content of it is first wanted and kept for the trees used last. So
nothing is noted per file, and a remote that is configured (or filled) later serves what was mounted before.

Rule: thread-safe, blocking.
"""

import threading
import time
from array import array
from binascii import hexlify
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from vfs.catalog import Catalog, Tree
from vfs.core.lru import Lru
from vfs.core.windows import WINDOW
from vfs.errors import ObjectMissing, StoreError
from vfs.formats.dirlisting import listing_pieces
from vfs.formats.manifest_blocks import ChunkPlace, PackedFile
from vfs.formats.packs import PackRef, open_chunk
from vfs.formats.zstd import Buffer, Decompressor
from vfs.packed import Located, Manifest, PackedPlace, PackedRemote, PackReader, Pointer
from vfs.remotes import Remote
from vfs.transfer.place import Companion
from vfs.types import Blob, Digest

MISSING_SECONDS = 30.0
"""A manifest that was not there is not asked for again so soon: a directory may have a million files."""
MOST_COMPANIONS = 1024
_MOST_PASSED = 16
"""Small files in a row that others deal with: what lies behind them is theirs as well, or comes with somebody who reads there."""
_MANIFESTS = 64
_MOST_MISSING = 100_000
_INDEXED_FILES = 4_000_000
_LEARN = 16_384
_POSITION_BITS = 24

Window = tuple[bytes, int]
"""A pack, and which of its windows."""


class DigestIndex:
    """Where in a catalog tree a content may be."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._paths: array[int] = array(
            "Q",
            sorted(
                _prefix(entry.digest) << _POSITION_BITS | number
                for number, entry in enumerate(tree.walk())
            ),
        )

    def __len__(self) -> int:
        return len(self._paths)

    def path(self, digest: Digest) -> bytes | None:
        """A path at which the tree has the content."""
        first = _prefix(digest) << _POSITION_BITS
        for at in range(bisect_left(self._paths, first), len(self._paths)):
            number = self._paths[at] - first
            if number >> _POSITION_BITS:
                return None
            entry = self.tree.entry(number)
            if entry.digest == digest:
                return entry.path
        return None


def _learned(
    files: Iterator[PackedFile], listing: Digest, catalog: Catalog, seen: int
) -> Iterator[PackedFile]:
    """Files of a manifest whose sizes the catalog knows."""
    while batch := list(islice(files, _LEARN)):
        catalog.learn((Digest(listing.algorithm, file.value), file.size, seen) for file in batch)
        yield from batch


def _reach(files: Sequence[PackedFile], pack: int, offset: int) -> int:
    """Where the last small file of a pack ends that begins before an offset (`vfs.core.windows.Reach`), of `files`, which are in the order of the pack."""
    end = offset
    for one in files:
        if len(one.chunks) == 1 and one.chunks[0].pack == pack:
            chunk = one.chunks[0]
            if chunk.offset >= offset:
                break
            end = max(end, chunk.offset + chunk.stored)
    return end


def _prefix(digest: Digest) -> int:
    return int.from_bytes(digest.value[:5], "big")


class ListedTrees:
    """The tracked directories that were met in a session: listing -> catalog tree."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._trees: dict[Digest, bytes] = {}
        self._indexes: Lru[bytes, DigestIndex] = Lru(_INDEXED_FILES)
        self._lock = threading.Lock()

    def note(self, listing: Digest, tree: bytes) -> None:
        """A listing has this tree; the one noted last is looked at first."""
        with self._lock:
            self._trees.pop(listing, None)
            self._trees[listing] = tree

    def holding(self, digest: Digest) -> Iterator[tuple[Digest, bytes]]:
        """Listings that have a content, and a path in each, the one met last first."""
        with self._lock:
            trees = list(self._trees.items())
        for listing, tree in reversed(trees):
            if listing.algorithm is digest.algorithm:
                try:
                    path = self._path(tree, digest)
                except StoreError:  # forgotten or damaged; it is built again when it is shown again
                    continue
                if path is not None:
                    yield listing, path

    def _path(self, tree: bytes, digest: Digest) -> bytes | None:
        with self._lock:
            index = self._indexes.get(tree)
            if index is None:
                index = DigestIndex(self._catalog.open_tree(tree))
                self._indexes.put(tree, index, len(index) + 1)
            return index.path(digest)


class PackedSource:
    """One packed remote.

    Args:
        name: of the remote.
        remote: its driver.
        directory: for windows of packs.
        trees: of the session.

    Attributes:
        reader: of the packs; whoever drops the source closes it.
    """

    def __init__(self, name: str, remote: Remote, directory: Path, trees: ListedTrees) -> None:
        self.name = name
        self._store = PackedRemote(remote)
        self.reader = PackReader(remote, directory)
        self._trees = trees
        self._manifests: Lru[Pointer, Manifest] = Lru(_MANIFESTS)
        self._missing: Lru[Pointer, float] = Lru(_MOST_MISSING)
        self._lock = threading.Lock()

    def listing(self, digest: Digest, catalog: Catalog, seen: int | None) -> Iterator[bytes]:
        """The `.dir` object that a manifest stands for, piece by piece; unless `seen` is None sizes are learned on the way.

        Raises:
            ObjectMissing: the remote has no such manifest.
            FormatError, RemoteError: it is damaged or cannot be had.
        """
        files = self._manifest(Pointer(digest, True)).files()
        if seen is not None:
            files = _learned(files, digest, catalog, seen)
        return listing_pieces((file.path, b'"%b"' % hexlify(file.value)) for file in files)

    def sizes(self, listing: Digest, catalog: Catalog, seen: int) -> Iterator[int]:
        """Learn the sizes of all files of a listing; yields how many are known. Errors as in `listing`."""
        files = self._manifest(Pointer(listing, True)).files()
        for count, _ in enumerate(_learned(files, listing, catalog, seen), 1):
            if not count % _LEARN:
                yield count

    def place(self, blob: Blob) -> PackedPlace:
        """Where the bytes of a content are.

        Raises:
            ObjectMissing: no manifest names it.
            FormatError, RemoteError: a manifest is damaged or cannot be had.
        """
        return PackedPlace(
            self.reader, self.name, self._locate(blob), lambda: self._locate(blob, anew=True)
        )

    def located(self, blob: Blob) -> Located:
        """Which chunks a content has; raises as `place`."""
        return self._locate(blob)

    def parcel(self, blob: Blob) -> Window | None:
        """The window of a pack with which a small file comes, and others do; None of a file that has several chunks. Errors as in `place`."""
        manifest, file, _ = self._find(blob)
        return self._window(manifest, file) if len(file.chunks) == 1 else None

    def _window(self, manifest: Manifest, file: PackedFile) -> Window:
        """The window that a small file begins in, and comes with."""
        chunk = file.chunks[0]
        return manifest.root.packs[chunk.pack].id, chunk.offset // WINDOW

    def companions(self, blob: Blob, most: int) -> list[Companion]:
        """Small files around one that was read, whose chunks came in the same windows, of `most` bytes together; each once, as long as its window is kept.

        Raises:
            ObjectMissing, FormatError, RemoteError: as in `place`.
        """
        manifest, file, path = self._find(blob)
        if len(file.chunks) != 1:
            return []
        block, at = manifest.around(path)
        own, opener, left = file.chunks[0], Decompressor(), most
        pack, offer = manifest.root.packs[own.pack], self.reader.windows.offer
        offer(pack, own.offset, own.stored)  # nobody need bring it again
        found: list[Companion] = []
        for run in (range(at + 1, len(block)), range(at - 1, -1, -1)):
            passed = 0
            for number in run[:MOST_COMPANIONS]:
                one = block[number]
                if len(one.chunks) != 1 or one.chunks[0].pack != own.pack:
                    continue
                chunk = one.chunks[0]
                if one.size > left or passed == _MOST_PASSED:
                    break  # before it is offered: it is not dealt with here
                offered = offer(pack, chunk.offset, chunk.stored)
                if offered is None:
                    break
                if not offered:
                    passed += 1
                    continue
                passed, left = 0, left - one.size
                content = Blob(Digest(blob.digest.algorithm, one.value), one.size)
                found.append(Companion(content, partial(self._companion, pack, chunk, opener)))
        return found

    def _companion(self, pack: PackRef, chunk: ChunkPlace, opener: Decompressor) -> Buffer:
        """The bytes of a small file that came along; raises ObjectMissing if they are gone again, FormatError if they are damaged."""
        stored = self.reader.windows.peek(pack, chunk.offset, chunk.stored)
        if stored is None or len(stored) < chunk.stored:
            raise ObjectMissing(f"{self.name}: what came along is gone again")
        return open_chunk(stored, chunk.id, chunk.plain, opener)

    def _manifest(self, pointer: Pointer, *, anew: bool = False) -> Manifest:
        with self._lock:
            known = None if anew else self._manifests.get(pointer)
            missed = self._missing.get(pointer)
        if known is not None:
            return known
        if missed is not None and time.monotonic() - missed < MISSING_SECONDS:
            raise ObjectMissing(f"{self.name} had no manifest of {pointer.digest} a moment ago")
        try:
            known = self._store.readable(pointer)
        except ObjectMissing:
            with self._lock:
                self._missing.put(pointer, time.monotonic())
            raise
        with self._lock:
            self._manifests.put(pointer, known)
        return known

    def _locate(self, blob: Blob, *, anew: bool = False) -> Located:
        manifest, file, path = self._find(blob, anew=anew)
        if len(file.chunks) != 1:
            return Located(manifest.root.packs, file.chunks)
        block, at = manifest.around(path)  # now: windows ask under their lock
        reach = partial(_reach, block[at : at + MOST_COMPANIONS], file.chunks[0].pack)
        return Located(manifest.root.packs, file.chunks, reach)

    def _find(self, blob: Blob, *, anew: bool = False) -> tuple[Manifest, PackedFile, bytes]:
        """A file with that content, the manifest that lists it, and its path there."""
        message, hint = f"{self.name} has no manifest that names {blob.digest}", ""
        listed = (
            (Pointer(listing, True), path) for listing, path in self._trees.holding(blob.digest)
        )
        for pointer, path in chain(listed, [(Pointer(blob.digest, False), b"")]):
            try:
                manifest = self._manifest(pointer, anew=anew)
            except ObjectMissing as error:
                message, hint = error.message, error.hint or ""
                continue
            file = manifest.find(path)
            if file is not None and (file.value, file.size) == (blob.digest.value, blob.size):
                return manifest, file, path
        raise ObjectMissing(message, hint=hint or None)
