"""Messages of the kernel's FUSE protocol: bytes and values.

Rule: pure. A message that is not what its operation says is `Malformed`, whatever it holds; nothing else is raised.
Requests are read in place: the functions take the buffer that the device was read into and the size of the message.

Source: `linux/fuse.h`, protocol 7.31 to 7.45.
"""

from struct import Struct
from typing import Final, NamedTuple

from vfs.fs.attributes import BLOCK, IO_SIZE, Attributes

Buffer = bytes | bytearray

HEADER: Final = Struct("=IIQQIIIHH")
"""`fuse_in_header`: length, opcode, unique, node, uid, gid, pid, extension, padding."""

HEADER_SIZE: Final = HEADER.size

ANSWER: Final = Struct("=IiQ")
"""`fuse_out_header`: length, error (negative errno, or a notification's code), unique."""

ANSWER_SIZE: Final = ANSWER.size

READ_IN: Final = Struct("=QQIIQII")
"""`fuse_read_in`: handle, offset, size, flags of the read, lock owner, flags of the open, padding."""

_WRITE_IN: Final = Struct("=QQIIQII")
"""`fuse_write_in`: handle, offset, size, flags of the write, lock owner, flags of the open, padding."""

_MAPPED_WRITE: Final = 1
"""`FUSE_WRITE_CACHE`: the kernel writes a changed page back."""

_ATTRIBUTES: Final = "QQQqqqIIIIIIIIII"
"""`fuse_attr`: number, size, blocks, access, modification and change time; their nanoseconds; mode, links, uid, gid, device, block size, flags."""

_ENTRY: Final = Struct("=QQQQII" + _ATTRIBUTES)
_ATTRIBUTES_OUT: Final = Struct("=QII" + _ATTRIBUTES)
_DIRENT: Final = Struct("=QQII")
_NUMBER: Final = Struct("=Q")
_PAIR: Final = Struct("=QQ")
_COUNT: Final = Struct("=II")
_STATFS: Final = Struct("=QQQQQIIIIIIIIII")
_INVALIDATE_INODE: Final = Struct("=Qqq")
_INVALIDATE_ENTRY: Final = Struct("=QII")

LONGEST_NAME: Final = 255
"""Of `statfs`."""

SMALLEST_BUFFER: Final = 8192
"""`FUSE_MIN_READ_BUFFER`: the kernel refuses to fill a smaller one."""


class Opcode:
    """`enum fuse_opcode`."""

    LOOKUP: Final = 1
    FORGET: Final = 2
    GETATTR: Final = 3
    SETATTR: Final = 4
    READLINK: Final = 5
    SYMLINK: Final = 6
    MKNOD: Final = 8
    MKDIR: Final = 9
    UNLINK: Final = 10
    RMDIR: Final = 11
    RENAME: Final = 12
    LINK: Final = 13
    OPEN: Final = 14
    READ: Final = 15
    WRITE: Final = 16
    STATFS: Final = 17
    RELEASE: Final = 18
    SETXATTR: Final = 21
    GETXATTR: Final = 22
    LISTXATTR: Final = 23
    REMOVEXATTR: Final = 24
    INIT: Final = 26
    READDIR: Final = 28
    RELEASEDIR: Final = 29
    CREATE: Final = 35
    INTERRUPT: Final = 36
    DESTROY: Final = 38
    IOCTL: Final = 39
    BATCH_FORGET: Final = 42
    FALLOCATE: Final = 43
    READDIRPLUS: Final = 44
    RENAME2: Final = 45
    COPY_FILE_RANGE: Final = 47
    TMPFILE: Final = 51
    COPY_FILE_RANGE_64: Final = 53


NAMES: Final = {
    number: name.lower() for name, number in vars(Opcode).items() if isinstance(number, int)
}
"""Of operations, for logs."""

UNANSWERED: Final = frozenset({Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT})
"""Operations without an answer; the kernel takes one for an error."""

INVALIDATE_INODE: Final = 2
INVALIDATE_ENTRY: Final = 3


class Malformed(Exception):
    """A message that is not what its operation says."""


class Header(NamedTuple):
    """What every request begins with, as far as it is used."""

    opcode: int
    unique: int
    node: int
    pid: int


def parse_header(data: Buffer, size: int) -> Header:
    """The header of a request of `size` bytes."""
    if size < HEADER_SIZE or size > len(data):
        raise Malformed(f"a request of {size} bytes")
    length, opcode, unique, node, _, _, pid, _, _ = HEADER.unpack_from(data)
    if length != size:
        raise Malformed(f"a request of {size} bytes says it has {length}")
    return Header(opcode, unique, node, pid)


def parse_caller(data: Buffer) -> int:
    """The process that a request, whose header was parsed, comes from; 0 if it cannot be seen from here."""
    return int(HEADER.unpack_from(data)[6])


def parse_name(data: Buffer, size: int, start: int = HEADER_SIZE) -> bytes:
    """The name that ends a request."""
    end = data.find(b"\0", start, size)
    if end <= start:
        raise Malformed("a request without the name it should have")
    return bytes(data[start:end])


def parse_read(data: Buffer, size: int) -> tuple[int, int]:
    """Offset and length of READ, READDIR and READDIRPLUS."""
    if size < HEADER_SIZE + READ_IN.size:
        raise Malformed(f"a read of {size} bytes")
    _, offset, length, _, _, _, _ = READ_IN.unpack_from(data, HEADER_SIZE)
    return offset, length


def parse_is_mapped_write(data: Buffer, size: int) -> bool:
    """Whether WRITE is of a page that was changed through a mapping, rather than a call that waits for its end."""
    if size < HEADER_SIZE + _WRITE_IN.size:
        raise Malformed(f"a write of {size} bytes")
    return bool(_WRITE_IN.unpack_from(data, HEADER_SIZE)[3] & _MAPPED_WRITE)


def parse_number(data: Buffer, size: int) -> int:
    """The number a request holds: lookups of FORGET, the request of INTERRUPT."""
    if size < HEADER_SIZE + _NUMBER.size:
        raise Malformed(f"a number in {size} bytes")
    return int(_NUMBER.unpack_from(data, HEADER_SIZE)[0])


def parse_forgets(data: Buffer, size: int) -> list[tuple[int, int]]:
    """Inodes and lookups of BATCH_FORGET."""
    start = HEADER_SIZE + _COUNT.size
    if size < start:
        raise Malformed(f"forgets in {size} bytes")
    count = _COUNT.unpack_from(data, HEADER_SIZE)[0]
    if count * _PAIR.size > size - start:
        raise Malformed(f"{count} forgets in {size} bytes")
    return [_PAIR.unpack_from(data, start + at * _PAIR.size) for at in range(count)]


def parse_word(data: Buffer, size: int) -> int:
    """The first 32 bits of a request's arguments: flags of OPEN, the room of GETXATTR and LISTXATTR."""
    if size < HEADER_SIZE + _COUNT.size:
        raise Malformed(f"a word in {size} bytes")
    return int(_COUNT.unpack_from(data, HEADER_SIZE)[0])


def parse_xattr_name(data: Buffer, size: int) -> bytes:
    """The name of GETXATTR, which comes after its arguments."""
    return parse_name(data, size, HEADER_SIZE + _COUNT.size)


class Packer:
    """Answers that tell attributes, for one owner."""

    def __init__(self, uid: int, gid: int) -> None:
        self._uid = uid
        self._gid = gid

    def entry(self, found: Attributes) -> bytes:
        """`fuse_entry_out`: what a name is; inode 0 says that there is none."""
        inode, mode, size, mtime, lifetime = found
        valid = int(lifetime)
        return _ENTRY.pack(
            inode, 0, valid, valid, 0, 0,
            inode, size, (size + BLOCK - 1) // BLOCK, mtime, mtime, mtime, 0, 0, 0,
            mode, 1, self._uid, self._gid, 0, IO_SIZE, 0,
        )  # fmt: skip

    def attributes(self, found: Attributes) -> bytes:
        """`fuse_attr_out`."""
        inode, mode, size, mtime, lifetime = found
        return _ATTRIBUTES_OUT.pack(
            int(lifetime), 0, 0,
            inode, size, (size + BLOCK - 1) // BLOCK, mtime, mtime, mtime, 0, 0, 0,
            mode, 1, self._uid, self._gid, 0, IO_SIZE, 0,
        )  # fmt: skip


NO_ENTRY: Final = bytes(_ENTRY.size)
"""In a listing: nothing but the name is told."""


def dirent(inode: int, mode: int, name: bytes, cookie: int) -> bytes:
    """`fuse_dirent`: a name in a listing, padded."""
    return _DIRENT.pack(inode, cookie, len(name), mode >> 12 & 0o17) + name + bytes(-len(name) & 7)


def statfs(size: int, files: int) -> bytes:
    """`fuse_statfs_out` of a file system that is full, as nothing can be written."""
    return _STATFS.pack((size + 4095) // 4096, 0, 0, files, 0, 4096, LONGEST_NAME, 4096, *[0] * 7)


def xattr_size(size: int) -> bytes:
    """`fuse_getxattr_out`: how much room a value needs."""
    return _COUNT.pack(size, 0)


def invalidate_inode(inode: int, offset: int, length: int) -> bytes:
    """A notification: forget attributes, and pages from `offset` on unless that is negative; length 0 means all."""
    body = _INVALIDATE_INODE.pack(inode, offset, length)
    return ANSWER.pack(ANSWER_SIZE + len(body), INVALIDATE_INODE, 0) + body


def invalidate_entry(parent: int, name: bytes) -> bytes:
    """A notification: forget what a name is."""
    body = _INVALIDATE_ENTRY.pack(parent, len(name), 0) + name + b"\0"
    return ANSWER.pack(ANSWER_SIZE + len(body), INVALIDATE_ENTRY, 0) + body
