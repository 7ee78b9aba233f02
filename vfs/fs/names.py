"""The paths of files by their inodes, for people.

A file inode is a content and has no path of its own. It knows the directory in which it was looked up last; there the name is searched for when
somebody wants to know it. So a million inodes cost nothing for that, and only who asks waits.

Rule: what is told is a path at which the content is now; one of several, if there are several.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import islice
from typing import Final

from vfs.core.inodes import FileTable
from vfs.core.lru import Lru
from vfs.errors import VfsError
from vfs.fs.directories import DirectoryNode, DirectoryTable, Listing, View, join
from vfs.fs.snapshots import NAME as SNAPSHOTS
from vfs.threads import Pool, run_in
from vfs.types import Digest

MOST_LOOKED: Final = 200_000
"""Entries of a directory that are looked through."""

_KEPT: Final = 4096


class Names:
    """Paths of the inodes of one mount; on the event loop."""

    def __init__(self, files: FileTable, directories: DirectoryTable) -> None:
        self._files = files
        self._directories = directories
        self._found: Lru[tuple[int, int, int], bytes] = Lru(_KEPT)

    async def paths(self, inodes: Iterable[int]) -> dict[int, bytes]:
        """The paths of inodes, as far as they are known; one that ends with a slash is that of the directory alone."""
        found: dict[int, bytes] = {}
        wanted: dict[int, list[int]] = {}
        for inode in inodes:
            node = self._files.get(inode)
            parent = self._directories.get(node.directory if node is not None else inode)
            if parent is None:
                continue
            if node is None:
                found[inode] = parent.path
            elif (known := self._found.get((inode, parent.inode, parent.view.epoch))) is not None:
                found[inode] = known
            else:
                wanted.setdefault(parent.inode, []).append(inode)
        for directory, missing in wanted.items():
            found |= await self._searched(directory, missing)
        return found

    async def _searched(self, directory: int, inodes: list[int]) -> dict[int, bytes]:
        """The paths of inodes in one directory."""
        parent = self._directories.get(directory)
        if parent is None:
            return {}
        listing, epoch = self._directories.listing(parent), parent.view.epoch
        nodes = {inode: node for inode in inodes if (node := self._files.get(inode)) is not None}
        contents = {node.blob.digest for node in nodes.values()}
        names: dict[Digest, bytes] = {}
        if listing is not None:
            names = await run_in(Pool.DISK, names_in, listing, contents)
        above = place_of(parent, self._directories.main)
        paths = {}
        for inode, node in nodes.items():
            path = join(above, names.get(node.blob.digest, b""))
            paths[inode] = path
            self._found.put((inode, directory, epoch), path, 1)
        return paths


def place_of(node: DirectoryNode, main: View) -> bytes:
    """The path of a directory in the mount that shows a view."""
    if node.view is main:
        return node.path
    return join(join(SNAPSHOTS, node.view.label.encode("utf-8", "surrogateescape")), node.path)


def names_in(listing: Listing, contents: Collection[Digest]) -> dict[Digest, bytes]:
    """Names of contents in a directory; in a worker thread."""
    names: dict[Digest, bytes] = {}
    with suppress(VfsError):  # a lost page of the catalog is told by whoever needs it
        for entry, _ in islice(listing.entries(), MOST_LOOKED):
            if entry.digest is not None and entry.digest in contents and entry.digest not in names:
                names[entry.digest] = entry.name
                if len(names) == len(contents):
                    break
    return names
