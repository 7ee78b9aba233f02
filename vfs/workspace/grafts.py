"""Grafts: what pointers put into a snapshot, as a trie over the Git tree.

A node with a `leaf` replaces whatever Git has there by an entry or a directory; a node without
one is a directory that merges Git's names with its children's.

Rule: pure; mutable only until `seal`, which computes identities bottom-up.
"""

from collections.abc import Callable, Iterator

from blake3 import blake3

from vfs.types import Entry, Kind
from vfs.workspace.directory import Directory, TreeDirectory

Leaf = Entry | Directory


class Node:
    """One place in the trie.

    Attributes:
        children: by name.
        leaf: what is put here; then there are no children.
        tree: oid of the Git tree at this place, None if Git has no directory here.
        identity: of what is seen here; set by `seal`.
        mtime: of a directory, set by `seal`.
    """

    __slots__ = ("children", "identity", "leaf", "mtime", "tree")

    def __init__(self) -> None:
        self.children: dict[bytes, Node] = {}
        self.leaf: Leaf | None = None
        self.tree: bytes | None = None
        self.identity = b""
        self.mtime = 0


class Grafts:
    """The trie of one snapshot.

    Attributes:
        root: where it begins.
        origins: numbers of the origins of all leaves; set by `seal`.
        count: leaves put.
    """

    def __init__(self) -> None:
        self.root = Node()
        self.origins: set[int] = set()
        self.count = 0

    def put(self, path: bytes, leaf: Leaf) -> None:
        """Put a leaf at a path that is neither above nor below another one's."""
        node = self.root
        for name in path.split(b"/"):
            node = node.children.setdefault(name, Node())
        node.leaf = leaf
        self.count += 1

    def seal(
        self, root_tree: bytes | None, tree_of: Callable[[bytes, bytes], bytes | None]
    ) -> None:
        """Compute identities and `origins`.

        Args:
            root_tree: oid of the commit's tree.
            tree_of: (tree oid, name) -> oid of the subtree of that name, None if it is none.
        """
        self.root.tree = root_tree
        order = [self.root]
        for node in order:  # parents before children; the list grows while it is read
            for name, child in node.children.items():
                if child.leaf is None and node.tree is not None:
                    child.tree = tree_of(node.tree, name)
                order.append(child)
        for node in reversed(order):
            node.identity = _identity(node)
            self.origins |= _origin(node.leaf)

    def directories(self) -> Iterator[Node]:
        """The nodes that are merged directories."""
        stack = [self.root]
        while stack:
            node = stack.pop()
            if node.leaf is None:
                yield node
                stack.extend(node.children.values())

    def replaced(self, new: "Grafts") -> Iterator[tuple[int, int, bool]]:
        """What is put at one path here and in `new`: origin here, origin there, whether it is the same content."""
        stack = [(self.root, new.root)]
        while stack:
            mine, theirs = stack.pop()
            same = mine.identity == theirs.identity
            for old in _origin(mine.leaf):
                for number in _origin(theirs.leaf):
                    yield old, number, same
            for name, child in mine.children.items():
                if name in theirs.children:
                    stack.append((child, theirs.children[name]))


def _origin(leaf: Leaf | None) -> set[int]:
    """The number of a leaf's origin; nothing where it has none of its own, or several."""
    if isinstance(leaf, TreeDirectory) or (isinstance(leaf, Entry) and leaf.digest is not None):
        return {leaf.origin}
    return set()


def git_identity(tree: bytes | None) -> bytes:
    """Identity of a directory that is a Git tree and nothing else."""
    return b"git\0" + tree if tree is not None else b"empty"


def _identity(node: Node) -> bytes:
    leaf = node.leaf
    if isinstance(leaf, Directory):
        return leaf.identity
    if leaf is not None:
        key = b"" if leaf.digest is None else leaf.digest.key
        name = b"entry\0%d\0%d\0%b\0%b" % (leaf.kind, leaf.size, key, leaf.problem.encode())
        return blake3(name).digest()
    if not node.children:
        return git_identity(node.tree)
    hasher = blake3(b"merged\0" + (node.tree or b""))
    for name in sorted(node.children):
        child = node.children[name]
        kind = b"d" if is_directory(child) else b"f"
        hasher.update(b"\0%d\0%b%b%b" % (len(name), name, kind, child.identity))
    return hasher.digest()


def is_directory(node: Node) -> bool:
    """Whether a node is seen as a directory."""
    return not isinstance(node.leaf, Entry)


def entry_of(node: Node, name: bytes) -> Entry:
    """The entry by which a node is seen in its parent."""
    leaf = node.leaf
    if isinstance(leaf, Entry):
        return leaf if leaf.name == name else leaf._replace(name=name)
    mtime = node.mtime if leaf is None else leaf.mtime
    return Entry(name, Kind.DIRECTORY, mtime=mtime)
