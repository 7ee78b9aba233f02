"""Snapshots as nested dicts, for tests of the file system that need no repository.

A tree is `{name: bytes | dict}`: bytes are a file's content, a dict is a directory.
"""

import hashlib
from collections.abc import Iterator

from vfs.types import Algorithm, Blob, Digest, Entry, Kind

Tree = dict[bytes, "bytes | Tree"]


class DictListing:
    """`vfs.fs.directories.Listing` over a nested dict."""

    def __init__(self, tree: Tree, mtime: int = 7) -> None:
        self.tree = tree
        self.mtime = mtime

    @property
    def identity(self) -> bytes:
        return hashlib.sha256(repr(_sorted(self.tree)).encode()).digest()

    def lookup(self, name: bytes) -> Entry | None:
        if name not in self.tree:
            return None
        node = self.tree[name]
        if isinstance(node, dict):
            return Entry(name, Kind.DIRECTORY, mtime=self.mtime)
        return Entry(name, Kind.FILE, digest_of(node), len(node), self.mtime)

    def subdirectory(self, name: bytes) -> "DictListing | None":
        node = self.tree.get(name)
        return DictListing(node, self.mtime) if isinstance(node, dict) else None

    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        for position, name in enumerate(sorted(self.tree)[cookie:], cookie + 1):
            entry = self.lookup(name)
            assert entry is not None
            yield entry, position

    def changed(self, other: "DictListing | None") -> Iterator[bytes]:
        theirs = other.tree if other is not None else {}
        for name in sorted(self.tree.keys() | theirs.keys()):
            if _shape(self.tree.get(name)) != _shape(theirs.get(name)):
                yield name


def digest_of(content: bytes) -> Digest:
    return Digest(Algorithm.MD5, hashlib.md5(content).digest())


def blob_of(content: bytes) -> Blob:
    return Blob(digest_of(content), len(content))


def _shape(node: "bytes | Tree | None") -> object:
    return "directory" if isinstance(node, dict) else node


def _sorted(tree: Tree) -> object:
    return sorted((k, _sorted(v) if isinstance(v, dict) else v) for k, v in tree.items())
