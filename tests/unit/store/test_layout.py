"""Byte formats of the store: what is written is read back, everything else is refused."""

from hypothesis import given
from hypothesis import strategies as st

from vfs.store import layout

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
keys = st.binary(min_size=1, max_size=layout.MAX_KEY)


@given(u32, u32, u32, u32, u64)
def test_an_index_entry_takes_24_bytes_and_comes_back(
    a: int, b: int, c: int, d: int, e: int
) -> None:
    entry = layout.Entry(a, b, c, d, e)
    packed = entry.pack()
    assert len(packed) == 24
    assert layout.unpack_entry(packed) == entry


@given(st.binary(max_size=64).filter(lambda value: len(value) != 24))
def test_foreign_bytes_are_no_index_entry(value: bytes) -> None:
    assert layout.unpack_entry(value) is None


def test_an_index_entry_has_the_documented_bytes() -> None:
    packed = layout.Entry(1, 2, 3, 0, 0x0102030405060708).pack()
    assert packed.hex() == "010000000200000003000000000000000807060504030201"


@given(u32, u64)
def test_segment_names_come_back(number: int, nonce: int) -> None:
    assert layout.parse_segment_name(layout.segment_name(number, nonce)) == (number, nonce)


@given(st.text())
def test_other_names_are_no_segment_names(name: str) -> None:
    parsed = layout.parse_segment_name(name)
    assert parsed is None or layout.segment_name(*parsed) == name


@given(u32, u64, st.integers(layout.DATA_START, 2**32 - 1), u64)
def test_a_segment_header_comes_back(number: int, nonce: int, capacity: int, created: int) -> None:
    info = layout.SegmentInfo(nonce, layout.DATA_START, capacity, created, 0)
    header = layout.segment_header(number, info)
    assert len(header) == layout.DATA_START
    assert header.startswith(b"vfsseg\x00\x01")
    assert layout.parse_segment_header(header[:64]) == (number, info)


@given(st.integers(0, 47), st.integers(1, 255))
def test_a_changed_segment_header_is_refused(position: int, change: int) -> None:
    info = layout.SegmentInfo(7, layout.DATA_START, 1 << 20, 0, 0)
    header = bytearray(layout.segment_header(3, info)[:64])
    header[position] ^= change
    assert layout.parse_segment_header(bytes(header)) is None


@given(keys, u32, u64, u64, st.binary(max_size=100))
def test_a_record_header_comes_back(
    key: bytes, length: int, digest: int, nonce: int, rest: bytes
) -> None:
    header = layout.record_header(key, length, digest, nonce)
    assert len(header) == layout.RECORD_HEADER + len(key)
    assert layout.parse_record(header + rest, nonce) == (key, length, digest)


@given(keys, u32, u64, st.data())
def test_a_changed_record_header_is_refused(
    key: bytes, length: int, digest: int, data: st.DataObject
) -> None:
    header = bytearray(layout.record_header(key, length, digest, 5))
    position = data.draw(st.integers(0, len(header) - 1))
    header[position] ^= data.draw(st.integers(1, 255))
    assert layout.parse_record(bytes(header), 5) is None


@given(keys, u64, u64)
def test_a_record_of_another_segment_is_refused(key: bytes, nonce: int, other: int) -> None:
    header = layout.record_header(key, 10, 20, nonce)
    assert (layout.parse_record(header, other) is None) == (nonce != other)


@given(st.binary(max_size=600), u64)
def test_any_bytes_can_be_looked_at(data: bytes, nonce: int) -> None:
    assert layout.parse_record(data, nonce) is None
    assert layout.parse_segment_header(data) is None


@given(u32, u32, u64, u64, u32)
def test_the_state_comes_back(
    generation: int, following: int, total: int, evicted: int, condemned: int
) -> None:
    state = layout.State(generation, following, total, evicted, condemned)
    assert layout.unpack_state(state.pack()) == state


def test_a_state_of_another_format_is_refused() -> None:
    packed = bytearray(layout.State().pack())
    packed[0] += 1
    assert layout.unpack_state(bytes(packed)) is None
    assert layout.unpack_state(None) is None


@given(st.integers(0, 2**40))
def test_aligned_is_the_next_multiple(offset: int) -> None:
    start = layout.aligned(offset)
    assert start % layout.ALIGNMENT == 0
    assert 0 <= start - offset < layout.ALIGNMENT
