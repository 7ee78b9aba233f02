"""Which chunks and files a remote is known to have, while something is pushed to it (`docs/packed.md`).

Rule: only what lies in a pack that the remote lists and that is not condemned is known. Not thread-safe.
Memory: some 220 bytes for each chunk and 130 for each file.
"""

import os
import re
import secrets
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from blake3 import blake3

from vfs.errors import FormatError, ObjectMissing
from vfs.formats.manifest_blocks import ChunkPlace, PackedFile
from vfs.formats.packs import (
    CONDEMNED,
    ID,
    MAX_CONDEMNED,
    PACKS,
    ChunkRow,
    PackBuilder,
    PackRef,
    dump_condemned,
    parse_condemned,
    parse_pack_key,
    parse_table,
)
from vfs.packed.manifest import PackedRemote, Pointer
from vfs.remotes import Remote
from vfs.remotes.base import ObjectInfo, read_body
from vfs.remotes.bulk import in_threads
from vfs.types import Algorithm

TABLES_PAY = 50
"""Tables of packs are read while they have at most one byte for so many that are to be pushed."""
_COUNT_BITS = 24
_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}")
_DAMAGED = (
    "it names what a collection is about to remove; remove it if no `vfs gc --remote` is under way: "
    "the next one condemns anew"
)


class Known:
    """Chunks and files by their names; places are rows.

    Attributes:
        packs: by number; None while a pack is being filled.
        condemned: packs that are about to be removed; nothing new may have such a name.
    """

    def __init__(self, condemned: frozenset[bytes] = frozenset()) -> None:
        self.packs: list[PackRef | None] = []
        self.condemned = condemned
        self._numbers: dict[bytes, int] = {}
        self._chunks: dict[bytes, int] = {}
        self._files: dict[bytes, int] = {}
        self._ids = bytearray()
        self._pack, self._offset = array("I"), array("I")
        self._stored, self._plain = array("I"), array("I")

    def new_pack(self) -> int:
        """The number of a pack that is about to be filled."""
        self.packs.append(None)
        return len(self.packs) - 1

    def number(self, pack: PackRef) -> int:
        """The number of a pack of the remote."""
        found = self._numbers.get(pack.id)
        if found is None:
            found = self._numbers[pack.id] = len(self.packs)
            self.packs.append(pack)
        return found

    def __contains__(self, pack: PackRef) -> bool:
        return pack.id in self._numbers

    def chunk(self, chunk: bytes) -> int | None:
        """The row of a chunk."""
        return self._chunks.get(chunk)

    def add(self, place: ChunkPlace) -> int:
        """Append a row; its pack is a number of ours."""
        row = len(self._pack)
        self._ids += place.id
        self._pack.append(place.pack)
        self._offset.append(place.offset)
        self._stored.append(place.stored)
        self._plain.append(place.plain)
        self._chunks.setdefault(place.id, row)
        return row

    def place(self, row: int) -> ChunkPlace:
        """What a row says."""
        name = bytes(self._ids[row * ID : row * ID + ID])
        return ChunkPlace(
            name, self._pack[row], self._offset[row], self._stored[row], self._plain[row]
        )

    def file(self, algorithm: Algorithm, value: bytes) -> range | None:
        """The rows of a file's chunks."""
        found = self._files.get(bytes((algorithm,)) + value)
        if found is None:
            return None
        first = found >> _COUNT_BITS
        return range(first, first + (found & (1 << _COUNT_BITS) - 1))

    def add_file(self, algorithm: Algorithm, value: bytes, rows: Sequence[int]) -> None:
        """Remember which rows a file consists of."""
        first = rows[0] if rows else 0
        if any(row != first + i for i, row in enumerate(rows)):
            first = len(self._pack)
            for row in rows:
                self.add(self.place(row))
        self._files[bytes((algorithm,)) + value] = first << _COUNT_BITS | len(rows)

    def learn_file(self, algorithm: Algorithm, file: PackedFile, numbers: Sequence[int]) -> None:
        """A file of a manifest whose packs have these numbers; -1 stands for a pack that must not be counted on."""
        if any(numbers[chunk.pack] < 0 for chunk in file.chunks):
            return
        rows = [self.add(c._replace(pack=numbers[c.pack])) for c in file.chunks]
        self.add_file(algorithm, file.value, rows)

    def learn_table(self, pack: PackRef, rows: Iterable[ChunkRow]) -> None:
        """The table of a pack of the remote."""
        number = self.number(pack)
        for chunk, offset, stored, plain in rows:
            if chunk not in self._chunks:
                self.add(ChunkPlace(chunk, number, offset, stored, plain))


class Listed(NamedTuple):
    """A pack, the size of its object, and when it was put (seconds since the epoch; 0: unknown)."""

    pack: PackRef
    size: int
    modified: float


def learn_packs(
    store: PackedRemote,
    bases: Iterable[Pointer] = (),
    *,
    expected: int,
    damaged: Iterable[bytes] = (),
    jobs: int = 8,
) -> Known:
    """What is known of a remote before something is pushed to it.

    Args:
        store: the remote.
        bases: pointers whose manifests probably share files or chunks with what comes: the same outs in
            earlier commits, the latest first. Those that have no manifest are passed over.
        expected: bytes of all files to come; tables of other packs are read as far as that pays.
        damaged: packs that must not be counted on.
        jobs: requests at once.

    Raises:
        RemoteError: as the remote answered.
    """
    gone = condemned(store)
    avoid = gone | frozenset(damaged)
    listed = {entry.pack: entry for entry in list_packs(store) if entry.pack.id not in avoid}
    known = Known(gone)
    for base in bases:
        try:
            manifest = store.manifest(base)
            numbers = [known.number(pack) if pack in listed else -1 for pack in manifest.root.packs]
            for file in manifest.files():
                known.learn_file(base.digest.algorithm, file, numbers)
        except (ObjectMissing, FormatError):
            continue
    budget = expected // TABLES_PAY
    wanted: dict[str, Listed] = {}
    for entry in sorted(listed.values(), key=lambda entry: entry.pack.chunks):
        if entry.pack not in known and entry.pack.table_length <= budget:
            budget -= entry.pack.table_length
            wanted[entry.pack.key] = entry
    for key, rows in in_threads(lambda key: _table(store, wanted[key]), [*wanted], jobs):
        known.learn_table(wanted[key].pack, rows)
    return known


def list_packs(store: PackedRemote) -> Iterator[Listed]:
    """All packs of a remote."""
    for info in store.remote.list(PACKS):
        pack = parse_pack_key(info.key)
        if pack is not None:
            yield Listed(pack, info.size, info.modified)


def condemned(store: PackedRemote) -> frozenset[bytes]:
    """Ids of packs that are about to be removed. Raises FormatError: a condemned object is damaged."""
    return frozenset().union(*(ids for _, ids in condemnations(store.remote)))


def condemnations(
    remote: Remote, folder: str = CONDEMNED
) -> Iterator[tuple[ObjectInfo, frozenset[bytes]]]:
    """The condemned objects in a folder, and what each names. Raises FormatError: one is damaged."""
    for info in condemning(remote, folder):
        with suppress(ObjectMissing):  # swept meanwhile
            yield info, condemned_by(remote, info)


def condemning(remote: Remote, folder: str = CONDEMNED) -> Iterator[ObjectInfo]:
    """The condemned objects in a folder; what has another name there is somebody else's."""
    cut = len(folder)
    return (info for info in remote.list(folder) if _NAME.fullmatch(info.key[cut:]))


def condemned_by(remote: Remote, info: ObjectInfo) -> frozenset[bytes]:
    """What a condemned object names. Raises ObjectMissing, FormatError."""
    data = read_body(remote.get(info.key), info.size)
    try:
        return parse_condemned(data, file=info.key)
    except FormatError as error:
        error.hint = _DAMAGED
        raise


def condemn(remote: Remote, names: Iterable[bytes], now: float, folder: str = CONDEMNED) -> None:
    """Name what is about to be removed (ids of 32 bytes). Raises RemoteError."""
    ids = sorted(names)
    for start in range(0, len(ids), MAX_CONDEMNED):
        key = f"{folder}{int(now)}-{secrets.token_hex(8)}"
        remote.put(key, dump_condemned(ids[start : start + MAX_CONDEMNED]))


def seal(pack: PackBuilder, condemned: Container[bytes]) -> tuple[PackRef, bytes]:
    """Close a pack under a name that is not condemned.

    Rule: a collection removes what it condemned by name, so whoever packs the same chunks again meanwhile adds one that nobody
    names, of random bytes.
    """
    ref, data = pack.finish()
    while ref.id in condemned:
        salt = os.urandom(ID)
        pack.add(blake3(salt).digest(), salt, len(salt))
        ref, data = pack.finish()
    return ref, data


def read_table(store: PackedRemote, entry: Listed) -> list[ChunkRow]:
    """The table of a pack.

    Raises:
        ObjectMissing, RemoteError: as the remote answered.
        FormatError: it is damaged, or the pack has another length than it says.
    """
    pack, size, _ = entry
    length = pack.table_length
    body = store.remote.get(pack.key, max(0, size - length), length)
    return parse_table(read_body(body, length), pack, size)


def _table(store: PackedRemote, entry: Listed) -> list[ChunkRow]:
    """The table of a pack; nothing if it is damaged or gone: its chunks are stored again."""
    try:
        return read_table(store, entry)
    except (ObjectMissing, FormatError):
        return []
