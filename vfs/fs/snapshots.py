"""`.snapshots/`: every other revision, side by side with the one the mount shows.

The directory lists tags and branches and resolves any revision on lookup; the snapshot behind a name is built when somebody looks
into it, so that `ls -l .snapshots` costs nothing. It is not itself listed by the root, so that `find`
and `rsync` of a mount see the snapshot alone. A name with slashes (`origin/main`, `refs/heads/main`) is a directory of its parts, as is an
expression that a slash cuts short (`HEAD^{/text}`). The name of a remote (`origin`) is the directory of its branches, though Git takes
it for `origin/HEAD` as well. Each name that was looked up is a view of its own, so that two names of one commit are two trees (the kernel allows a directory one place only).
A view lives as long as the kernel knows a directory of it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from weakref import WeakValueDictionary

from vfs.errors import UnknownRevision
from vfs.fs.directories import View

NAME: Final = b".snapshots"

SYNTHETIC_BIT: Final = 1 << 61
"""Inode numbers of `.snapshots` and its sub-directories have this bit set."""


_EXPRESSION: Final = frozenset(b"^~:@{")
"""What makes a revision more than a name; a remote with an `@` in its name is not worth a look."""

LISTED: Final = (b"refs/tags/", b"refs/heads/", b"refs/remotes/")
"""Refs that `.snapshots` lists; the rest is found by those who know its name."""


class RevisionSource(Protocol):
    """What `.snapshots` asks of the repository."""

    async def revisions(self) -> Sequence[bytes]:
        """Full names of the refs that lead to commits, e.g. `refs/tags/v1.0`, `refs/remotes/origin/main`."""

    async def view(self, revision: str) -> View:
        """A view of any revision, perhaps not built yet; raises UnknownRevision."""


MOST_LISTED: Final = 8
"""Lists of names that are kept, for those who are still reading one."""


@dataclass(slots=True, eq=False)
class RevisionsNode:
    """`.snapshots` itself (prefix `b""`) or a directory of names that share a prefix ending in a slash.

    `listed` has what it listed by version; `version` is the newest.
    """

    inode: int
    prefix: bytes
    lookups: int = 0
    version: int = 0
    listed: dict[int, list[bytes]] = field(default_factory=dict)


class Snapshots:
    """Inodes and views below `.snapshots`."""

    def __init__(self, source: RevisionSource) -> None:
        self._source = source
        self._nodes: dict[int, RevisionsNode] = {}
        self._by_prefix: dict[bytes, RevisionsNode] = {}
        self._views: WeakValueDictionary[bytes, View] = WeakValueDictionary()
        self._next = SYNTHETIC_BIT | 1
        self.root = self._node(b"")

    def get(self, inode: int) -> RevisionsNode | None:
        """The node of an inode number below `.snapshots`."""
        return self._nodes.get(inode)

    async def names(self, node: RevisionsNode) -> list[bytes]:
        """What the directory lists: the next part of every name below its prefix; at the top, of tags and branches by their short names."""
        prefix = node.prefix
        names = {
            name[len(prefix) :].split(b"/", 1)[0]
            for ref in await self._source.revisions()
            for name in (_spellings(ref) if prefix else _short(ref))
            if name.startswith(prefix)
        }
        return sorted(names - {b""})

    async def survey(self, node: RevisionsNode) -> None:
        """Note what the directory lists now, as its newest version if that is not what it listed last."""
        names = await self.names(node)
        if node.listed.get(node.version) != names:
            node.version += 1
            node.listed[node.version] = names
            if len(node.listed) > MOST_LISTED:
                del node.listed[min(node.listed)]

    async def lookup(self, node: RevisionsNode, name: bytes) -> "View | RevisionsNode | None":
        """The view of a revision, the directory of longer names, or None."""
        full = node.prefix + name
        try:
            view = await self._source.view(full.decode("utf-8"))
        except (UnknownRevision, UnicodeDecodeError):
            if await self._goes_on(full):
                return self._node(full + b"/")
            return None
        if await self._is_remote(full):
            return self._node(full + b"/")
        return self._same_or_new(full, view)

    def forget(self, inode: int, lookups: int) -> None:
        """Take back lookups; the node goes when none are left (that of `.snapshots` stays)."""
        node = self._nodes.get(inode)
        if node is None or node is self.root:
            return
        node.lookups -= lookups
        if node.lookups <= 0:
            del self._nodes[inode]
            del self._by_prefix[node.prefix]

    async def _goes_on(self, name: bytes) -> bool:
        """Whether a name that is no revision is the beginning of one, cut short by a slash."""
        refs = await self._source.revisions()
        if any(full.startswith(name + b"/") for ref in refs for full in _spellings(ref)):
            return True
        base = _before_open_brace(name)
        if base is None:
            return name == b":"
        try:
            await self._source.view(base.decode("utf-8") or "HEAD")
        except (UnknownRevision, UnicodeDecodeError):
            return False
        return True

    async def _is_remote(self, name: bytes) -> bool:
        """Whether a revision is one only because a remote of that name has a HEAD (the last of the rules in gitrevisions(7))."""
        if not _EXPRESSION.isdisjoint(name):
            return False
        try:
            await self._source.view(f"refs/remotes/{name.decode('utf-8')}/HEAD")
        except UnknownRevision:
            return False
        return not any(name in _spellings(ref) for ref in await self._source.revisions())

    def _same_or_new(self, name: bytes, view: View) -> View:
        """The view already handed out for this name, unless the name has moved to another commit, or an outage left paths of it broken a while ago."""
        known = self._views.get(name)
        if known is not None and time.monotonic() < known.until and _shows_the_same(known, view):
            return known
        self._views[name] = view
        return view

    def _node(self, prefix: bytes) -> RevisionsNode:
        node = self._by_prefix.get(prefix)
        if node is None:
            node = RevisionsNode(self._next, prefix)
            self._next += 1
            self._nodes[node.inode] = node
            self._by_prefix[prefix] = node
        return node


def _spellings(ref: bytes) -> Iterator[bytes]:
    """Every name of a ref (gitrevisions(7), `<refname>`)."""
    yield ref
    yield ref.removeprefix(b"refs/")
    yield from _short(ref)


def _short(ref: bytes) -> Iterator[bytes]:
    """The short name of a tag or branch."""
    for head in LISTED:
        if ref.startswith(head):
            yield ref[len(head) :]


def _before_open_brace(name: bytes) -> bytes | None:
    """What precedes the `^{` or `@{` that is still open at the end of a name."""
    start = max(name.rfind(b"^{"), name.rfind(b"@{"))
    return None if start < 0 or b"}" in name[start:] else name[:start]


def _shows_the_same(one: View, other: View) -> bool:
    """No commit names the working tree: it is built at once, so its content can be compared."""
    if one.commit is None or other.commit is None:
        return one.commit == other.commit and one.root.identity == other.root.identity
    return one.commit == other.commit
