"""Numbers and layouts of the protocol are those of `<linux/fuse.h>`, as far as this machine's header knows them."""

import re
from pathlib import Path
from struct import Struct

import pytest

from vfs.fuse.direct import negotiation, wire

HEADER = Path("/usr/include/linux/fuse.h").read_text(encoding="utf-8")  # of linux-libc-dev
NUMBERS = {
    name: eval(number.replace("ULL", ""), {})
    for pattern in (r"^\s*FUSE_(\w+)\s*=\s*(\d+),", r"^#define FUSE_(\w+)\s+(\d+|\(1(?:ULL)? << \d+\))$")
    for name, number in re.findall(pattern, HEADER, re.MULTILINE)
}  # fmt: skip
WIDTHS = {"uint64_t": 8, "int64_t": 8, "uint32_t": 4, "int32_t": 4, "uint16_t": 2}
LETTERS = {"Q": 8, "q": 8, "I": 4, "i": 4, "H": 2}


def widths(name: str) -> list[int]:
    """Bytes of the fields of a structure, one after the other."""
    body = re.search(rf"^struct {name} {{\n(.*?)^}};", HEADER, re.MULTILINE | re.DOTALL)
    assert body, name
    found: list[int] = []
    for kind, count in re.findall(r"^\s*(struct \w+|\w+)\s+\w+(?:\[(\d+)\])?;", body[1], re.M):
        one = widths(kind.split()[1]) if kind.startswith("struct ") else [WIDTHS[kind]]
        found += one * int(count or 1)
    return found


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("fuse_out_header", wire.ANSWER),
        ("fuse_read_in", wire.READ_IN),
        ("fuse_write_in", wire._WRITE_IN),
        ("fuse_entry_out", wire._ENTRY),
        ("fuse_attr_out", wire._ATTRIBUTES_OUT),
        ("fuse_dirent", wire._DIRENT),
        ("fuse_forget_in", wire._NUMBER),
        ("fuse_interrupt_in", wire._NUMBER),
        ("fuse_forget_one", wire._PAIR),
        ("fuse_batch_forget_in", wire._COUNT),
        ("fuse_open_in", wire._COUNT),
        ("fuse_getxattr_in", wire._COUNT),
        ("fuse_getxattr_out", wire._COUNT),
        ("fuse_statfs_out", wire._STATFS),
        ("fuse_notify_inval_inode_out", wire._INVALIDATE_INODE),
        ("fuse_notify_inval_entry_out", wire._INVALIDATE_ENTRY),
    ],
)
def test_layouts(name: str, ours: Struct) -> None:
    assert [LETTERS[letter] for letter in ours.format.removeprefix("=")] == widths(name)


def test_layouts_that_have_grown_at_their_end() -> None:
    assert wire.HEADER.size == sum(widths("fuse_in_header"))
    assert negotiation._OUT.size == sum(widths("fuse_init_out"))
    begins = [LETTERS[letter] for letter in negotiation._OUT.format.removeprefix("=")[:10]]
    assert widths("fuse_init_out")[:10] == begins
    assert widths("fuse_init_in")[:4] == [4] * 4


def test_operations() -> None:
    ours = {name.upper(): number for number, name in wire.NAMES.items()}
    newer = {name: number for name, number in ours.items() if name not in NUMBERS}
    assert {name: NUMBERS[name] for name in ours.keys() - newer} == {
        name: ours[name] for name in ours.keys() - newer
    }
    assert set(newer.items()) <= {("COPY_FILE_RANGE_64", 53)}  # since 7.45


def test_flags_and_other_numbers() -> None:
    flags = {
        name: number
        for name, number in vars(negotiation).items()
        if name.isupper() and name in NUMBERS
    }
    assert len(flags) == 9
    assert sum(flags.values()) == negotiation.WANTED
    assert flags == {name: NUMBERS[name] for name in flags}
    assert NUMBERS["NOTIFY_INVAL_INODE"] == wire.INVALIDATE_INODE
    assert NUMBERS["NOTIFY_INVAL_ENTRY"] == wire.INVALIDATE_ENTRY
    assert NUMBERS["WRITE_CACHE"] == wire._MAPPED_WRITE
    assert NUMBERS["MIN_READ_BUFFER"] == wire.SMALLEST_BUFFER
