"""The kernel's messages as bytes: what is read of them, and that nothing but a refusal comes of the malformed."""

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfs.errors import DaemonError
from vfs.fs.attributes import FILE_MODE, Attributes
from vfs.fuse.direct import wire
from vfs.fuse.direct.negotiation import (
    LARGEST_READ,
    NEWEST,
    OLDEST,
    REQUIRED,
    WANTED,
    negotiate,
)
from vfs.fuse.direct.wire import HEADER_SIZE, Malformed

PARSERS: tuple[Callable[[bytes, int], Any], ...] = (
    wire.parse_header,
    wire.parse_name,
    wire.parse_read,
    wire.parse_number,
    wire.parse_forgets,
    wire.parse_word,
    wire.parse_xattr_name,
)


def request(opcode: int, body: bytes, node: int = 1) -> bytes:
    size = HEADER_SIZE + len(body)
    return struct.pack("=IIQQIIIHH", size, opcode, 7, node, 1000, 1000, 42, 0, 0) + body


@given(data=st.binary(max_size=200), claimed=st.integers(0, 300))
@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
def test_random_bytes_are_parsed_or_refused(
    parse: Callable[[bytes, int], Any], data: bytes, claimed: int
) -> None:
    with contextlib.suppress(Malformed):
        parse(data, min(claimed, len(data)))


@given(data=st.binary(max_size=120))
def test_random_bytes_are_no_agreement_by_accident(data: bytes) -> None:
    try:
        agreed = negotiate(data, len(data), read_ahead=1 << 20, max_background=64)
    except (Malformed, DaemonError):
        return
    assert len(agreed.reply) == 64


@given(
    major=st.integers(7, 9),
    minor=st.integers(0, 99),
    ahead=st.integers(0, 0xFFFF_FFFF),
    flags=st.integers(0, 0xFFFF_FFFF),
    wanted=st.integers(0, 1 << 30),
    background=st.integers(1, 100_000),
)
def test_what_is_agreed_on_is_what_both_can(
    major: int, minor: int, ahead: int, flags: int, wanted: int, background: int
) -> None:
    flags |= REQUIRED
    asked = request(26, struct.pack("=IIII", major, minor, ahead, flags) + bytes(48))
    if major == 7 and minor < OLDEST:
        with pytest.raises(DaemonError, match=r"Linux 5\.4"):
            negotiate(asked, len(asked), read_ahead=wanted, max_background=background)
        return
    agreed = negotiate(asked, len(asked), read_ahead=wanted, max_background=background)
    told = struct.unpack("=IIIIHHIIHHIIH22x", agreed.reply)
    assert told[0] == 7
    if major > 7:
        assert agreed.minor is None
        return
    assert told[1] == agreed.minor == min(minor, NEWEST)
    assert told[2] >= ahead, "read-ahead is never lowered"
    assert told[3] == agreed.flags == flags & WANTED
    assert 0 < told[4] <= 0xFFFF
    assert told[5] <= told[4]
    assert told[8] * 4096 == LARGEST_READ


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (REQUIRED, r"is 7\.45, .* what it does not offer: NO_OPEN_SUPPORT and NO_OPENDIR_SUPPORT"),
        (1 << 24, "what it does not offer: NO_OPENDIR_SUPPORT"),
    ],
)
def test_a_kernel_that_cannot_open_without_asking_is_refused(lacking: int, said: str) -> None:
    asked = request(26, struct.pack("=IIII", 7, 45, 0, WANTED & ~lacking))
    with pytest.raises(DaemonError, match=said + "$"):
        negotiate(asked, len(asked), read_ahead=0, max_background=1)


def test_a_header_that_lies_about_its_length_is_refused() -> None:
    data = bytearray(request(1, b"name\0"))
    assert wire.parse_header(data, len(data)) == (1, 7, 1, 42)
    data[0] += 1
    with pytest.raises(Malformed):
        wire.parse_header(data, len(data))


@given(name=st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name))
def test_names(name: bytes) -> None:
    data = request(1, name + b"\0")
    assert wire.parse_name(data, len(data)) == name
    with pytest.raises(Malformed):
        wire.parse_name(data[:-1], len(data) - 1)
    data = request(22, struct.pack("=II", 64, 0) + name + b"\0")
    assert wire.parse_word(data, len(data)) == 64
    assert wire.parse_xattr_name(data, len(data)) == name


@given(forgets=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))))
def test_forgets(forgets: list[tuple[int, int]]) -> None:
    body = struct.pack("=II", len(forgets), 0) + b"".join(struct.pack("=QQ", *f) for f in forgets)
    data = request(42, body)
    assert wire.parse_forgets(data, len(data)) == forgets
    if forgets:
        with pytest.raises(Malformed):
            wire.parse_forgets(data, len(data) - 1)


@given(
    inode=st.integers(1, 2**63 - 1),
    size=st.integers(0, 2**62),
    mtime=st.integers(-(2**40), 2**40),
    lifetime=st.sampled_from((0.0, 1.0, 315360000.0)),
)
def test_attributes(inode: int, size: int, mtime: int, lifetime: float) -> None:
    found = Attributes(inode, FILE_MODE, size, mtime, lifetime)
    packer = wire.Packer(5, 6)
    entry, attributes = packer.entry(found), packer.attributes(found)
    assert len(entry) == 128
    assert len(attributes) == 104
    assert entry[40:] == attributes[16:]
    told = struct.unpack("=QQQqqqIIIIIIIIII", entry[40:])
    assert told[:2] == (inode, size)
    assert told[2] * 512 >= size > told[2] * 512 - 512
    assert told[4] == mtime
    assert told[9:13] == (FILE_MODE, 1, 5, 6)
    assert struct.unpack_from("=QQQQ", entry) == (inode, 0, int(lifetime), int(lifetime))


@given(name=st.binary(min_size=1, max_size=255))
def test_entries_of_a_listing_are_padded(name: bytes) -> None:
    part = wire.dirent(9, FILE_MODE, name, 77)
    assert len(part) % 8 == 0
    inode, cookie, length, kind = struct.unpack_from("=QQII", part)
    assert (inode, cookie, kind) == (9, 77, 8)
    assert part[24 : 24 + length] == name
    assert not part[24 + length :].strip(b"\0")
