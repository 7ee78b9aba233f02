"""Extended attributes: where a path's content comes from and how much of it is at hand.

| name | on | value |
|---|---|---|
| `user.vfs.digest` | files | algorithm and digest, e.g. `md5:d3b0…` |
| `user.vfs.remote` | files | the place its bytes come from |
| `user.vfs.cached` | files | percent of the content that is on this machine, in whatever form |
| `user.vfs.verified` | files | `yes`, `no` (not all of it has been seen), or `bad` |
| `user.vfs.rev` | files, directories | the revision shown, as it was given |
| `user.vfs.commit` | files, directories | the full commit id; empty for `worktree` |

A directory tells the revision of its own tree. A file is one content, shared by all snapshots that have it, so it tells what the mount
shows now. Symlinks have none: the kernel gives them no `user.` attributes.
"""

import errno
from typing import Final

from vfs.core.inodes import FileNode
from vfs.fs.errors import FsError
from vfs.fs.filesystem import FileSystem
from vfs.types import Kind

_OF_VIEWS: Final = (b"rev", b"commit")
_OF_FILES: Final = (b"digest", b"remote", b"cached", b"verified")
_PREFIX: Final = b"user.vfs."
_FOREIGN: Final = (b"system.", b"security.selinux")


class Xattrs:
    """Answers getxattr and listxattr."""

    def __init__(self, filesystem: FileSystem) -> None:
        self._fs = filesystem

    def names(self, inode: int) -> list[bytes]:
        """Names of the attributes of an inode."""
        file = self._fs.files.get(inode)
        if file is not None and file.kind is not Kind.SYMLINK:
            return [_PREFIX + name for name in _OF_FILES + _OF_VIEWS]
        if self._fs.directories.get(inode) is not None:
            return [_PREFIX + name for name in _OF_VIEWS]
        return []

    async def get(self, inode: int, name: bytes) -> bytes:
        """Value of one attribute; FsError(ENODATA) if the inode has none of that name."""
        if name.startswith(_FOREIGN):
            # "Not supported" rather than "none": `ls -l` then asks once per mount, not once per file.
            raise FsError(errno.EOPNOTSUPP)
        if not name.startswith(_PREFIX):
            raise FsError(errno.ENODATA)
        short = name[len(_PREFIX) :]
        file = self._fs.files.get(inode)
        if file is not None and short in _OF_FILES:
            return (await self._of_file(inode, file, short)).encode()
        directory = self._fs.directories.get(inode)
        if short in _OF_VIEWS and (file is not None or directory is not None):
            view = self._fs.directories.main if directory is None else directory.view
            return ((view.label if short == b"rev" else view.commit) or "").encode()
        raise FsError(errno.ENODATA)

    async def _of_file(self, inode: int, file: FileNode, name: bytes) -> str:
        reader = self._fs.reader
        if name == b"digest":
            return str(file.blob.digest)
        if name == b"remote":
            return await reader.label(file)
        if name == b"cached":
            return str(await reader.cached_percent(inode, file))
        return await reader.verified(inode, file)
