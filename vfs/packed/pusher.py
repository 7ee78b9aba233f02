"""`Pusher`: files -> packs and manifests on a remote.

    known = learn_packs(store, bases=earlier_versions, expected=total_bytes)
    with Pusher(store, known) as pusher:
        for pointer in pointers:          # those that `store.present` does not name
            pusher.add(pointer, items_sorted_by_path)
        report = pusher.finish()

Rules: packs are filled in the order of the files over all pointers and uploaded while the next one is filled; a
manifest is put when every pack is on the remote. A file that the remote is known to have is not opened; any
other is read once, cut, and compared with its digest on the way. Leaving the block without `finish` (an error,
Ctrl-C) leaves packs without a manifest: `learn_packs` finds them again.

Memory: the pack being filled, `jobs` packs under way, and of each manifest some 60 bytes per file.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import NamedTuple, Self

from blake3 import blake3

from vfs.core.paths import show
from vfs.errors import ContentMismatch, FormatError, RemoteError
from vfs.formats.chunking import chunks, cuts_for
from vfs.formats.dirlisting import listing_digest
from vfs.formats.hashing import Hasher, hasher_for
from vfs.formats.manifest_blocks import (
    BLOCK_CHUNKS,
    BLOCK_FILES,
    ChunkPlace,
    PackedFile,
    dump_block,
)
from vfs.formats.manifests import ManifestBuilder
from vfs.formats.packs import PackBuilder
from vfs.formats.zstd import Buffer, Compressor
from vfs.packed.ahead import Item, Ready, ahead
from vfs.packed.known import Known, condemned, list_packs, seal
from vfs.packed.manifest import PackedRemote, Pointer

PACK_BYTES = 32 << 20
JOBS = 4
_LARGE = 8 << 20
"""Files of more bytes are hashed by a thread of their own, `_AHEAD` chunks behind."""
_AHEAD = 8
_LONG = 60.0
"""A push that took so many seconds looks again for packs that were condemned or removed meanwhile."""

Progress = Callable[[int, int], None]
Refuse = Callable[[Item, ContentMismatch], object]


@dataclass(slots=True)
class PushReport:
    """What a push did, or has done so far.

    Attributes:
        files, bytes: of all pointers.
        read_files, read_bytes: that had to be opened.
        same_files: that have the content of one before them in this push.
        new_chunks, new_bytes: chunks the remote was not known to have, plain bytes.
        packs, sent_bytes: packs made; bytes of packs and manifests.
    """

    files: int = 0
    bytes: int = 0
    read_files: int = 0
    read_bytes: int = 0
    same_files: int = 0
    new_chunks: int = 0
    new_bytes: int = 0
    packs: int = 0
    sent_bytes: int = 0


class _Pending(NamedTuple):
    """A manifest without its list of packs: numbers of `Known`."""

    pointer: Pointer
    builder: ManifestBuilder
    packs: list[int]


class Pusher:
    """See the module; one thread.

    Args:
        store: the remote.
        known: what it has (`learn_packs`); filled further.
        jobs: packs under way at once.
        pack_bytes: when a pack is closed.
        replace: put manifests over those that are there (repair, collection); else the first one stays.
        progress: told (bytes of files done, bytes sent).
    """

    def __init__(
        self,
        store: PackedRemote,
        known: Known,
        *,
        jobs: int = JOBS,
        pack_bytes: int = PACK_BYTES,
        replace: bool = False,
        progress: Progress = lambda done, sent: None,
    ) -> None:
        self._store = store
        self._known = known
        self._jobs = jobs
        self._pack_bytes = pack_bytes
        self._replace = replace
        self._progress = progress
        self._compressor = Compressor()
        self._pack = PackBuilder()
        self._number = self._first = known.new_pack()
        self._pool = ThreadPoolExecutor(jobs, "vfs-push")
        self._uploads: list[Future[bool]] = []
        self._pending: list[_Pending] = []
        self._began = time.monotonic()
        self._did = PushReport()

    def add(self, pointer: Pointer, items: Iterable[Item], wrong: Refuse | None = None) -> None:
        """Take the files of a pointer, sorted by path (bytes); a pointer that is no directory has one.

        Args:
            pointer: gets a manifest.
            items: its files.
            wrong: told of each file with other bytes than its item says; the others go on, but the pointer gets no manifest.

        Raises:
            ContentMismatch: a file has other bytes or another size than its item says.
            FormatError: paths are out of order, or are not the files that the pointer's digest names.
            RemoteError: a pack could not be uploaded.
            OSError: a file could not be read.
        """
        builder = ManifestBuilder(
            pointer.digest, is_tree=pointer.is_tree, compressor=self._compressor
        )
        pending = _Pending(pointer, builder, [])
        refused: list[ContentMismatch] = []

        def refuse(item: Item, error: ContentMismatch) -> None:
            if wrong is None:
                raise error
            wrong(item, error)
            refused.append(error)

        taken = self._take(pending, items, refuse)
        if pointer.is_tree:
            found = listing_digest(taken)
        else:
            names = [name for _, name in taken]
            found = bytes.fromhex(names[0]) if len(names) == 1 else b""
        if refused:
            raise refused[0]
        if found != pointer.digest.value:
            raise FormatError(
                f"the files given for {pointer.digest} are not those it names",
                hint="a list of files that is not spelled as DVC spells it cannot be pushed: `vfs commit` it anew",
            )
        self._pending.append(pending)

    def _take(
        self, pending: _Pending, items: Iterable[Item], refuse: Refuse
    ) -> Iterator[tuple[bytes, str]]:
        """Pack the items; yields what a listing says of each."""
        numbers: dict[int, int] = {}
        block: list[PackedFile] = []
        count = 0
        before: bytes | None = None
        for item, ready in ahead(items, self._known):
            if before is not None and item.path <= before:
                raise FormatError(f"{show(item.path)} is not behind {show(before)}")
            before = item.path
            try:
                file = self._file(item, ready, numbers, pending.packs)
            except ContentMismatch as error:
                refuse(item, error)
                continue
            block.append(file)
            count += len(file.chunks)
            if len(block) >= BLOCK_FILES or count >= BLOCK_CHUNKS:
                _close_block(pending.builder, block)
                block, count = [], 0
            yield item.path, item.digest.hex
        if block:
            _close_block(pending.builder, block)

    def finish(self) -> PushReport:
        """Send what is left; when it returns, everything is on the remote.

        Raises:
            RemoteError: something could not be sent; no manifest names it.
        """
        self._seal()
        self._wait(0)
        if time.monotonic() - self._began > _LONG:
            self._check_condemned()
        for pending in self._pending:
            packs = [pack for number in pending.packs if (pack := self._known.packs[number])]
            data = pending.builder.finish(packs)
            self._send(pending.pointer.key, data, if_absent=not self._replace)
        self._wait(0)
        self._pool.shutdown()
        return self._did

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    # -- files ---------------------------------------------------------------------------------

    def _file(
        self, item: Item, ready: Ready | None, numbers: dict[int, int], packs: list[int]
    ) -> PackedFile:
        algorithm, value = item.digest
        rows: range | list[int] | None = self._known.file(algorithm, value)
        if rows is not None and any(self._known.place(row).pack >= self._first for row in rows):
            self._did.same_files += 1
        if rows is None:
            rows = self._read(item) if ready is None else self._take_ready(item, ready)
            self._known.add_file(algorithm, value, rows)
        found = []
        for row in rows:
            place = self._known.place(row)
            number = numbers.get(place.pack)
            if number is None:
                number = numbers[place.pack] = len(packs)
                packs.append(place.pack)
            found.append(place._replace(pack=number))
        if sum(place.plain for place in found) != item.size:
            raise ContentMismatch(f"{_shown(item)} is not {item.size} bytes long on the remote")
        self._did.files += 1
        self._did.bytes += item.size
        self._progress(self._did.bytes, self._did.sent_bytes)
        return PackedFile(item.path, value, item.size, item.mode, item.mtime, tuple(found))

    def _read(self, item: Item) -> list[int]:
        hasher = hasher_for(item.digest)
        rows = []
        size = 0
        with item.open() as data:
            pieces = chunks(data, cuts_for(item.size))
            for piece in self._hashed(pieces, hasher) if item.size > _LARGE else pieces:
                if item.size <= _LARGE:
                    hasher.update(piece)
                size += len(piece)
                rows.append(self._chunk(piece))
        if size != item.size or not hasher.matches(item.digest.value):
            raise ContentMismatch(
                f"{_shown(item)} has other bytes than {item.digest} names ({size}, expected {item.size})",
                hint="it was changed or is damaged; nothing that was pushed now refers to it",
            )
        self._did.read_files += 1
        self._did.read_bytes += size
        return rows

    def _take_ready(self, item: Item, ready: Ready) -> list[int]:
        self._did.read_files += 1
        self._did.read_bytes += item.size
        row = self._known.chunk(ready.id)
        return [self._stored(ready.id, ready.stored, item.size) if row is None else row]

    def _hashed(self, pieces: Iterable[Buffer], hasher: Hasher) -> Iterator[bytes]:
        """Pieces whose digest another thread makes: it takes longer than all the rest."""
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(1, "vfs-hash") as pool:
            for piece in map(bytes, pieces):
                waiting.append(pool.submit(hasher.update, piece))
                yield piece
                if len(waiting) > _AHEAD:
                    waiting.popleft().result()
            for one in waiting:
                one.result()

    def _chunk(self, piece: Buffer) -> int:
        name = blake3(piece).digest()
        row = self._known.chunk(name)
        if row is not None:
            return row
        return self._stored(name, self._compressor.shorter(piece), len(piece))

    def _stored(self, name: bytes, stored: Buffer, plain: int) -> int:
        """Pack a chunk; its row."""
        if len(self._pack) and self._pack.size + len(stored) > self._pack_bytes:
            self._seal()
        offset = self._pack.add(name, stored, plain)
        self._did.new_chunks += 1
        self._did.new_bytes += plain
        return self._known.add(ChunkPlace(name, self._number, offset, len(stored), plain))

    # -- objects -------------------------------------------------------------------------------

    def _seal(self) -> None:
        """Close the pack and have it uploaded; waits while too many are under way."""
        if not len(self._pack):
            return
        pack, data = seal(self._pack, self._known.condemned)
        self._known.packs[self._number] = pack
        self._send(pack.key, data, if_absent=False)  # heals a damaged one; else the same bytes
        self._did.packs += 1
        self._pack, self._number = PackBuilder(), self._known.new_pack()

    def _send(self, key: str, data: bytes, *, if_absent: bool) -> None:
        self._wait(self._jobs - 1)
        self._uploads.append(
            self._pool.submit(self._store.remote.put, key, data, if_absent=if_absent)
        )
        self._did.sent_bytes += len(data)

    def _wait(self, most: int) -> None:
        """Until at most so many packs are under way; the first that failed is raised."""
        while True:
            ended = [upload for upload in self._uploads if upload.done()]
            self._uploads = [upload for upload in self._uploads if upload not in ended]
            for upload in ended:
                upload.result()
            if len(self._uploads) <= most:
                return
            wait(self._uploads, return_when=FIRST_COMPLETED)

    def _check_condemned(self) -> None:
        used = {number for pending in self._pending for number in pending.packs}
        packs = {pack for number in used if (pack := self._known.packs[number])}
        there = {entry.pack for entry in list_packs(self._store)}
        gone = condemned(self._store)
        if not packs <= there or any(pack.id in gone for pack in packs):
            raise RemoteError(
                f"{self._store.remote.url}: while this push ran, packs it counted on were given up by a collection",
                hint="push again: what is gone is stored again",
            )


def _close_block(builder: ManifestBuilder, block: list[PackedFile]) -> None:
    size = sum(file.size for file in block)
    builder.add(dump_block(block), len(block), size, block[0].path)


def _shown(item: Item) -> str:
    return show(item.path) if item.path else str(item.digest)
