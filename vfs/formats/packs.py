"""Packs: many chunks in one immutable object, named by its hash (`docs/packed.md`).

Rules: everything that a reader uses is checked first; nothing but `FormatError` is raised. Lengths
and offsets are bytes in the pack.
"""

import re
import struct
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from blake3 import blake3

from vfs.errors import FormatError
from vfs.formats.zstd import Buffer, Decompressor
from vfs.types import Algorithm, Digest

ROOT = "packed-1/"
PACKS = ROOT + "packs/"
MANIFESTS = ROOT + "manifests/"
CONDEMNED = ROOT + "condemned/"
CLOCK = CONDEMNED + "clock"
REMOVED = ROOT + "removed/"

HEADER = b"VFSPACK1" + bytes(8)
MAX_PACK = 256 << 20
MAX_CHUNK = 16 << 20
MAX_CHUNKS = 1 << 22
MAX_CONDEMNED = 1 << 20
ID = 32  # bytes of a chunk id, and of a pack's

_END = b"VFSPACKE"
_FOOTER = struct.Struct("<32sII8s")
_ROW = struct.Struct("<32sII")
ROW_BYTES = _ROW.size  # of the table, for each chunk
OVERHEAD = len(HEADER) + _FOOTER.size  # of a pack: neither chunks nor table
_KEY = re.compile(r"packed-1/packs/([0-9a-f]{64})-([1-9][0-9]{0,6})\Z")
_COND = struct.Struct("<8sII")
_COND_MAGIC = b"VFSCOND1"
_FOLDERS = {Algorithm.MD5: "md5", Algorithm.MD5_DOS2UNIX: "md5-dos2unix"}
_ALGORITHMS = {folder: algorithm for algorithm, folder in _FOLDERS.items()}
_MANIFEST = re.compile(
    r"packed-1/(?:manifests|removed)/(md5|md5-dos2unix)/([0-9a-f]{32})(\.dir)?\Z"
)


class PackRef(NamedTuple):
    """A pack: its id and its number of chunks."""

    id: bytes
    chunks: int

    @property
    def key(self) -> str:
        """Of the object."""
        return f"{PACKS}{self.id.hex()}-{self.chunks}"

    @property
    def table_length(self) -> int:
        """Bytes at the end of the object that `parse_table` wants."""
        return self.chunks * _ROW.size + _FOOTER.size


class ChunkRow(NamedTuple):
    """A chunk in a pack: id of its plain bytes, where it lies, stored and plain length."""

    id: bytes
    offset: int
    stored: int
    plain: int


class PackBuilder:
    """A pack that is being filled.

    Attributes:
        size: bytes so far, without the table.
    """

    def __init__(self) -> None:
        self._pieces: list[Buffer] = [HEADER]
        self._rows: list[bytes] = []
        self.size = len(HEADER)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, chunk_id: bytes, stored: Buffer, plain: int) -> int:
        """Append a chunk; where it begins. The bytes are kept by reference if they are `bytes`."""
        offset = self.size
        self._pieces.append(stored if isinstance(stored, bytes) else bytes(stored))
        self._rows.append(_ROW.pack(chunk_id, len(stored), plain))
        self.size += len(stored)
        return offset

    def finish(self) -> tuple[PackRef, bytes]:
        """The pack, complete."""
        table = b"".join(self._rows)
        footer = _FOOTER.pack(
            blake3(table).digest(), len(self._rows), self.size - len(HEADER), _END
        )
        data = b"".join((*self._pieces, table, footer))
        return PackRef(blake3(data).digest(), len(self._rows)), data


def parse_pack_key(key: str) -> PackRef | None:
    """The pack that an object's key names; None for any other key."""
    match = _KEY.match(key)
    if match is None or int(match[2]) > MAX_CHUNKS:
        return None
    return PackRef(bytes.fromhex(match[1]), int(match[2]))


def manifest_key(digest: Digest, *, is_tree: bool) -> str:
    """Where the manifest of a pointer lies.

    Raises:
        ValueError: pointers have no digests of this algorithm (a mistake of the caller).
    """
    folder = _FOLDERS.get(digest.algorithm)
    if folder is None:
        raise ValueError(f"no manifest is named by {digest.algorithm.name}")
    return f"{MANIFESTS}{folder}/{digest.hex}{'.dir' if is_tree else ''}"


def parse_manifest_key(key: str) -> tuple[Digest, bool] | None:
    """The digest that the key of a manifest (or of a removed one) names, and whether it is a listing's; None for any other key."""
    match = _MANIFEST.match(key)
    if match is None:
        return None
    return Digest(_ALGORITHMS[match[1]], bytes.fromhex(match[2])), match[3] is not None


def removed_key(key: str) -> str:
    """Where a manifest that gc removed can be had from while its packs wait."""
    return REMOVED + key.removeprefix(MANIFESTS)


def parse_table(end: Buffer, pack: PackRef, size: int) -> list[ChunkRow]:
    """The chunks of a pack, from the last `pack.table_length` bytes of an object of `size` bytes.

    Raises:
        FormatError: it is damaged, or no pack.
    """
    name = pack.key
    if len(end) != pack.table_length or size > MAX_PACK:
        raise FormatError(f"{len(end)} of {size} bytes are no table", file=name)
    table = bytes(end[: -_FOOTER.size])
    digest, count, length, magic = _FOOTER.unpack(end[-_FOOTER.size :])
    if magic != _END or count != pack.chunks or digest != blake3(table).digest():
        raise FormatError("its table is damaged, or of another version", file=name)
    rows, offset = [], len(HEADER)
    for chunk, stored, plain in _ROW.iter_unpack(table):
        check_chunk(offset, stored, plain, name)
        rows.append(ChunkRow(chunk, offset, stored, plain))
        offset += stored
    if offset != length + len(HEADER) or size != offset + pack.table_length:
        raise FormatError(f"its chunks end at {offset} of {size} bytes", file=name)
    return rows


def parse_pack(data: Buffer, pack: PackRef) -> list[ChunkRow]:
    """The chunks of a whole pack, whose name and layout are checked; the chunks' own ids are not.

    Raises:
        FormatError: it is not the pack of that name.
    """
    if blake3(data).digest() != pack.id:
        raise FormatError("has other bytes than its name says", file=pack.key)
    if bytes(data[: len(HEADER)]) != HEADER:
        raise FormatError("is no pack of this version", file=pack.key)
    return parse_table(data[-pack.table_length :], pack, len(data))


def check_chunk(offset: int, stored: int, plain: int, name: str) -> None:
    """Accept where a chunk lies. Raises FormatError."""
    if not 0 < stored <= plain <= MAX_CHUNK:
        raise FormatError(f"a chunk of {stored} stored and {plain} plain bytes", file=name)
    if not len(HEADER) <= offset <= MAX_PACK - stored:
        raise FormatError(f"a chunk at {offset}, of {stored} bytes", file=name)


def open_chunk(stored: Buffer, chunk: bytes, plain: int, opener: Decompressor) -> Buffer:
    """The plain bytes of a chunk, checked against its id.

    Raises:
        FormatError: they are not the bytes that the id names.
    """
    data = opener.plain(stored, plain, what=f"chunk {chunk.hex()}")
    if blake3(data).digest() != chunk:
        raise FormatError("has other bytes than its id names", file=f"chunk {chunk.hex()}")
    return data


def dump_condemned(packs: Iterable[bytes]) -> bytes:
    """The object that names packs about to be removed."""
    ids = sorted(set(packs))
    return _COND.pack(_COND_MAGIC, len(ids), 0) + b"".join(ids)


def parse_condemned(data: Buffer, *, file: str) -> frozenset[bytes]:
    """The packs named by a condemned object.

    Raises:
        FormatError: it is damaged, or of another version.
    """
    if len(data) < _COND.size:
        raise FormatError("is too short", file=file)
    magic, count, zero = _COND.unpack_from(data)
    if (
        magic != _COND_MAGIC
        or zero
        or count > MAX_CONDEMNED
        or len(data) != _COND.size + ID * count
    ):
        raise FormatError("is damaged, or of another version", file=file)
    ids = [bytes(data[start : start + ID]) for start in range(_COND.size, len(data), ID)]
    if any(one >= two for one, two in pairwise(ids)):
        raise FormatError("its packs are not in order", file=file)
    return frozenset(ids)
