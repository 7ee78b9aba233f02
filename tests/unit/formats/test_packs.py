"""Packs and lists of condemned packs: round trips, and whatever strangers may write."""

import contextlib
from typing import NamedTuple

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import FormatError
from vfs.formats.packs import (
    MAX_CHUNK,
    ChunkRow,
    PackBuilder,
    PackRef,
    dump_condemned,
    manifest_key,
    open_chunk,
    parse_condemned,
    parse_pack,
    parse_pack_key,
    parse_table,
)
from vfs.formats.zstd import Compressor, Decompressor
from vfs.types import Algorithm, Digest

contents = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=300),
        st.builds(lambda b, n: b * n, st.binary(min_size=1, max_size=3), st.integers(1, 3000)),
    ),
    min_size=1,
    max_size=8,
)


class Packed(NamedTuple):
    ref: PackRef
    data: bytes
    rows: list[ChunkRow]


def packed(chunks: list[bytes]) -> Packed:
    builder, compressor = PackBuilder(), Compressor()
    rows = []
    for chunk in chunks:
        stored, name = compressor.shorter(chunk), blake3(chunk).digest()
        offset = builder.add(name, stored, len(chunk))
        rows.append(ChunkRow(name, offset, len(stored), len(chunk)))
    assert len(builder) == len(chunks)
    return Packed(*builder.finish(), rows)


@given(contents)
def test_a_pack_gives_back_its_chunks(chunks: list[bytes]) -> None:
    ref, data, rows = packed(chunks)
    assert parse_pack(data, ref) == rows
    assert parse_table(data[-ref.table_length :], ref, len(data)) == rows
    opener = Decompressor()
    for row, chunk in zip(rows, chunks, strict=True):
        stored = data[row.offset : row.offset + row.stored]
        assert bytes(open_chunk(stored, row.id, row.plain, opener)) == chunk
        assert row.stored == len(chunk) or row.stored < len(chunk)
    assert parse_pack_key(ref.key) == ref


@given(contents, st.data())
def test_a_changed_byte_is_found(chunks: list[bytes], data: st.DataObject) -> None:
    ref, good, rows = packed(chunks)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FormatError):
        parse_pack(bad, ref)
    if at >= len(good) - ref.table_length:
        with pytest.raises(FormatError):
            parse_table(bad[-ref.table_length :], ref, len(bad))
    for row in rows:
        if row.offset <= at < row.offset + row.stored:
            stored = bad[row.offset : row.offset + row.stored]
            with pytest.raises(FormatError):
                open_chunk(stored, row.id, row.plain, Decompressor())


@given(contents, st.integers(-3, 3))
def test_another_length_is_found(chunks: list[bytes], by: int) -> None:
    ref, data, _ = packed(chunks)
    if not by:
        return
    with pytest.raises(FormatError):
        parse_table(data[-ref.table_length :], ref, len(data) + by)
    with pytest.raises(FormatError):
        parse_table(data[-ref.table_length + by :], ref._replace(chunks=ref.chunks + by), len(data))


@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(FormatError):
        parse_pack(noise, PackRef(bytes(32), 3))
    with pytest.raises(FormatError):
        parse_pack(noise, PackRef(blake3(noise).digest(), 3))
    with pytest.raises(FormatError):
        open_chunk(noise, bytes(32), len(noise) + 1, Decompressor())


def test_a_frame_does_not_say_how_much_memory_is_used() -> None:
    bomb = bytes(Compressor().shorter(bytes(MAX_CHUNK)))
    assert len(bomb) < 4096
    with pytest.raises(FormatError, match="expected 5000"):
        Decompressor().plain(bomb, 5000, what="here")


def test_a_chunk_longer_than_a_reader_takes() -> None:
    builder = PackBuilder()
    builder.add(bytes(32), b"x", MAX_CHUNK + 1)
    ref, data = builder.finish()
    with pytest.raises(FormatError, match="plain bytes"):
        parse_pack(data, ref)


@pytest.mark.parametrize(
    "key",
    [
        "packed-1/packs/" + "0" * 64,
        "packed-1/packs/" + "0" * 64 + "-0",
        "packed-1/packs/" + "0" * 64 + "-01",
        "packed-1/packs/" + "0" * 64 + "-9999999",
        "packed-1/packs/" + "0" * 64 + "-1\n",
        "packed-1/packs/" + "G" * 64 + "-1",
        "packed-2/packs/" + "0" * 64 + "-1",
        "x/packed-1/packs/" + "0" * 64 + "-1",
    ],
)
def test_other_keys_are_no_packs(key: str) -> None:
    assert parse_pack_key(key) is None


def test_dvc_gc_takes_no_key_for_its_own() -> None:
    """It removes what is named XX/rest below the root of a remote, and what lies in files/md5."""
    md5 = Digest(Algorithm.MD5, bytes(16))
    keys = [
        PackRef(bytes(32), 1).key,
        manifest_key(md5, is_tree=True),
        manifest_key(md5._replace(algorithm=Algorithm.MD5_DOS2UNIX), is_tree=False),
    ]
    for key in keys:
        parts = key.split("/")
        assert len(parts) >= 3
        assert parts[0] != "files"
        assert all(len(part) != 2 for part in parts)
    assert keys[1].endswith("/md5/00000000000000000000000000000000.dir")


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=5), st.data())
def test_condemned(packs: set[bytes], data: st.DataObject) -> None:
    good = dump_condemned(packs)
    assert parse_condemned(good, file="here") == packs
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= 255
    with contextlib.suppress(FormatError):
        assert len(parse_condemned(bad, file="here")) == len(packs)
    for wrong in (good[:-1], good + b"x", b""):
        with pytest.raises(FormatError):
            parse_condemned(wrong, file="here")
