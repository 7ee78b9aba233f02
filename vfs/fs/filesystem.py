"""The read-only file system: names and contents of snapshots as inodes, without FUSE.

Rule: this module speaks inodes, bytes, and `VfsError`/`FsError` with an errno; it does not know which transport serves it.
Every method that a transport calls for the main view decides synchronously between its last await and its return, so that a
switch is atomic for it (`docs/concurrency.md`).
"""

import errno
import logging
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from vfs.core.inodes import FileNode, FileTable
from vfs.errors import VfsError
from vfs.fs.attributes import MODES, MOVING, ROOT, Attributes
from vfs.fs.directories import DirectoryNode, DirectoryTable, Listing, View
from vfs.fs.errors import FsError
from vfs.fs.heat import MOST_PENDING, Heat
from vfs.fs.names import Names
from vfs.fs.reader import Data, Reader
from vfs.fs.snapshots import NAME as SNAPSHOTS
from vfs.fs.snapshots import RevisionsNode, RevisionSource, Snapshots
from vfs.fs.stalls import Stall, Stalls
from vfs.fs.statistics import Counters
from vfs.log import about
from vfs.log.requests import concerns, request
from vfs.transfer import WHOLE_SIZE
from vfs.types import Blob, Entry, Kind

log = logging.getLogger("vfs.fs")

LONGEST_NAME: Final = 255
"""Bytes; the kernel would let longer names through to us."""

LISTED_BIT: Final = 1 << 60
"""Set in numbers that a listing shows for names whose inode the kernel must ask for."""

DOTS: Final = 2
"""Positions taken by `.` and `..` before the first entry of a listing."""

VERSION_SHIFT: Final = 40
"""A cookie is a position and, above it, the version of the directory that has it there."""

_POSITION: Final = (1 << VERSION_SHIFT) - 1
_VERSIONS: Final = (1 << 22) - 1

ABSENT: Final = Attributes(0, 0, 0, 0)
"""Answer for a name that does not exist, which the kernel may remember."""


class Named(NamedTuple):
    """A directory entry for `readdir`: its position, and attributes the kernel may link to the name."""

    name: bytes
    attributes: Attributes
    cookie: int


class FileSystem:
    """All requests of one mount; one instance, on the event loop only.

    Attributes:
        observe: told of each file that is opened, by inode and process (0: not known); must be quick.
    """

    def __init__(self, main: View, revisions: RevisionSource, reader: Reader) -> None:
        self.directories = DirectoryTable(main)
        self.snapshots = Snapshots(revisions)
        self.files = FileTable(large=WHOLE_SIZE)
        self.reader = reader
        self.counters = Counters()
        self.observe: Callable[[int, int], None] | None = None
        self.heat = Heat()
        self.stalls = Stalls(self.heat)
        self.names = Names(self.files, self.directories)
        self._reported: set[tuple[bytes, str]] = set()

    # -- names -------------------------------------------------------------------------------------

    async def lookup(self, parent: int, name: bytes) -> Attributes:
        """Find a name in a directory; `ABSENT` if there is none."""
        found = self.lookup_nowait(parent, name)
        if found is not None:
            return found
        node = self.directories.get(parent)
        if node is None:
            return await self._lookup_revision(parent, name)
        with request():
            await node.view.ready()
        return self._lookup(node, name)

    def lookup_nowait(self, parent: int, name: bytes) -> Attributes | None:
        """As `lookup`; None if that would wait, for a snapshot or for Git."""
        self.counters.lookups += 1
        if len(name) > LONGEST_NAME:
            raise FsError(errno.ENAMETOOLONG)
        node = self.directories.get(parent)
        if node is None:
            return None
        if name == SNAPSHOTS and parent == ROOT:
            return self._revisions_attributes(self.snapshots.root)
        return None if node.view.build is not None else self._lookup(node, name)

    def _lookup(self, node: DirectoryNode, name: bytes) -> Attributes:
        listing = self.directories.listing(node)
        if listing is None:  # the directory left the snapshot: nothing below it is cached
            raise FsError(errno.ENOENT)
        entry = listing.lookup(name)
        node.told.add(name)
        if entry is None:
            return ABSENT
        return self._attributes_of(node, listing, entry)

    async def _lookup_revision(self, parent: int, name: bytes) -> Attributes:
        revisions = self.snapshots.get(parent)
        if revisions is None:
            raise FsError(errno.ESTALE)
        with request():
            found = await self.snapshots.lookup(revisions, name)
        if found is None:
            raise FsError(errno.ENOENT)  # not cached: the revision may be made at any time
        if isinstance(found, RevisionsNode):
            found.lookups += 1
            return self._revisions_attributes(found)
        root = self.directories.open_root(found)
        root.lookups += 1
        return self._directory_attributes(root)._replace(lifetime=MOVING)

    def forget(self, inode: int, lookups: int) -> None:
        """The kernel drops `lookups` references to an inode."""
        if inode in self.files:
            if self.files.forget(inode, lookups):
                self.reader.forget(inode)
        else:
            self.directories.forget(inode, lookups)
            self.snapshots.forget(inode, lookups)

    def forget_content(self, blob: Blob) -> list[int]:
        """Drop what is known of a content; returns the inodes that show it, of whose pages the kernel may have some."""
        shown = self.files.showing(blob)
        for inode in shown:
            self.reader.forget(inode)
        return shown

    # -- attributes --------------------------------------------------------------------------------

    def getattr(self, inode: int) -> Attributes:
        """Attributes of an inode the kernel knows."""
        self.counters.getattrs += 1
        file = self.files.get(inode)
        if file is not None:
            return Attributes(inode, MODES[file.kind], file.blob.size, file.mtime)
        node = self.directories.get(inode)
        if node is not None:
            return self._directory_attributes(node)
        revisions = self.snapshots.get(inode)
        if revisions is not None:
            return self._revisions_attributes(revisions)
        raise FsError(errno.ESTALE)

    async def readlink(self, inode: int) -> bytes:
        """Target of a symlink."""
        file = self._file(inode)
        if file.kind is not Kind.SYMLINK:
            raise FsError(errno.EINVAL)
        return bytes(await self.reader.read(inode, file, 0, file.blob.size))

    def _attributes_of(self, node: DirectoryNode, listing: Listing, entry: Entry) -> Attributes:
        """Attributes of an entry, with one more kernel reference."""
        kind = entry.kind
        if kind is Kind.DIRECTORY:
            child = self.directories.child(node, entry.name)
            child.lookups += 1
            return Attributes(child.inode, MODES[kind], 0, entry.mtime)
        if kind is Kind.BROKEN or entry.digest is None:
            self._report(node, entry)
            raise FsError(errno.EIO)
        blob = Blob(entry.digest, entry.size)
        inode = self.files.remember(blob, kind, entry.mtime, entry.origin, node.inode)
        return Attributes(inode, MODES[kind], entry.size, entry.mtime)

    def _directory_attributes(self, node: DirectoryNode) -> Attributes:
        listing = self.directories.listing(node)
        mtime = listing.mtime if listing is not None else 0
        return Attributes(node.inode, MODES[Kind.DIRECTORY], 0, mtime)

    def _revisions_attributes(self, node: RevisionsNode) -> Attributes:
        return Attributes(node.inode, MODES[Kind.DIRECTORY] & ~0o200, 0, 0, MOVING)

    def _report(self, node: DirectoryNode, entry: Entry) -> None:
        """Say once per path and problem why it cannot be served."""
        path = node.path + b"/" + entry.name
        if self._is_new(path, entry.problem):
            shown = path.decode("utf-8", "backslashreplace")
            log.warning("cannot serve %s: %s", shown, entry.problem, extra=about(path=shown))

    # -- directories -------------------------------------------------------------------------------

    async def opendir(self, inode: int) -> None:
        """Return when a directory can be listed; raises what building its snapshot raises."""
        node = self.directories.get(inode)
        if node is not None:
            with request():
                await node.view.ready()
        elif self.snapshots.get(inode) is None:
            raise FsError(errno.ESTALE)

    async def readdir(self, inode: int, cookie: int) -> Iterator[Named]:
        """Entries of a directory after `cookie`, which is 0 or came with an entry; the caller counts those it delivers.

        A cookie names the version of the directory that it came from, and that one is listed on, whatever a switch has made of the directory since.
        Entries are given attributes and a kernel reference (`undeliver` takes it back); those of an earlier version a lifetime of
        zero, so that the kernel asks again before it believes them.
        """
        named = self.readdir_nowait(inode, cookie)
        if named is not None:
            return named
        await self.opendir(inode)
        revisions = self.snapshots.get(inode)
        if revisions is not None:
            await self.snapshots.survey(revisions)
            return self._revision_names(revisions, revisions.version, 0)
        node = self.directories.get(inode)
        if node is None:
            raise FsError(errno.ESTALE)
        return self._entries(node, cookie >> VERSION_SHIFT & _VERSIONS, cookie & _POSITION)

    def readdir_nowait(self, inode: int, cookie: int) -> Iterator[Named] | None:
        """As `readdir`; None if that would wait, for a snapshot or for Git."""
        self.counters.readdirs += 1
        node = self.directories.get(inode)
        version, after = cookie >> VERSION_SHIFT & _VERSIONS, cookie & _POSITION
        if node is not None:
            if node.view.build is not None:
                return None
            return self._entries(node, version, after)
        revisions = self.snapshots.get(inode)
        if revisions is None:
            raise FsError(errno.ESTALE)
        return self._revision_names(revisions, version, after) if cookie else None

    def _entries(self, node: DirectoryNode, version: int, after: int) -> Iterator[Named]:
        listing = self.directories.listing(node)
        now = node.version & _VERSIONS
        current = after == 0 or version == now
        if current:
            version, node.listed = now, True
        elif version in node.past:
            listing = node.past[version]
        else:  # it changed too often since
            raise FsError(errno.ESTALE)
        high, place = version << VERSION_SHIFT, SNAPSHOTS if node.inode == ROOT else b""
        yield from _dots(after, high)
        if listing is None:
            return
        for entry, position in listing.entries(max(0, after - DOTS)):
            if entry.name != place:  # else the kernel would have it in the place, for ever
                found = self._listed(node, listing, entry, current)
                yield Named(entry.name, found, high | position + DOTS)

    def _revision_names(self, node: RevisionsNode, version: int, after: int) -> Iterator[Named]:
        names = node.listed.get(version)
        if names is None:
            raise FsError(errno.ESTALE)
        high = version << VERSION_SHIFT
        yield from _dots(after, high)
        for position, name in enumerate(names[max(0, after - DOTS) :], max(after, DOTS) + 1):
            yield Named(name, _unlinked(name, Kind.DIRECTORY), high | position)

    def _listed(
        self, node: DirectoryNode, listing: Listing, entry: Entry, current: bool
    ) -> Attributes:
        if entry.kind is Kind.BROKEN or (entry.digest is None and entry.kind is not Kind.DIRECTORY):
            return _unlinked(entry.name, Kind.FILE)
        if entry.kind is Kind.DIRECTORY and not current:
            return _unlinked(entry.name, Kind.DIRECTORY)
        found = self._attributes_of(node, listing, entry)
        if not current:
            return found._replace(lifetime=0.0)
        node.told.add(entry.name)
        return found

    def undeliver(self, named: Named) -> None:
        """The last entry did not fit into the reply: take its kernel reference back."""
        self.forget(named.attributes.inode, 1)

    # -- files -------------------------------------------------------------------------------------

    async def open(self, inode: int, pid: int = 0) -> Data | None:
        """Open a file for reading, for a process.

        Returns:
            The whole content if it is small, at hand, and the kernel cannot have it yet: the transport pushes it
            into the page cache; else None.
        """
        self.counters.opens += 1
        if self.observe is not None:
            self.observe(inode, pid)
        small = self.reader.open(inode, self._file(inode))
        if small is not None:
            self.counters.pushed += 1
            self.counters.pushed_bytes += len(small)
            if (watched := self.heat.watched) is not None:
                watched[inode] += len(small)
        return small

    def release(self, inode: int) -> None:
        """The last reference to one `open` is gone."""
        self.reader.release(inode)

    def read_nowait(self, inode: int, offset: int, length: int) -> Data | None:
        """Bytes of a file that are at hand, shorter than `length` only at its end; None: `read` brings them."""
        reader = self.reader
        read = reader.read_nowait if inode in reader.files else self._read_unmet
        data = read(inode, offset, length)
        if data is not None:
            counters = self.counters
            counters.reads += 1
            counters.read_bytes += len(data)
            if (watched := self.heat.watched) is not None:
                watched[inode] += len(data)
                if len(watched) >= MOST_PENDING:
                    self.heat.overflow()
        return data

    def _read_unmet(self, inode: int, offset: int, length: int) -> Data | None:
        """Bytes of a file of which the reader remembers nothing; of a small one that is at hand it never needs to."""
        block, reader = self.files.only_block(inode), self.reader
        data = None if block is None else reader.read_block_nowait(*block, offset, length)
        if data is None:
            reader.meet(inode, self._file(inode))
        return data if block is not None else reader.read_nowait(inode, offset, length)

    async def read(self, inode: int, offset: int, length: int) -> Data:
        """As `read_nowait`, waiting for a disk or a network if need be."""
        self.counters.reads += 1
        self.counters.waited += 1
        file = self._file(inode)
        with Stall(self.stalls, inode) as stall:
            try:
                data = await self.reader.read(inode, file, offset, length, stall)
            except VfsError as error:
                await self._explain(inode, error)
                raise
        self.counters.read_bytes += len(data)
        if (watched := self.heat.watched) is not None:
            watched[inode] += len(data)
        return data

    async def _explain(self, inode: int, error: VfsError) -> None:
        """Say which path a read failed for: who found out why knows contents only, and has logged that once for all of them."""
        path = (await self.names.paths([inode])).get(inode)
        if path is None:
            return
        concerns(error, path)
        if error.log_level <= logging.DEBUG and self._is_new(path, error.code):
            shown = path.decode("utf-8", "backslashreplace")
            said = about(path=shown, error=error.code)
            log.info("%s cannot be read: %s", shown, error, extra=said)

    def _is_new(self, path: bytes, problem: str) -> bool:
        """Whether a problem of a path was not told before; beyond ten thousand nothing is."""
        if (path, problem) in self._reported or len(self._reported) >= 10_000:
            return False
        self._reported.add((path, problem))
        return True

    def _file(self, inode: int) -> FileNode:
        file = self.files.get(inode)
        if file is None:
            if self.directories.get(inode) is not None or self.snapshots.get(inode) is not None:
                raise FsError(errno.EISDIR)
            raise FsError(errno.ESTALE)
        return file

    @property
    def inodes(self) -> int:
        """How many inodes the kernel holds."""
        return len(self.files) + len(self.directories)


def _dots(after: int, high: int) -> Iterator[Named]:
    """`.` and `..`, as far as they come after a position."""
    for position, name in enumerate((b".", b"..")[after:DOTS], after + 1):
        yield Named(name, _unlinked(name, Kind.DIRECTORY), high | position)


def is_linked(inode: int) -> bool:
    """Whether a listing tells what the inode of a name is: then the kernel may link it."""
    return inode >> 60 != 1


def _unlinked(name: bytes, kind: Kind) -> Attributes:
    """Attributes for a name that gets no inode by being listed: the kernel may not believe them at all.

    The number is not 0, because libc skips such names.
    """
    number = (hash(name) & (LISTED_BIT - 1)) | LISTED_BIT
    return Attributes(number, MODES[kind], 0, 0, 0.0)
