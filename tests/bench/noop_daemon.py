"""A daemon that answers every request at once with nothing behind it: the ceiling of the transport.

    python -m tests.bench.noop_daemon MOUNTPOINT FILES SIZE

It shows FILES files of SIZE zero bytes each in directories of 1,000 (`d0000/f0000000.bin`), with
the same pyfuse3, the same polling stand-in and the same lifetimes as the real one. What vfs takes
longer than this is what vfs itself costs.
"""

import os
import stat
import sys
from collections.abc import Sequence
from typing import Any

import pyfuse3
import trio

from vfs.fuse.libfuse.polling import Poller, stand_in

PER_DIRECTORY = 1_000
FOREVER = 10 * 365 * 86400.0
FIRST_FILE = 1 << 32
READ = bytes(1 << 20)


class Noop(pyfuse3.Operations):
    """Inode 1 is the root, 2… are directories, FIRST_FILE… are files."""

    def __init__(self, files: int, size: int) -> None:
        super().__init__()
        self.files = files
        self.size = size
        self.directories = -(-files // PER_DIRECTORY)

    def _attributes(self, inode: int) -> Any:
        entry = pyfuse3.EntryAttributes()
        entry.st_ino = inode
        entry.generation = 0
        entry.entry_timeout = FOREVER
        entry.attr_timeout = FOREVER
        is_file = inode >= FIRST_FILE
        entry.st_mode = (stat.S_IFREG | 0o644) if is_file else (stat.S_IFDIR | 0o755)
        entry.st_size = self.size if is_file else 0
        entry.st_blocks = -(-entry.st_size // 512)
        entry.st_blksize = 4096
        entry.st_nlink = 1
        entry.st_uid = os.getuid()
        entry.st_gid = os.getgid()
        entry.st_mtime_ns = entry.st_ctime_ns = entry.st_atime_ns = 1_700_000_000 * 10**9
        return entry

    async def getattr(self, inode: int, ctx: Any = None) -> Any:
        return self._attributes(inode)

    async def lookup(self, parent_inode: int, name: bytes, ctx: Any = None) -> Any:
        try:
            number = int(name[1:8]) if parent_inode != 1 else int(name[1:])
        except ValueError:
            raise pyfuse3.FUSEError(2) from None
        if parent_inode == 1:
            return self._attributes(2 + number)
        return self._attributes(FIRST_FILE + number)

    async def opendir(self, inode: int, ctx: Any) -> int:
        return inode

    async def readdir(self, fh: int, start_id: int, token: Any) -> None:
        for position, (name, inode) in enumerate(self._names(fh)[start_id:], start_id + 1):
            if not pyfuse3.readdir_reply(token, name, self._attributes(inode), position):
                return

    def _names(self, directory: int) -> Sequence[tuple[bytes, int]]:
        if directory == 1:
            return [(b"d%04d" % n, 2 + n) for n in range(self.directories)]
        first = (directory - 2) * PER_DIRECTORY
        numbers = range(first, min(first + PER_DIRECTORY, self.files))
        return [(b"f%07d.bin" % n, FIRST_FILE + n) for n in numbers]

    async def open(self, inode: int, flags: int, ctx: Any) -> Any:
        return pyfuse3.FileInfo(fh=inode, keep_cache=True)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        return READ[: max(0, min(size, self.size - off))]

    async def release(self, fh: int) -> None: ...

    async def releasedir(self, fh: int) -> None: ...

    async def forget(self, inode_list: Any) -> None: ...


def main(mountpoint: str, files: int, size: int) -> None:
    """Serve until unmounted."""
    setattr(pyfuse3, "trio", stand_in(Poller()))  # noqa: B010 - not in its type stubs
    pyfuse3.init(Noop(files, size), mountpoint, {"ro", "fsname=noop", "default_permissions"})
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close(unmount=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
