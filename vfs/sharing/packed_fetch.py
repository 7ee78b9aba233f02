"""Fetching from a packed remote: what the cache lacks of some outs, in ranges of packs.

Rules:

* A pointer that the cache has all of is not asked for. For any other its manifest is read: it says which files there are, so a
  listing that is not here is made from it and compared with the pointer's digest.
* A file with wrong or missing chunks is named in `failed`, and the others arrive. Where a pack is gone the manifest is
  read once more (`docs/packed.md`, "Many pushers, and gc").

Memory: of each pointer under way its root, what `read_files` holds, and 200 bytes for each file that is missing.
"""

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from vfs.errors import (
    ContentMismatch,
    DataUnavailable,
    FormatError,
    ObjectMissing,
    RemoteError,
    VfsError,
)
from vfs.formats.dirlisting import listing_pieces
from vfs.formats.manifest_blocks import PackedFile
from vfs.formats.zstd import Buffer
from vfs.objects.assembly import Assembly
from vfs.objects.copying import Fill, filler
from vfs.packed import Manifest, PackedRemote, Piece, Pointer, read_files
from vfs.packed.bulk import Small
from vfs.processes import Processes
from vfs.remotes import Remote
from vfs.sharing.unpacking import unpack
from vfs.tracking.caches import Caches
from vfs.tracking.parallel import each
from vfs.tracking.uses import Use
from vfs.types import Algorithm, Digest
from vfs.workspace.condemned import Object
from vfs.workspace.pointers import Progress

_POINTERS: Final = 8
_RANGES: Final = 4
"""Ranges of 8 MiB that are fetched at once, each by a thread that also has the small files in it stored."""
_SMALLS: Final = 256
"""So many files of a range are worth handing over to another process."""
_MANY: Final = 4
"""So many manifests are asked for; of more it is found out first which there are."""


class PackedFetch:
    """One run; see the module.

    Args:
        remote: the driver.
        caches: the first is filled.
        jobs: threads at most.
        progress: told ("files", done, None).

    Attributes:
        arrived: sizes of the files (False) and listings (True) that came.
        failed: what the remote should have but did not give, and why.
    """

    def __init__(self, remote: Remote, caches: Caches, jobs: int, progress: Progress) -> None:
        self._store = PackedRemote(remote)
        self._caches = caches
        self._progress = progress
        self._lock = threading.Lock()
        self._jobs = jobs
        self._ranges = min(jobs, _RANGES)
        self._claimed: set[Digest] = set()
        self._processes = Processes()
        self.arrived: dict[bool, list[int]] = {False: [], True: []}
        self.failed: dict[Object, VfsError] = {}

    def run(self, uses: Sequence[Use]) -> None:
        """Bring what is missing of the outs, which have digests.

        Raises:
            StoreFull, StoreError: the cache cannot be written.
            RemoteError: the remote is down or refuses us.
        """
        wanted: dict[object, tuple[Pointer, Use]] = {}
        for use in uses:
            if use.out.digest is not None and self._lacks(use):
                pointer = Pointer(use.out.digest, use.out.is_tree)
                part = id(use) if use.wanted.inside is not None else None
                wanted[pointer, part] = pointer, use
        if len({pointer for pointer, _ in wanted.values()}) > _MANY:
            there = self._store.readables(pointer for pointer, _ in wanted.values())
            wanted = {key: one for key, one in wanted.items() if one[0] in there}
        pointers = max(1, min(len(wanted), self._jobs, _POINTERS))
        self._ranges = max(1, self._ranges // pointers)
        with self._processes:
            failed = each(wanted.values(), self._bring, pointers, self._tick)
        for ((digest, is_tree), _), error in failed:
            if not isinstance(error, ObjectMissing):
                self.failed[digest, is_tree] = error

    def _tick(self) -> None:
        self._progress("files", len(self.arrived[False]), None)

    def _lacks(self, use: Use) -> bool:
        digest = use.out.digest
        assert digest is not None
        if not use.out.is_tree:
            return not self._caches.has(digest, size=use.out.size)
        if not self._caches.has(digest, is_tree=True):
            return True
        try:
            files = use.files(self._caches)
            return any(not self._caches.has(entry.digest, size=entry.size) for entry in files)
        except (FormatError, DataUnavailable, ContentMismatch):
            return False  # whoever uses it will say so

    # One pointer ----------------------------------------------------------------------------------

    def _bring(self, one: tuple[Pointer, Use]) -> None:
        pointer, use = one
        manifest = self._store.readable(pointer)
        if pointer.is_tree and self._caches.holder(pointer.digest, is_tree=True) is None:
            size = self._caches.home.receive(pointer.digest, listing_of(manifest), is_tree=True)
            self._came(size, is_tree=True)
        lost = self._files(manifest, use)
        if any(isinstance(error, ObjectMissing) for error in lost.values()):
            with self._lock:
                self._claimed -= {Digest(pointer.digest.algorithm, value) for value in lost}
            lost = self._files(self._store.readable(pointer), use)
        for value, error in lost.items():
            self.failed[Digest(pointer.digest.algorithm, value), False] = error

    def _files(self, manifest: Manifest, use: Use) -> dict[bytes, RemoteError]:
        """Bring the missing files of a manifest; those that did not come."""
        lost: dict[bytes, RemoteError] = {}
        open_: dict[bytes, Assembly] = {}

        def failed(file: PackedFile, error: RemoteError) -> None:
            lost[file.value] = error
            if file.value in open_:
                open_.pop(file.value).close()

        digest = manifest.root.digest
        pieces = read_files(
            self._store.remote,
            manifest.root.packs,
            self._wanted(manifest, use),
            jobs=self._ranges,
            failed=failed,
            unpack=partial(self._unpack, digest.algorithm),
        )
        try:
            for piece in pieces:
                if piece.file.value not in lost:
                    try:
                        self._take(piece, digest, open_)
                    except ContentMismatch as error:
                        failed(piece.file, error)
        finally:
            pieces.close()
            for assembly in open_.values():
                assembly.close()
        return lost

    def _wanted(self, manifest: Manifest, use: Use) -> Iterator[PackedFile]:
        """The missing files that nobody fetches yet: versions of one directory share most."""
        algorithm = manifest.root.digest.algorithm
        for file in manifest.files():
            digest = Digest(algorithm, file.value)
            if manifest.root.is_tree and not use.means(file.path):
                continue
            if not self._caches.has(digest, size=file.size) and self._claim(digest):
                yield file

    def _claim(self, digest: Digest) -> bool:
        with self._lock:
            if digest in self._claimed:
                return False
            self._claimed.add(digest)
            return True

    def _unpack(self, algorithm: Algorithm, data: Buffer, smalls: list[Small]) -> list[str | None]:
        home = self._caches.home
        if len(smalls) < _SMALLS:
            wrong = unpack(home, algorithm, data, smalls)
        else:
            home.expect()
            wrong = self._processes.call(unpack, home, algorithm, data, smalls)
        for small, why in zip(smalls, wrong, strict=True):
            if why is None:
                self._came(small.size, is_tree=False)
        return wrong

    def _take(self, piece: Piece, pointer: Digest, open_: dict[bytes, Assembly]) -> None:
        file = piece.file
        assembly = open_.pop(file.value, None)
        if assembly is None:
            digest = Digest(pointer.algorithm, file.value)
            assembly = self._caches.home.assemble(digest, file.size)
        if assembly.write(piece.offset, piece.data):
            self._came(file.size, is_tree=False)
        else:
            open_[file.value] = assembly

    def _came(self, size: int, *, is_tree: bool) -> None:
        with self._lock:
            self.arrived[is_tree].append(size)


def listing_of(manifest: Manifest) -> Fill:
    """The canonical bytes of a `.dir` object, as a cache takes them."""
    rows = ((file.path, b'"%b"' % file.value.hex().encode()) for file in manifest.files())
    return filler(listing_pieces(rows))
