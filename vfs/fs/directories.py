"""Directory inodes: places in a view.

A view shows one snapshot as a tree. The main view is the one that `vfs switch` re-points; every name under
`.snapshots` is a view of its own that never changes. A directory inode is (view, path) and nothing else, so a switch leaves it
in place and only what it answers changes.

Owner: the event loop. `_resolve` may be called from the switch's thread on an explicit root only.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, Protocol, Self

from vfs.core.known_names import KnownNames
from vfs.fs.attributes import ROOT
from vfs.types import Entry


class Listing(Protocol):
    """An immutable directory of a snapshot (`vfs.workspace` has the real one)."""

    @property
    def identity(self) -> bytes:
        """Equal identities mean equal subtrees."""

    @property
    def mtime(self) -> int:
        """Seconds since the epoch."""

    def lookup(self, name: bytes) -> Entry | None:
        """The entry of one name, or None."""

    def subdirectory(self, name: bytes) -> Self | None:
        """The directory of that name, or None if there is none."""

    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        """Entries after the position `cookie`, each with its own position."""

    def changed(self, other: Self | None) -> Iterator[bytes]:
        """Names whose entry differs from the same name in `other`."""


class Totals(NamedTuple):
    """What a snapshot weighs: bytes and number of files."""

    size: int
    files: int


NOTHING: Final = Totals(0, 0)

MOST_PAST: Final = 8
"""Versions of a directory that are kept for those who are still listing them."""

ROOT_NAMES: Final = 1 << 16
"""Names of a root that are kept exactly: it is the one directory that cannot get a new inode (`vfs.fs.switch`)."""


class Unbuilt:
    """The root of a view nobody has looked into: its snapshot is built when somebody does."""

    identity = b""

    def __init__(self, mtime: int) -> None:
        self.mtime = mtime

    def lookup(self, name: bytes) -> Entry | None:
        """Nothing yet."""
        return None

    def subdirectory(self, name: bytes) -> Self | None:
        """Nothing yet."""
        return None

    def entries(self, cookie: int = 0) -> Iterator[tuple[Entry, int]]:
        """Nothing yet."""
        return iter(())

    def changed(self, other: Self | None) -> Iterator[bytes]:
        """Nothing: no name was ever answered."""
        return iter(())


@dataclass(slots=True, eq=False, weakref_slot=True)
class View:
    """One snapshot shown as a tree.

    Attributes:
        root: its root directory.
        label: the revision as the user gave it.
        commit: full commit id, or None for a snapshot no commit names.
        totals: what the snapshot weighs, for `statfs`.
        build: builds what `root` stands for; None once that is done (`ready`).
        until: of the monotonic clock; below `.snapshots` it is built anew after that, as an outage left paths broken.
        epoch: grows with every switch; what a directory inode has cached is valid for one epoch.
    """

    root: Listing
    label: str
    commit: str | None
    totals: Totals = NOTHING
    build: "Callable[[], Awaitable[View]] | None" = None
    until: float = math.inf
    epoch: int = 0
    inodes: dict[bytes, int] = field(default_factory=dict)

    async def ready(self) -> None:
        """Return when the view can be looked into; raises what building its snapshot raises."""
        if self.build is None:
            return
        built = await self.build()
        if self.build is not None:  # nobody was faster
            self.root, self.totals, self.build = built.root, built.totals, None
            self.until = built.until
            self.epoch += 1


@dataclass(slots=True, eq=False)
class DirectoryNode:
    """A directory inode the kernel knows.

    `listing` is what the path is in the view's snapshot of `epoch`; None if that path is not a directory there.
    `told` holds every name the kernel was given a lasting answer for.
    `version` grows when `listing` becomes another; `past` has those of before that somebody may still be listing.
    """

    inode: int
    view: View
    path: bytes
    told: KnownNames
    lookups: int = 0
    listing: Listing | None = None
    epoch: int = -1
    version: int = 0
    listed: bool = False
    past: dict[int, Listing | None] = field(default_factory=dict)

    def becomes(self, listing: Listing | None) -> None:
        """The directory is something else now, or what it was."""
        was = self.listing
        if self.listed and _identity(was) != _identity(listing):
            self.past[self.version] = was
            if len(self.past) > MOST_PAST:
                del self.past[min(self.past)]
            self.version += 1
            self.listed = False
        self.listing = listing


class DirectoryTable:
    """All directory inodes of a mount."""

    def __init__(self, main: View) -> None:
        self.main = main
        self._nodes: dict[int, DirectoryNode] = {}
        self._next = ROOT
        self.open_root(main)

    def __len__(self) -> int:
        return len(self._nodes)

    def open_root(self, view: View) -> DirectoryNode:
        """The inode of a view's root; made at the first call."""
        return self._node(view, b"")

    def get(self, inode: int) -> DirectoryNode | None:
        """The node of a directory inode number."""
        return self._nodes.get(inode)

    def child(self, parent: DirectoryNode, name: bytes) -> DirectoryNode:
        """The node of a sub-directory that exists in the parent's current listing."""
        return self._node(parent.view, join(parent.path, name))

    def listing(self, node: DirectoryNode) -> Listing | None:
        """What the node's path is now; None if the current snapshot has no such directory."""
        view = node.view
        if node.epoch != view.epoch:
            node.becomes(find_directory(view.root, node.path))
            node.epoch = view.epoch
        return node.listing

    def known(self, view: View) -> list[DirectoryNode]:
        """Every directory of the view that the kernel knows, parents before children."""
        return sorted((n for n in self._nodes.values() if n.view is view), key=lambda n: n.path)

    def newest(self, view: View, most: int) -> list[DirectoryNode]:
        """At most so many directories of the view, those first that the kernel came to know last; costs no more than it returns, but for other views."""
        nodes = reversed(self._nodes.values())  # numbers only grow
        return list(islice((node for node in nodes if node.view is view), most))

    def forget(self, inode: int, lookups: int) -> None:
        """Take back lookups; the node goes when none are left (the mount's root stays)."""
        node = self._nodes.get(inode)
        if node is None:
            return
        node.lookups -= lookups
        if node.lookups <= 0 and inode != ROOT:
            del self._nodes[inode]
            self.retire(node)

    def retire(self, node: DirectoryNode) -> None:
        """Give the node's path a new inode when it is next looked up.

        A directory that vanished and came back, or could not be compared, must not meet what the kernel cached below its first life.
        """
        if node.view.inodes.get(node.path) == node.inode:
            del node.view.inodes[node.path]

    def _node(self, view: View, path: bytes) -> DirectoryNode:
        inode = view.inodes.get(path)
        if inode is not None:
            return self._nodes[inode]
        told = KnownNames() if path else KnownNames(ROOT_NAMES)
        node = DirectoryNode(self._next, view, path, told)
        self._next += 1
        self._nodes[node.inode] = node
        view.inodes[path] = node.inode
        return node


def _identity(listing: Listing | None) -> bytes | None:
    return None if listing is None else listing.identity


def join(parent: bytes, name: bytes) -> bytes:
    """Path of a name in a directory (the root is `b""`)."""
    return parent + b"/" + name if parent else name


def find_directory(root: Listing, path: bytes) -> Listing | None:
    """Walk from a root to a directory; None if any component is missing or not a directory."""
    found: Listing | None = root
    if path:
        for name in path.split(b"/"):
            found = found.subdirectory(name) if found is not None else None
    return found
