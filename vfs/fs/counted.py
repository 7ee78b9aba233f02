"""A file system that counts what it hands out of each content, and what it cannot, for whoever runs commands on it.

Rules:

* An ordinary mount has none of this: its reads cost what they did.
* Counted is what the kernel was given, once: what it has in its page cache and gives again is not seen here.
* A number is that of an inode, so two paths with one content have one.
"""

import errno
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vfs.fs.attributes import Attributes
from vfs.fs.directories import DirectoryNode, View, join
from vfs.fs.errors import FsError
from vfs.fs.filesystem import FileSystem
from vfs.fs.reader import Data, Reader
from vfs.fs.snapshots import RevisionSource


class CountedFileSystem(FileSystem):
    """As `FileSystem`."""

    def __init__(self, main: View, revisions: RevisionSource, reader: Reader) -> None:
        super().__init__(main, revisions, reader)
        self._handed: dict[int, int] = {}
        self._failed: Counter[int] = Counter()
        self._broken: Counter[bytes] = Counter()

    @property
    def failed(self) -> Mapping[int, int]:
        """Reads that ended in an error, by inode, since the mount was made."""
        return self._failed

    @property
    def broken(self) -> Mapping[bytes, int]:
        """Look-ups of paths that cannot be served, since the mount was made."""
        return self._broken

    def _lookup(self, node: DirectoryNode, name: bytes) -> Attributes:
        try:
            return super()._lookup(node, name)
        except FsError as error:
            if error.errno == errno.EIO:
                self._broken[join(node.path, name)] += 1
            raise

    @property
    def handed(self) -> Mapping[int, int]:
        """Bytes by inode, since the mount was made."""
        return self._handed

    async def open(self, inode: int, pid: int = 0) -> Data | None:
        """As `FileSystem.open`; a small file is handed out by that."""
        with self._noted(inode):
            return self._counted(inode, await super().open(inode, pid))

    async def opendir(self, inode: int) -> None:
        """As `FileSystem.opendir`."""
        with self._noted(inode):
            await super().opendir(inode)

    def read_nowait(self, inode: int, offset: int, length: int) -> Data | None:
        """As `FileSystem.read_nowait`."""
        with self._noted(inode):
            return self._counted(inode, super().read_nowait(inode, offset, length))

    async def read(self, inode: int, offset: int, length: int) -> Data:
        """As `FileSystem.read`."""
        with self._noted(inode):
            data = await super().read(inode, offset, length)
        self._counted(inode, data)
        return data

    @contextmanager
    def _noted(self, inode: int) -> Iterator[None]:
        try:
            yield
        except FsError:  # an answer, which says nothing of what is recorded
            raise
        except Exception:
            self._failed[inode] += 1
            raise

    def _counted(self, inode: int, data: Data | None) -> Data | None:
        if data is not None:
            self._handed[inode] = self._handed.get(inode, 0) + len(data)
        return data
