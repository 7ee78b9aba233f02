"""`.snapshots/`: every other revision, side by side with the one the mount shows.

The directory lists tags and branches and resolves any revision on lookup; the snapshot behind a name is built when somebody looks
into it, so that `ls -l .snapshots` costs nothing. It is not itself listed by the root, so that `find`
and `rsync` of a mount see the snapshot alone. A name with slashes (`origin/main`) is a directory of its parts. Each name that
was looked up is a view of its own, so that two names of one commit are two trees (the kernel allows a directory one place only).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from vfs.errors import UnknownRevision
from vfs.fs.directories import View

NAME: Final = b".snapshots"

SYNTHETIC_BIT: Final = 1 << 61
"""Inode numbers of `.snapshots` and its sub-directories have this bit set."""


class RevisionSource(Protocol):
    """What `.snapshots` asks of the repository."""

    async def revisions(self) -> Sequence[bytes]:
        """Names of tags and branches, e.g. `v1.0`, `main`, `origin/main`."""

    async def view(self, revision: str) -> View:
        """A view of any revision, perhaps not built yet; raises UnknownRevision."""


@dataclass(slots=True, eq=False)
class RevisionsNode:
    """`.snapshots` itself (prefix `b""`) or a directory of names that share a prefix ending in a slash."""

    inode: int
    prefix: bytes


class Snapshots:
    """Inodes and views below `.snapshots`."""

    def __init__(self, source: RevisionSource) -> None:
        self._source = source
        self._nodes: dict[int, RevisionsNode] = {}
        self._by_prefix: dict[bytes, RevisionsNode] = {}
        self._views: dict[bytes, View] = {}
        self.root = self._node(b"")

    def get(self, inode: int) -> RevisionsNode | None:
        """The node of an inode number below `.snapshots`."""
        return self._nodes.get(inode)

    async def names(self, node: RevisionsNode) -> list[bytes]:
        """What the directory lists: the next part of every tag and branch below its prefix."""
        prefix = node.prefix
        names = {
            name[len(prefix) :].split(b"/", 1)[0]
            for name in await self._source.revisions()
            if name.startswith(prefix)
        }
        return sorted(names - {b""})

    async def lookup(self, node: RevisionsNode, name: bytes) -> "View | RevisionsNode | None":
        """The view of a revision, the directory of longer names, or None."""
        full = node.prefix + name
        try:
            view = await self._source.view(full.decode("utf-8"))
        except (UnknownRevision, UnicodeDecodeError):
            prefix = full + b"/"
            if any(known.startswith(prefix) for known in await self._source.revisions()):
                return self._node(prefix)
            return None
        return self._same_or_new(full, view)

    def _same_or_new(self, name: bytes, view: View) -> View:
        """The view already handed out for this name, unless the name has moved to another commit."""
        known = self._views.get(name)
        if known is not None and _shows_the_same(known, view):
            return known
        self._views[name] = view
        return view

    def _node(self, prefix: bytes) -> RevisionsNode:
        node = self._by_prefix.get(prefix)
        if node is None:
            node = RevisionsNode(SYNTHETIC_BIT | len(self._nodes) + 1, prefix)
            self._nodes[node.inode] = node
            self._by_prefix[prefix] = node
        return node


def _shows_the_same(one: View, other: View) -> bool:
    """No commit names the working tree: it is built at once, so its content can be compared."""
    if one.commit is None or other.commit is None:
        return one.commit == other.commit and one.root.identity == other.root.identity
    return one.commit == other.commit
