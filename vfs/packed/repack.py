"""Packs of which little lives: their living chunks go to new packs, and the manifests that name them are replaced.

Rules: a manifest is replaced when all new packs are on the remote. Every chunk is compared with its id on its way; a pack
with damaged chunks stays where it is. Old packs are not touched: nobody names them afterwards, which is for `condemn`.
Memory: 100 bytes for each living chunk of the remote, 200 more for one that moves, and one pack.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from vfs.errors import FormatError, ObjectMissing, RemoteError
from vfs.formats.manifest_blocks import NO_MODE, NO_MTIME, ChunkPlace, PackedFile, dump_block
from vfs.formats.manifests import ManifestBuilder
from vfs.formats.packs import OVERHEAD, ROW_BYTES, ChunkRow, PackBuilder, PackRef
from vfs.formats.zstd import Compressor
from vfs.packed.bulk import read_files
from vfs.packed.known import Listed, read_table, seal
from vfs.packed.manifest import Manifest, PackedRemote
from vfs.packed.pusher import PACK_BYTES
from vfs.packed.roots import Roots
from vfs.remotes.base import ObjectInfo
from vfs.remotes.bulk import in_threads

LIVES: Final = 0.5
"""A pack is repacked if less of its bytes lives: then a byte that is moved frees one at least (figures: `docs/packed.md`)."""

Living = dict[bytes, dict[int, int]]
"""For each pack where its living chunks begin, and their stored lengths."""


def victims(
    roots: Roots, infos: Sequence[ObjectInfo], packs: Sequence[Listed], jobs: int
) -> dict[Listed, frozenset[int]]:
    """Those of some packs that are worth it, and where their living chunks begin; the oldest first.

    Raises:
        FormatError: a manifest is damaged.
        RemoteError: as the remote answered.
    """
    living: Living = {entry.pack.id: {} for entry in packs}
    if not living:
        return {}
    keys = [info.key for info in infos]
    for _, found in in_threads(lambda key: _living(roots.manifest(key), living), keys, jobs):
        for pack, chunks in found.items():
            living[pack].update(chunks)
    worth = {}
    for entry in sorted(packs, key=lambda entry: (entry.modified, entry.pack)):
        chunks = living[entry.pack.id]
        lives = sum(chunks.values()) + ROW_BYTES * len(chunks) + OVERHEAD
        if chunks and lives < LIVES * entry.size:
            worth[entry] = frozenset(chunks)
    return worth


def _living(manifest: Manifest | None, packs: Living) -> Living:
    """What one manifest keeps of some packs."""
    if manifest is None or not any(pack.id in packs for pack in manifest.root.packs):
        return {}
    found: dict[int, dict[int, int]] = {}
    for file in manifest.files():
        for chunk in file.chunks:
            found.setdefault(chunk.pack, {})[chunk.offset] = chunk.stored
    ids = [pack.id for pack in manifest.root.packs]
    return {ids[number]: chunks for number, chunks in found.items() if ids[number] in packs}


class Repacking:
    """One run; one thread.

    Args:
        store: the remote.
        worth: as `victims` gave them.
        condemned: names that no new pack may have.
        jobs: requests at once.
        note: told what cannot be moved.
    """

    def __init__(
        self,
        store: PackedRemote,
        worth: dict[Listed, frozenset[int]],
        condemned: frozenset[bytes],
        jobs: int,
        note: Callable[[str], None],
    ) -> None:
        self._store = store
        self._worth = worth
        self._condemned = condemned
        self._jobs = jobs
        self._note = note
        self._compressor = Compressor()
        self._builder = PackBuilder()
        self._packs: list[PackRef] = []
        self._places: dict[bytes, ChunkPlace] = {}
        """Where chunks are now, by id; their packs are numbers of `_packs`."""
        self._sent = 0

    def run(self, roots: Roots, infos: Sequence[ObjectInfo]) -> int:
        """Move the chunks and replace the manifests; bytes that were sent. Raises RemoteError."""
        for entry, offsets in self._worth.items():
            try:
                rows = [row for row in read_table(self._store, entry) if row.offset in offsets]
            except (FormatError, ObjectMissing) as error:
                self._note(f"{error.message}: it stays (`vfs fsck --remote`)")
                continue
            self._move(entry, rows)
        self._seal()
        old = {entry.pack for entry in self._worth}

        def replace(key: str) -> int:
            manifest = roots.manifest(key)
            if manifest is None or old.isdisjoint(manifest.root.packs):
                return 0
            data = self._replaced(manifest, old)
            self._store.remote.put(key, data)
            return len(data)

        if self._packs:
            for _, size in in_threads(replace, [info.key for info in infos], self._jobs):
                self._sent += size
        return self._sent

    def _move(self, entry: Listed, rows: Iterable[ChunkRow]) -> None:
        files = [
            PackedFile(
                b"",
                b"",
                row.plain,
                NO_MODE,
                NO_MTIME,
                (ChunkPlace(row.id, 0, row.offset, row.stored, row.plain),),
            )
            for row in rows
            if row.id not in self._places
        ]

        def lost(_: PackedFile, error: RemoteError) -> None:
            self._note(f"{error.message}: what it holds stays there (`vfs fsck --remote`)")

        remote, jobs = self._store.remote, self._jobs
        for file, _, data in read_files(remote, [entry.pack], files, jobs=jobs, failed=lost):
            stored = self._compressor.shorter(data)
            if len(self._builder) and self._builder.size + len(stored) > PACK_BYTES:
                self._seal()
            offset = self._builder.add(file.chunks[0].id, stored, len(data))
            place = ChunkPlace(file.chunks[0].id, len(self._packs), offset, len(stored), len(data))
            self._places[place.id] = place

    def _seal(self) -> None:
        if not len(self._builder):
            return
        pack, data = seal(self._builder, self._condemned)
        self._store.remote.put(pack.key, data)
        self._sent += len(data)
        self._packs.append(pack)
        self._builder = PackBuilder()

    def _replaced(self, manifest: Manifest, old: set[PackRef]) -> bytes:
        """A manifest of the same files, block by block, that names the new places."""
        root = manifest.root
        builder = ManifestBuilder(root.digest, is_tree=root.is_tree, compressor=Compressor())
        numbers: dict[PackRef, int] = {}

        def placed(chunk: ChunkPlace) -> ChunkPlace:
            pack, new = root.packs[chunk.pack], self._places.get(chunk.id)
            if pack in old and new is not None and new.plain == chunk.plain:
                pack, chunk = self._packs[new.pack], new
            return chunk._replace(pack=numbers.setdefault(pack, len(numbers)))

        for number, ref in enumerate(root.blocks):
            files = [
                file._replace(chunks=tuple(map(placed, file.chunks)))
                for file in manifest.block(number)
            ]
            builder.add(dump_block(files), len(files), sum(file.size for file in files), ref.first)
        return builder.finish(list(numbers))
