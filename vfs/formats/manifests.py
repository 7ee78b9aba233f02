"""Manifests: which files a pointer stands for, and where their chunks lie (`docs/packed.md`).

Rules: the root is read first and says how long each block is and what it hashes to; a block is read
alone. Everything is checked before it is returned; nothing but `FormatError` is raised. Memory: one
block (`MAX_BLOCK` plain bytes at most).
"""

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from blake3 import blake3

from vfs.errors import FormatError
from vfs.formats.columns import Columns, dump_column
from vfs.formats.packs import ID, MAX_CHUNKS, PackRef
from vfs.formats.zstd import Buffer, Compressor, Decompressor
from vfs.types import Algorithm, Digest

HEADER_SIZE = 64
MAX_ROOT = 64 << 20
MAX_BLOCK = 64 << 20
MAX_BLOCKS = MAX_PACKS = 1 << 20

_MAGIC = b"VFSMANI1"
_HEADER = struct.Struct("<8sII32s16s")
_ROOT = struct.Struct("<BBHIIIQQ16s")
_ALGORITHMS = (Algorithm.MD5, Algorithm.MD5_DOS2UNIX)


class Header(NamedTuple):
    """How long the root is, stored and plain, and its hash."""

    stored: int
    plain: int
    hash: bytes


class BlockRef(NamedTuple):
    """One block, as the root describes it.

    Attributes:
        files: in it.
        offset: of the block in the object.
        stored, plain: lengths.
        hash: BLAKE3-256 of the stored bytes.
        first: path of its first file.
    """

    files: int
    offset: int
    stored: int
    plain: int
    hash: bytes
    first: bytes


class Root(NamedTuple):
    """What a manifest says as a whole.

    Attributes:
        digest, is_tree: the pointer.
        files, bytes: totals.
        packs: that its chunks lie in.
        blocks: in order of their paths.
        size: of the whole object.
    """

    digest: Digest
    is_tree: bool
    files: int
    bytes: int
    packs: tuple[PackRef, ...]
    blocks: tuple[BlockRef, ...]
    size: int


def parse_header(data: Buffer, *, file: str) -> Header:
    """The first `HEADER_SIZE` bytes of a manifest. Raises FormatError."""
    if len(data) < HEADER_SIZE:
        raise FormatError("is too short for a manifest", file=file)
    magic, stored, plain, digest, zero = _HEADER.unpack_from(data)
    if magic != _MAGIC or zero != bytes(16):
        raise FormatError("is no manifest of this version", file=file)
    if not 0 < stored <= plain <= MAX_ROOT:
        raise FormatError(f"its root has {stored} stored, {plain} plain bytes", file=file)
    return Header(stored, plain, digest)


def parse_root(
    stored: Buffer, header: Header, size: int, *, file: str, opener: Decompressor
) -> Root:
    """The root of a manifest.

    Args:
        stored: its `header.stored` bytes behind the header.
        header: of the manifest.
        size: of the whole object.
        file: name for messages.
        opener: of this thread.

    Raises:
        FormatError: it is damaged or breaks a rule.
    """
    if len(stored) != header.stored or blake3(stored).digest() != header.hash:
        raise FormatError("its root is damaged", file=file)
    plain = opener.plain(stored, header.plain, what=file)
    columns = Columns(plain, file)
    kind, number, zero, p, b, names, files, total, digest = columns.struct(_ROOT)
    if kind > 1 or number not in _ALGORITHMS or zero or p > MAX_PACKS or b > MAX_BLOCKS:
        raise FormatError("its root breaks the format", file=file)
    ids, counts = columns.fixed(ID, p), columns.numbers("I", p)
    if len(set(ids)) != p or any(not 0 < count <= MAX_CHUNKS for count in counts):
        raise FormatError("its list of packs breaks the format", file=file)
    blocks = _blocks(columns, b, names, HEADER_SIZE + header.stored, file)
    columns.end()
    end = blocks[-1].offset + blocks[-1].stored if blocks else HEADER_SIZE + header.stored
    if end != size or sum(block.files for block in blocks) != files:
        raise FormatError(f"its blocks end at {end} of {size} bytes", file=file)
    if not kind and files != 1:
        raise FormatError(f"stands for one file, but has {files}", file=file)
    packs = tuple(map(PackRef, ids, counts))
    pointer = Digest(Algorithm(number), digest)
    return Root(pointer, bool(kind), files, total, packs, blocks, size)


def _blocks(
    columns: Columns, count: int, names: int, offset: int, file: str
) -> tuple[BlockRef, ...]:
    files, stored, plain, lengths = (columns.numbers("I", count) for _ in range(4))
    hashes = columns.fixed(ID, count)
    firsts = columns.strings(lengths, names)
    starts = accumulate(stored, initial=offset)
    blocks = tuple(map(BlockRef, files, starts, stored, plain, hashes, firsts))
    for block in blocks:
        if not (0 < block.stored <= block.plain <= MAX_BLOCK and block.files):
            raise FormatError("one of its blocks has an impossible length", file=file)
    return blocks


class ManifestBuilder:
    """Collects the blocks of a manifest; packs may become known later.

    Attributes:
        files, bytes: so far.
    """

    def __init__(self, digest: Digest, *, is_tree: bool, compressor: Compressor) -> None:
        self._digest = digest
        self._is_tree = is_tree
        self._compressor = compressor
        self._blocks: list[tuple[BlockRef, bytes]] = []
        self.files = 0
        self.bytes = 0

    def add(self, plain: bytes, files: int, size: int, first: bytes) -> None:
        """A block as `dump_block` made it, with its number of files, their bytes, and the first path."""
        stored = bytes(self._compressor.shorter(plain, pays=MAX_BLOCK))
        ref = BlockRef(files, 0, len(stored), len(plain), blake3(stored).digest(), first)
        self._blocks.append((ref, stored))
        self.files += files
        self.bytes += size

    def finish(self, packs: Sequence[PackRef]) -> bytes:
        """The manifest; `packs` are those that the blocks name by number."""
        refs = [ref for ref, _ in self._blocks]
        head = _ROOT.pack(
            self._is_tree,
            self._digest.algorithm,
            0,
            len(packs),
            len(refs),
            sum(len(ref.first) for ref in refs),
            self.files,
            self.bytes,
            self._digest.value,
        )
        pieces = [head, *(pack.id for pack in packs), dump_column("I", [p.chunks for p in packs])]
        pieces += [dump_column("I", [ref.files for ref in refs])]
        pieces += [dump_column("I", [ref.stored for ref in refs])]
        pieces += [dump_column("I", [ref.plain for ref in refs])]
        pieces += [dump_column("I", [len(ref.first) for ref in refs])]
        pieces += [ref.hash for ref in refs]
        pieces += [ref.first for ref in refs]
        plain = b"".join(pieces)
        root = bytes(self._compressor.shorter(plain, pays=MAX_BLOCK))
        header = _HEADER.pack(_MAGIC, len(root), len(plain), blake3(root).digest(), bytes(16))
        return b"".join((header, root, *(stored for _, stored in self._blocks)))
