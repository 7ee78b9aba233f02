"""Handlers of the direct transport: a request of the kernel to `vfs.fs.FileSystem`, its answer as bytes.

A handler gets the inode and the size of the request that lies in the buffer. It returns the answer's bytes, or None if the operation has no answer, or
a coroutine that will have the answer: then it has taken what it needs out of the buffer, which the next request overwrites.
It raises errors of the domain; the session turns them into errnos (`docs/concurrency.md`, "The direct transport").
"""

import errno
import logging
import os
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from vfs.fs.attributes import MOVING, Attributes
from vfs.fs.errors import FsError
from vfs.fs.filesystem import FileSystem, Named, is_linked
from vfs.fs.reader import Data
from vfs.fs.xattrs import Xattrs
from vfs.fuse.direct import wire
from vfs.fuse.direct.wire import HEADER_SIZE, READ_IN, Opcode

log = logging.getLogger("vfs.fuse")

Answer = Data | None
Handler = Callable[[int, int], "Answer | Coroutine[Any, Any, Answer]"]

WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_TRUNC
"""Flags of an open that is refused, as on any disk that is read-only; what is opened for reading with O_APPEND, or O_CREAT where it exists, changes nothing."""

UNSERVED: Final = {Opcode.IOCTL: errno.ENOTTY}
"""What is answered to operations that no handler is for, but for ENOSYS. Python asks of each file that it opens whether it is a terminal, and the kernel
passes that on each time: it remembers no answer, and older ones hand ENOSYS on to the caller."""

REFUSED: Final = (
    Opcode.SETATTR,
    Opcode.SYMLINK,
    Opcode.MKNOD,
    Opcode.MKDIR,
    Opcode.UNLINK,
    Opcode.RMDIR,
    Opcode.RENAME,
    Opcode.RENAME2,
    Opcode.LINK,
    Opcode.SETXATTR,
    Opcode.REMOVEXATTR,
    Opcode.CREATE,
    Opcode.FALLOCATE,
    Opcode.COPY_FILE_RANGE,
    Opcode.COPY_FILE_RANGE_64,
    Opcode.TMPFILE,
)
"""Whatever would change something; the kernel asks if root has remounted for writing, and for xattrs."""


class Handlers:
    """All handlers of one mount, over the buffer that the device is read into."""

    def __init__(
        self,
        filesystem: FileSystem,
        buffer: bytearray,
        changing: Callable[[int, float], None],
    ) -> None:
        """Handlers by opcode in `table`; an opcode that is not in it is unknown here (`UNSERVED`).

        Args:
            filesystem: what is served.
            buffer: what requests are read into.
            changing: told of an inode whose pages are not to stay, and how long the kernel may keep them: a listing, read to its end, that may change without a switch; a file that somebody wrote to.
        """
        self._fs = filesystem
        self._buffer = buffer
        self._xattrs = Xattrs(filesystem)
        self._packer = wire.Packer(os.getuid(), os.getgid())
        self._changing = changing
        self.table: dict[int, Handler] = {
            Opcode.LOOKUP: self.lookup,
            Opcode.FORGET: self.forget,
            Opcode.BATCH_FORGET: self.batch_forget,
            Opcode.GETATTR: self.getattr,
            Opcode.READLINK: self.readlink,
            Opcode.OPEN: self.open,
            Opcode.READ: self.read,
            Opcode.WRITE: self.write,
            Opcode.STATFS: self.statfs,
            Opcode.GETXATTR: self.getxattr,
            Opcode.LISTXATTR: self.listxattr,
            Opcode.READDIR: self.readdir,
            Opcode.READDIRPLUS: self.readdirplus,
            Opcode.RELEASE: self.nothing,
            Opcode.RELEASEDIR: self.nothing,
            Opcode.DESTROY: self.nothing,
            **dict.fromkeys(REFUSED, self.refuse),
        }

    def read(self, inode: int, size: int) -> "Answer | Coroutine[Any, Any, Answer]":
        """Bytes of a file."""
        if size < HEADER_SIZE + READ_IN.size:
            raise wire.Malformed(f"a read of {size} bytes")
        _, offset, length, _, _, _, _ = READ_IN.unpack_from(self._buffer, HEADER_SIZE)
        if offset == 0 and self._fs.observe is not None:  # no open tells of it
            self._fs.observe(inode, wire.parse_caller(self._buffer))
        data = self._fs.read_nowait(inode, offset, length)
        return data if data is not None else self._fs.read(inode, offset, length)

    def lookup(self, parent: int, size: int) -> "Answer | Coroutine[Any, Any, Answer]":
        """A name in a directory; an absent one is answered with inode 0, which the kernel caches."""
        name = wire.parse_name(self._buffer, size)
        found = self._fs.lookup_nowait(parent, name)
        return self._packer.entry(found) if found is not None else self._lookup(parent, name)

    async def _lookup(self, parent: int, name: bytes) -> Answer:
        return self._packer.entry(await self._fs.lookup(parent, name))

    def forget(self, inode: int, size: int) -> Answer:
        """The kernel drops references to one inode."""
        self._fs.forget(inode, wire.parse_number(self._buffer, size))
        return None

    def batch_forget(self, _: int, size: int) -> Answer:
        """The kernel drops references to many."""
        for inode, lookups in wire.parse_forgets(self._buffer, size):
            self._fs.forget(inode, lookups)
        return None

    def getattr(self, inode: int, size: int) -> Answer:
        """Attributes of an inode."""
        return self._packer.attributes(self._fs.getattr(inode))

    async def _readlink(self, inode: int) -> Answer:
        return await self._fs.readlink(inode)

    def readlink(self, inode: int, size: int) -> "Coroutine[Any, Any, Answer]":
        """Target of a symlink."""
        return self._readlink(inode)

    def open(self, inode: int, size: int) -> Answer:
        """ENOSYS, once and for ever: from then on the kernel opens without asking, and keeps what it has cached."""
        writing = wire.parse_word(self._buffer, size) & WRITING
        raise FsError(errno.EROFS if writing else errno.ENOSYS)

    def statfs(self, inode: int, size: int) -> Answer:
        """Size and number of files of the snapshot."""
        totals = self._fs.directories.main.totals
        return wire.statfs(totals.size, totals.files)

    def getxattr(self, inode: int, size: int) -> "Coroutine[Any, Any, Answer]":
        """One extended attribute, or its size if there is no room for it."""
        room = wire.parse_word(self._buffer, size)
        return self._getxattr(inode, wire.parse_xattr_name(self._buffer, size), room)

    async def _getxattr(self, inode: int, name: bytes, room: int) -> Answer:
        return _fitting(await self._xattrs.get(inode, name), room)

    def listxattr(self, inode: int, size: int) -> Answer:
        """Names of the extended attributes, or how long they are."""
        room = wire.parse_word(self._buffer, size)
        return _fitting(b"".join(name + b"\0" for name in self._xattrs.names(inode)), room)

    def readdir(self, inode: int, size: int) -> "Answer | Coroutine[Any, Any, Answer]":
        """Names of a directory."""
        return self._list(inode, size, self._names)

    def readdirplus(self, inode: int, size: int) -> "Answer | Coroutine[Any, Any, Answer]":
        """Names of a directory, and what they are."""
        return self._list(inode, size, self._entries)

    def _list(
        self, inode: int, size: int, pack: "Callable[[Iterable[Named], int], bytes]"
    ) -> "Answer | Coroutine[Any, Any, Answer]":
        cookie, room = wire.parse_read(self._buffer, size)
        named = self._fs.readdir_nowait(inode, cookie)
        if named is None:
            return self._list_later(inode, cookie, room, pack)
        return self._listed(inode, pack(named, room))

    async def _list_later(
        self, inode: int, cookie: int, room: int, pack: "Callable[[Iterable[Named], int], bytes]"
    ) -> Answer:
        return self._listed(inode, pack(await self._fs.readdir(inode, cookie), room))

    def _listed(self, inode: int, answer: bytes) -> bytes:
        if not answer and self._fs.snapshots.get(inode) is not None:
            self._changing(inode, MOVING)
        return answer

    def _names(self, listed: Iterable[Named], room: int) -> bytes:
        parts = []
        for name, found, cookie in listed:
            part = wire.dirent(found.inode, found.mode, name, cookie)
            self._fs.forget(found.inode, 1)  # the kernel is told of no inode
            room -= len(part)
            if room < 0:
                break
            parts.append(part)
        return b"".join(parts)

    def _entries(self, listed: Iterable[Named], room: int) -> bytes:
        parts = []
        for named in listed:
            name, found, cookie = named
            part = self._entry(found) + wire.dirent(found.inode, found.mode, name, cookie)
            room -= len(part)
            if room < 0:
                self._fs.undeliver(named)
                break
            parts.append(part)
        return b"".join(parts)

    def _entry(self, found: Attributes) -> bytes:
        return self._packer.entry(found) if is_linked(found.inode) else wire.NO_ENTRY

    def nothing(self, inode: int, size: int) -> Answer:
        """There is nothing to do."""
        return b""

    def write(self, inode: int, size: int) -> Answer:
        """Refused, as all that would change something; what lies changed in the page cache is dropped, or readers would get it for ever."""
        self._changing(inode, 0.0)
        if wire.parse_is_mapped_write(self._buffer, size):
            log.warning(
                "what was written to a mapping of inode %d is lost: the mount is read-only, though somebody remounted it for writing",
                inode,
            )
        raise FsError(errno.EROFS)

    def refuse(self, inode: int, size: int) -> Answer:
        """The file system is read-only."""
        raise FsError(errno.EROFS)


def _fitting(value: bytes, room: int) -> bytes:
    """An extended attribute, or what is said of one that has no room."""
    if room == 0:
        return wire.xattr_size(len(value))
    if len(value) > room:
        raise FsError(errno.ERANGE)
    return value
