"""pyfuse3 handlers: translate requests for `vfs.fs.FileSystem` and its answers for the kernel.

Rule: one job, translation; nothing is decided here but what the protocol itself asks for.
"""

import errno
import os
from collections.abc import Sequence
from typing import Any, cast

import pyfuse3

from vfs.errors import VfsError
from vfs.fs.attributes import BLOCK, IO_SIZE, Attributes
from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Data
from vfs.fs.xattrs import Xattrs
from vfs.fuse.libfuse.boundary import Guarded

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC  # as of the direct transport


class Operations(Guarded):
    """All handlers of one mount."""

    supports_dot_lookup = False
    enable_writeback_cache = False
    enable_acl = False

    def __init__(self, filesystem: FileSystem, xattrs: Xattrs, ready: Any) -> None:
        super().__init__()
        self._fs = filesystem
        self._xattrs = xattrs
        self._ready = ready
        self._uid = os.getuid()
        self._gid = os.getgid()
        # Nothing runs between filling a reply and sending it, so one of each kind is enough.
        self._entry = Reply(self._uid, self._gid)
        self._listed = Reply(self._uid, self._gid)

    def init(self) -> None:
        """The kernel has answered INIT."""
        self._ready()

    def failed(self) -> None:
        """Count it for `vfs status`."""
        self._fs.counters.errors += 1

    async def lookup(self, parent: int, name: bytes, ctx: Any) -> pyfuse3.EntryAttributes:
        """A name in a directory; an absent one is answered with inode 0, which the kernel caches."""
        return self._entry.fill(await self._fs.lookup(parent, name))

    async def getattr(self, inode: int, ctx: Any) -> pyfuse3.EntryAttributes:
        """Attributes of an inode."""
        return self._entry.fill(self._fs.getattr(inode))

    async def forget(self, inodes: Sequence[tuple[int, int]]) -> None:
        """The kernel drops references."""
        for inode, lookups in inodes:
            self._fs.forget(inode, lookups)

    async def readlink(self, inode: int, ctx: Any) -> bytes:
        """Target of a symlink."""
        return await self._fs.readlink(inode)

    async def opendir(self, inode: int, ctx: Any) -> int:
        """Open a directory; the handle is the inode number, since positions name what they are of."""
        await self._fs.opendir(inode)
        return inode

    async def readdir(self, inode: int, start: int, token: Any) -> None:
        """Fill one reply with entries after position `start`."""
        for named in await self._fs.readdir(inode, start):
            entry = self._listed.fill(named.attributes)
            if not pyfuse3.readdir_reply(token, named.name, entry, named.cookie):
                self._fs.undeliver(named)
                break

    async def releasedir(self, inode: int) -> None:
        """Close a directory."""

    async def open(self, inode: int, flags: int, ctx: Any) -> pyfuse3.FileInfo:
        """Open a file for reading; the handle is the inode number, since contents never change."""
        if flags & _WRITING:
            raise pyfuse3.FUSEError(errno.EROFS)
        small = await self._fs.open(inode, ctx.pid)
        if small is not None:
            _push(inode, small)
        return pyfuse3.FileInfo(fh=inode, keep_cache=True)

    async def read(self, inode: int, offset: int, length: int) -> Data:  # type: ignore[override]  # any buffer will do
        """Bytes of a file."""
        data = self._fs.read_nowait(inode, offset, length)
        return data if data is not None else await self._fs.read(inode, offset, length)

    async def flush(self, handle: int) -> None:
        """Nothing to flush on a read-only file system: ENOSYS makes the kernel stop asking."""
        raise pyfuse3.FUSEError(errno.ENOSYS)

    async def release(self, inode: int) -> None:
        """One open is gone."""
        self._fs.release(inode)

    async def statfs(self, ctx: Any) -> pyfuse3.StatvfsData:
        """Size and number of files of the snapshot."""
        totals = self._fs.directories.main.totals
        stats = pyfuse3.StatvfsData()
        stats.f_bsize = stats.f_frsize = 4096
        stats.f_blocks = (totals.size + 4095) // 4096
        stats.f_bfree = stats.f_bavail = 0
        stats.f_files = totals.files
        stats.f_ffree = stats.f_favail = 0
        stats.f_namemax = 255
        return stats

    async def getxattr(self, inode: int, name: bytes, ctx: Any) -> bytes:
        """One extended attribute."""
        return await self._xattrs.get(inode, name)

    async def listxattr(self, inode: int, ctx: Any) -> list[bytes]:
        """Names of the extended attributes."""
        return self._xattrs.names(inode)

    async def access(self, inode: int, mode: int, ctx: Any) -> bool:
        """The kernel checks permissions itself (`default_permissions`)."""
        raise pyfuse3.FUSEError(errno.ENOSYS)

    async def _refuse(self, *args: Any) -> Any:
        """Whatever would change something; the kernel asks if root has remounted for writing, and for xattrs."""
        raise pyfuse3.FUSEError(errno.EROFS)

    create: Any = _refuse
    link: Any = _refuse
    mkdir: Any = _refuse
    mknod: Any = _refuse
    removexattr: Any = _refuse
    rename: Any = _refuse
    rmdir: Any = _refuse
    setattr: Any = _refuse
    setxattr: Any = _refuse
    symlink: Any = _refuse
    unlink: Any = _refuse
    write: Any = _refuse


class Notifications:
    """`vfs.fs.switch.Notifier` over pyfuse3; its calls block and belong in a worker thread."""

    def drop_name(self, directory: int, name: bytes) -> None:
        """Forget a name."""
        try:
            pyfuse3.invalidate_entry(directory, name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise VfsError(f"the kernel refused to drop a name: {error}") from error

    def drop_attributes(self, inode: int) -> None:
        """Forget a directory's attributes."""
        try:
            pyfuse3.invalidate_inode(inode, attr_only=True)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise VfsError(f"the kernel refused to drop attributes: {error}") from error


def _push(inode: int, content: Data) -> None:
    """Put a small file into the page cache ahead of its READ.

    Only for a file without other opens (`FileSystem.open` sees to it): no READ can be holding a page lock then, so the call
    cannot wait for us.
    """
    try:
        pyfuse3.notify_store(inode, 0, cast("bytes", content))  # any buffer will do
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOMEM, errno.ENOSYS):
            raise


class Reply:
    """A reply that is filled anew for each request; only what differs from the last one is set."""

    __slots__ = ("_last", "entry")

    def __init__(self, uid: int, gid: int) -> None:
        self.entry = pyfuse3.EntryAttributes()
        self.entry.st_uid = uid
        self.entry.st_gid = gid
        self.entry.st_nlink = 1
        self.entry.st_blksize = IO_SIZE
        self.entry.generation = 0
        self._last = (-1, -1, -1.0)

    def fill(self, found: Attributes) -> pyfuse3.EntryAttributes:
        """Copy attributes into the reply."""
        inode, mode, size, mtime, lifetime = found
        entry = self.entry
        entry.st_ino = inode
        entry.st_size = size
        entry.st_blocks = (size + BLOCK - 1) // BLOCK
        if self._last != (mode, mtime, lifetime):
            self._last = (mode, mtime, lifetime)
            entry.st_mode = mode
            entry.st_mtime_ns = entry.st_ctime_ns = entry.st_atime_ns = mtime * 1_000_000_000
            entry.entry_timeout = entry.attr_timeout = lifetime
        return entry
