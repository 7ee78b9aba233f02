"""Blocks of a manifest: runs of files with the places of their chunks, as columns (`docs/packed.md`).

Rule: as in `vfs.formats.manifests`.
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import sub
from typing import NamedTuple

from blake3 import blake3

from vfs.core.paths import check_listed
from vfs.errors import FormatError
from vfs.formats.columns import Columns, dump_column
from vfs.formats.manifests import BlockRef, Root
from vfs.formats.packs import ID, check_chunk
from vfs.formats.zstd import Buffer, Decompressor

BLOCK_FILES = 4096
BLOCK_CHUNKS = 16384
NO_MODE = 0xFFFF
NO_MTIME = -(1 << 63)

_HEAD = struct.Struct("<III")
_MD5 = 16


class ChunkPlace(NamedTuple):
    """A chunk of a file.

    Attributes:
        id: BLAKE3-256 of the plain bytes.
        pack: number of the pack in the root.
        offset: in the pack.
        stored, plain: lengths; equal if it is not compressed.
    """

    id: bytes
    pack: int
    offset: int
    stored: int
    plain: int


class PackedFile(NamedTuple):
    """A file of a manifest.

    Attributes:
        path: in the directory; b"" if the pointer is no directory.
        value: its digest, of the root's algorithm.
        size: bytes.
        mode: permission bits, or `NO_MODE`.
        mtime: ns since the epoch, or `NO_MTIME`.
        chunks: in order; together `size` bytes.
    """

    path: bytes
    value: bytes
    size: int
    mode: int
    mtime: int
    chunks: tuple[ChunkPlace, ...]


def dump_block(files: Sequence[PackedFile]) -> bytes:
    """The plain bytes of a block; files sorted by path, at least one."""
    chunks = [chunk for file in files for chunk in file.chunks]
    names = b"".join(file.path for file in files)
    ids, packs, offsets, stored, plain = zip(*chunks, strict=True) if chunks else ((),) * 5
    return b"".join(
        (
            _HEAD.pack(len(files), len(chunks), len(names)),
            dump_column("I", [len(file.path) for file in files]),
            dump_column("I", [len(file.chunks) for file in files]),
            dump_column("Q", [file.size for file in files]),
            dump_column("H", [file.mode for file in files]),
            dump_column("q", [file.mtime for file in files]),
            *(file.value for file in files),
            names,
            *ids,
            dump_column("I", packs),
            dump_column("I", _gaps(packs, offsets, stored)),
            dump_column("I", plain),
            dump_column("I", map(sub, plain, stored)),
        )
    )


def parse_block(
    stored: Buffer, ref: BlockRef, root: Root, *, file: str, opener: Decompressor
) -> list[PackedFile]:
    """The files of a block.

    Args:
        stored: its bytes in the object.
        ref: what the root says of it.
        root: of the manifest.
        file: name for messages.
        opener: of this thread.

    Raises:
        FormatError: it is damaged or breaks a rule.
    """
    if len(stored) != ref.stored or blake3(stored).digest() != ref.hash:
        raise FormatError("one of its blocks is damaged", file=file)
    columns = Columns(opener.plain(stored, ref.plain, what=file), file)
    n, c, length = columns.struct(_HEAD)
    lengths, counts = columns.numbers("I", n), columns.numbers("I", n)
    sizes, modes, mtimes = (columns.numbers(kind, n) for kind in "QHq")
    values = columns.fixed(_MD5, n)
    paths = columns.strings(lengths, length)
    if sum(counts) != c or n != ref.files:
        raise FormatError("a block has another number of files or chunks", file=file)
    chunks = iter(_chunks(columns, c, len(root.packs), file))
    columns.end()
    _check_paths(paths, ref, root, file)
    parts = [tuple(islice(chunks, count)) for count in counts]
    for part, size in zip(parts, sizes, strict=True):
        if sum([chunk[4] for chunk in part]) != size:
            raise FormatError(f"the chunks of a file of {size} bytes do not add up", file=file)
    return list(map(PackedFile, paths, values, sizes, modes, mtimes, parts))


def _chunks(columns: Columns, count: int, packs: int, file: str) -> Iterator[ChunkPlace]:
    ids = columns.fixed(ID, count)
    numbers, gaps, plain, saved = (columns.numbers("I", count) for _ in range(4))
    if numbers and max(numbers) >= packs:
        raise FormatError(f"names pack {max(numbers)} of {packs}", file=file)
    stored = [p - s for p, s in zip(plain, saved, strict=True)]
    offsets = []
    last, end = -1, 0
    for pack, gap, length, size in zip(numbers, gaps, stored, plain, strict=True):
        offset = (gap + end if pack == last else gap) & 0xFFFFFFFF
        check_chunk(offset, length, size, file)
        offsets.append(offset)
        last, end = pack, offset + length
    return map(ChunkPlace, ids, numbers, offsets, stored, plain)


def _gaps(packs: Sequence[int], offsets: Sequence[int], stored: Sequence[int]) -> "array[int]":
    """Offsets as distances from the end of the chunk before, if that lies in the same pack."""
    gaps = array("I")
    last, end = -1, 0
    for pack, offset, length in zip(packs, offsets, stored, strict=True):
        gaps.append((offset - end if pack == last else offset) & 0xFFFFFFFF)
        last, end = pack, offset + length
    return gaps


def _check_paths(paths: list[bytes], ref: BlockRef, root: Root, file: str) -> None:
    if not paths or paths[0] != ref.first:
        raise FormatError("a block begins with another path than the root says", file=file)
    if not root.is_tree:
        if paths != [b""]:
            raise FormatError("names a path, but stands for a file", file=file)
        return
    for path in paths:
        check_listed(path)
    number = root.blocks.index(ref)
    limit = root.blocks[number + 1].first if number + 1 < len(root.blocks) else None
    rest = [*paths[1:], *([] if limit is None else [limit])]
    if any(one >= two for one, two in zip(paths, rest, strict=False)):
        raise FormatError("its paths are not in order", file=file)
