"""Manifests: round trips; a mutation is an error of ours or the same value."""

import pytest
from blake3 import blake3
from hypothesis import assume, given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.manifest_blocks import (
    NO_MODE,
    NO_MTIME,
    ChunkPlace,
    PackedFile,
    dump_block,
    parse_block,
)
from vfs.formats.manifests import (
    HEADER_SIZE,
    MAX_BLOCK,
    MAX_ROOT,
    ManifestBuilder,
    Root,
    parse_header,
    parse_root,
)
from vfs.formats.packs import HEADER, MAX_CHUNK, MAX_PACK, PackRef
from vfs.formats.zstd import Compressor, Decompressor
from vfs.types import Algorithm, Digest

IDS = st.binary(min_size=32, max_size=32)
PACKS = tuple(PackRef(bytes([n]) * 32, n + 1) for n in range(3))
POINTER = Digest(Algorithm.MD5, bytes(range(16)))
NAMES = st.text("abcdeé.-_ ", min_size=1, max_size=6).filter(lambda s: s.strip(".") != "")


@st.composite
def places(draw: st.DrawFn) -> ChunkPlace:
    plain = draw(st.integers(1, MAX_CHUNK))
    stored = draw(st.one_of(st.just(plain), st.integers(1, plain)))
    offset = draw(st.integers(len(HEADER), MAX_PACK - stored))
    return ChunkPlace(draw(IDS), draw(st.integers(0, 2)), offset, stored, plain)


@st.composite
def files(draw: st.DrawFn, path: bytes = b"") -> PackedFile:
    chunks = tuple(draw(st.lists(places(), max_size=4)))
    mode = draw(st.one_of(st.just(NO_MODE), st.integers(0, 0o7777)))
    mtime = draw(st.one_of(st.just(NO_MTIME), st.integers(-(1 << 62), 1 << 62)))
    value = draw(st.binary(min_size=16, max_size=16))
    return PackedFile(path, value, sum(chunk.plain for chunk in chunks), mode, mtime, chunks)


@st.composite
def trees(draw: st.DrawFn) -> list[list[PackedFile]]:
    """Files of a directory, in one to three blocks."""
    listed = draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8))
    paths = sorted({b"/".join(name.encode() for name in names) for names in listed})
    found = [draw(files(path)) for path in paths]
    blocks: list[list[PackedFile]] = []
    while found:
        count = draw(st.integers(1, len(found)))
        blocks.append(found[:count])
        del found[:count]
    return blocks


def manifest(blocks: list[list[PackedFile]], *, is_tree: bool = True) -> bytes:
    builder = ManifestBuilder(POINTER, is_tree=is_tree, compressor=Compressor())
    for block in blocks:
        size = sum(file.size for file in block)
        builder.add(dump_block(block), len(block), size, block[0].path)
    return builder.finish(PACKS)


def read(data: bytes | bytearray) -> tuple[Root, list[list[PackedFile]]]:
    opener = Decompressor()
    header = parse_header(data[:HEADER_SIZE], file="m")
    stored = data[HEADER_SIZE : HEADER_SIZE + header.stored]
    root = parse_root(stored, header, len(data), file="m", opener=opener)
    return root, [
        parse_block(data[b.offset : b.offset + b.stored], b, root, file="m", opener=opener)
        for b in root.blocks
    ]


@given(trees())
def test_a_directory_comes_back(blocks: list[list[PackedFile]]) -> None:
    root, found = read(manifest(blocks))
    assert found == blocks
    assert (root.digest, root.is_tree, root.packs) == (POINTER, True, PACKS)
    assert root.files == sum(map(len, blocks))
    assert root.bytes == sum(file.size for block in blocks for file in block)


@given(files())
def test_a_file_comes_back(file: PackedFile) -> None:
    root, found = read(manifest([[file]], is_tree=False))
    assert found == [[file]]
    assert not root.is_tree


@given(trees(), st.data())
def test_a_changed_byte_is_found(blocks: list[list[PackedFile]], data: st.DataObject) -> None:
    bad = bytearray(manifest(blocks))
    bad[data.draw(st.integers(0, len(bad) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FormatError):
        read(bad)


@given(trees(), st.data())
def test_a_piece_less_or_more_is_found(blocks: list[list[PackedFile]], data: st.DataObject) -> None:
    good = manifest(blocks)
    for bad in (good[: data.draw(st.integers(0, len(good) - 1))], good + b"x"):
        with pytest.raises(FormatError):
            read(bad)


def forged(plain: bytes, length: int | None = None) -> bytes:
    """A manifest of one block, with hashes that are right for these plain bytes."""
    builder = ManifestBuilder(POINTER, is_tree=True, compressor=Compressor())
    builder.add(plain, int.from_bytes(plain[:4], "little") or 1, 0, b"a")
    return builder.finish(PACKS)


@given(trees(), st.data())
def test_a_block_by_a_stranger(blocks: list[list[PackedFile]], data: st.DataObject) -> None:
    """The hashes are right, the content is arbitrary: a value that could have been written, or refused."""
    assume(blocks)
    plain = bytearray(dump_block(blocks[0]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(plain) - 1))
        plain[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(plain) - 3, len(plain)))
    try:
        _, found = read(forged(bytes(plain[:cut])))
    except FormatError:
        return
    assert dump_block(found[0]) == plain


@given(st.binary(max_size=200))
def test_a_root_by_a_stranger(noise: bytes) -> None:
    header = HEADER_OF(noise)
    with pytest.raises(FormatError):
        read(header + noise)


def HEADER_OF(root: bytes) -> bytes:
    length = len(root).to_bytes(4, "little")
    return b"VFSMANI1" + length + length + blake3(root).digest() + bytes(16)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plain": 0, "stored": 0}, "0 stored and 0 plain"),
        ({"offset": 3}, "at 3"),
        ({"offset": MAX_PACK - 1, "stored": 5, "plain": 5}, "a chunk at"),
        ({"pack": 3}, "names pack 3 of 3"),
        ({"plain": 9}, "do not add up"),
    ],
)
def test_impossible_places_are_refused(change: dict[str, int], said: str) -> None:
    place = ChunkPlace(bytes(32), 0, 16, 8, 8)._replace(**change)  # type: ignore[arg-type]
    file = PackedFile(b"a", bytes(16), 8, NO_MODE, NO_MTIME, (place,))
    with pytest.raises(FormatError, match=said):
        read(manifest([[file]]))


@pytest.mark.parametrize("path", [b"", b"../a", b"a/../b", b"/a", b"a//b", b".git/config", b"a\0"])
def test_unsafe_paths_are_refused(path: bytes) -> None:
    file = PackedFile(path, bytes(16), 0, NO_MODE, NO_MTIME, ())
    with pytest.raises(FormatError):
        read(manifest([[file]]))


@pytest.mark.parametrize("names", [(b"b", b"a"), (b"a", b"a")])
@pytest.mark.parametrize("together", [True, False])
def test_paths_out_of_order_are_refused(names: tuple[bytes, ...], together: bool) -> None:
    found = [PackedFile(name, bytes(16), 0, NO_MODE, NO_MTIME, ()) for name in names]
    with pytest.raises(FormatError, match="not in order"):
        read(manifest([found] if together else [[file] for file in found]))


def test_lengths_that_would_need_too_much_memory_are_refused() -> None:
    too_long = (MAX_ROOT + 1).to_bytes(4, "little")
    header = b"VFSMANI1" + b"\x10\0\0\0" + too_long + bytes(48)
    with pytest.raises(FormatError, match="root has 16 stored"):
        parse_header(header, file="m")
    with pytest.raises(FormatError, match="impossible length"):
        read(forged(bytes(MAX_BLOCK + 1)))
