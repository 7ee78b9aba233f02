"""Every byte format of the chunk store: segment files and values of the index.

`docs/store.md` is the specification. Integers are little-endian, except in keys, where they are
big-endian so that they sort.

Invariants:
- A record starts at a multiple of ALIGNMENT, so `offset // ALIGNMENT` names a chunk in its segment.
- The check of a record header is seeded with the segment's random number: payload that looks like
  a record is never taken for one when a damaged segment is searched.
"""

import re
import struct
from typing import Final, NamedTuple

import xxhash

FORMAT: Final = 1
ALIGNMENT: Final = 512
ALIGNMENT_SHIFT: Final = 9
TOUCH_START: Final = 4096
TOUCH_SLOTS: Final = 16384
TOUCH_SHIFT: Final = 14  # one touch mark for all chunks that start in the same 16 KiB
DATA_START: Final = TOUCH_START + TOUCH_SLOTS
MAX_KEY: Final = 480

SEGMENT_MAGIC: Final = b"vfsseg\x00\x01"
RECORD_MAGIC: Final = b"chnk"

_SEGMENT_HEADER: Final = struct.Struct("<8sIIQQQ")  # magic, version, id, nonce, capacity, created
_RECORD: Final = struct.Struct("<4sHHIIQ")  # magic, key length, 0, length, check, checksum
ENTRY: Final = struct.Struct("<IIIIQ")  # segment, offset, length, flags, checksum
_INFO: Final = struct.Struct("<QQQQI")  # nonce, size, capacity, created, sealed
_STATE: Final = struct.Struct(
    "<IIIIQQ"
)  # format, generation, next segment, condemned, total, evicted
RECORD_HEADER: Final = _RECORD.size
_NAME: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{16})\.seg")


def checksum(data: bytes | bytearray | memoryview) -> int:
    """xxh3-64 of a payload."""
    return xxhash.xxh3_64_intdigest(data)


def aligned(offset: int) -> int:
    """The first place at or after `offset` where a record may start."""
    return (offset + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


class Entry(NamedTuple):
    """Value of the index: where the payload of a chunk is.

    `stamp` is a random number of the append that brought it here, so that bytes which took its place are told from those that
    eviction wrote again elsewhere.
    """

    segment: int
    offset: int
    length: int
    stamp: int
    checksum: int

    def pack(self) -> bytes:
        """The 24 bytes stored."""
        return ENTRY.pack(*self)


def unpack_entry(value: bytes) -> Entry | None:
    """Inverse of `Entry.pack`; None for foreign bytes."""
    if len(value) != ENTRY.size:
        return None
    return Entry._make(ENTRY.unpack(value))


class SegmentInfo(NamedTuple):
    """What the index knows of a segment.

    Attributes:
        nonce: random number, part of the file's name and header.
        size: bytes up to the end of the last indexed record.
        capacity: size after which it is full.
        created: seconds since the epoch.
        sealed: 1 when nobody will append to it.
    """

    nonce: int
    size: int
    capacity: int
    created: int
    sealed: int

    def pack(self) -> bytes:
        """The bytes stored."""
        return _INFO.pack(*self)


def unpack_info(value: bytes) -> SegmentInfo | None:
    """Inverse of `SegmentInfo.pack`; None for foreign bytes."""
    if len(value) != _INFO.size:
        return None
    info = SegmentInfo._make(_INFO.unpack(value))
    return info if DATA_START <= info.capacity < 1 << 32 else None


class State(NamedTuple):
    """The one record that describes the whole store.

    Attributes:
        generation: grows whenever segments are dropped.
        next_segment: number of the segment to be created next.
        total: bytes of all segments.
        evicted: chunks given up since the index exists.
        condemned: grows whenever an object is found bad.
    """

    generation: int = 0
    next_segment: int = 1
    total: int = 0
    evicted: int = 0
    condemned: int = 0

    def pack(self) -> bytes:
        """The bytes stored."""
        generation, condemned = self.generation & 0xFFFFFFFF, self.condemned & 0xFFFFFFFF
        total = max(0, self.total)
        return _STATE.pack(FORMAT, generation, self.next_segment, condemned, total, self.evicted)


def unpack_state(value: bytes | None) -> State | None:
    """Inverse of `State.pack`; None for another format."""
    if value is None or len(value) != _STATE.size:
        return None
    version, generation, following, condemned, total, evicted = _STATE.unpack(value)
    state = State(generation, following, total, evicted, condemned)
    return state if version == FORMAT else None


def segment_name(segment: int, nonce: int) -> str:
    """File name of a segment."""
    return f"{segment:08x}-{nonce:016x}.seg"


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """Inverse of `segment_name`; None for other names."""
    match = _NAME.fullmatch(name)
    return (int(match[1], 16), int(match[2], 16)) if match else None


def segment_header(segment: int, info: SegmentInfo) -> bytes:
    """The first DATA_START bytes of a segment: header and empty touch map."""
    head = _SEGMENT_HEADER.pack(
        SEGMENT_MAGIC, FORMAT, segment, info.nonce, info.capacity, info.created
    )
    return (head + checksum(head).to_bytes(8, "little")).ljust(DATA_START, b"\0")


def parse_segment_header(data: bytes) -> tuple[int, SegmentInfo] | None:
    """Segment number and what the header tells; None for anything but a sound header."""
    size = _SEGMENT_HEADER.size
    if checksum(data[:size]).to_bytes(8, "little") != data[size : size + 8]:
        return None
    magic, version, segment, nonce, capacity, created = _SEGMENT_HEADER.unpack(data[:size])
    if magic != SEGMENT_MAGIC or version != FORMAT or not DATA_START <= capacity < 1 << 32:
        return None
    return segment, SegmentInfo(nonce, DATA_START, capacity, created, 0)


def record_header(key: bytes, length: int, digest: int, nonce: int) -> bytes:
    """Header and key of a record; the payload follows at once."""
    blank = _RECORD.pack(RECORD_MAGIC, len(key), 0, length, 0, digest) + key
    check = xxhash.xxh3_64_intdigest(blank, nonce) & 0xFFFFFFFF
    return _RECORD.pack(RECORD_MAGIC, len(key), 0, length, check, digest) + key


def parse_record(data: bytes, nonce: int) -> tuple[bytes, int, int] | None:
    """Key, payload length and checksum of the record at the start of `data`; None if unsound."""
    if len(data) < RECORD_HEADER or not data.startswith(RECORD_MAGIC):
        return None
    _, key_length, _, length, _, digest = _RECORD.unpack(data[:RECORD_HEADER])
    key = data[RECORD_HEADER : RECORD_HEADER + key_length]
    if not 0 < key_length <= MAX_KEY or len(key) != key_length:
        return None
    if record_header(key, length, digest, nonce) != data[: RECORD_HEADER + key_length]:
        return None
    return key, length, digest
