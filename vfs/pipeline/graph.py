"""Which stage needs which: edges, order, what follows from a change.

Rules (DVC's, source: `repo/graph.py`, `repo/reproduce.py`):

* An edge leads from a node to whatever owns an out that equals, contains or lies in one of its deps (files of parameters are deps).
* Order: depth first, dependencies before dependents; nodes in the order they came, edges in the order of the deps.
* A frozen stage has no edges, except where `whole` is asked for.

Pure. `vfs.pipeline.checks` refuses what is no graph.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from vfs.pipeline.nodes import Node


class Graph:
    """The stages and sources of a working tree.

    Attributes:
        nodes: in their order.
        owners: node by path of its out.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Link nodes; of two that claim a path the first is taken."""
        self.nodes = tuple(nodes)
        self.owners: dict[bytes, Node] = {}
        for node in self.nodes:
            for path in node.out_paths:
                self.owners.setdefault(path, node)
        self._sorted = sorted(path + b"/" for path in self.owners)
        self._numbers = {path: number for number, path in enumerate(self.owners)}
        self._needs = {node: tuple(dict.fromkeys(self._found(node))) for node in self.nodes}
        self._users: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node, needed in self._needs.items():
            for one in needed:
                self._users[one].append(node)

    def needs(self, node: Node, *, whole: bool = False) -> tuple[Node, ...]:
        """What a node depends on directly; with `whole` a frozen one too."""
        return () if node.cut and not whole else self._needs[node]

    def users(self, node: Node, *, whole: bool = False) -> tuple[Node, ...]:
        """What depends on a node directly."""
        return tuple(one for one in self._users[node] if whole or not one.cut)

    def owner(self, path: bytes) -> Node | None:
        """The node whose out a path is, or lies in."""
        for above in _prefixes(path):
            if above in self.owners:
                return self.owners[above]
        return None

    def order(
        self, starts: Sequence[Node] | None = None, *, downstream: bool = False
    ) -> list[Node]:
        """The nodes to look at, each after all it depends on.

        Args:
            starts: those that are meant, and what they depend on; None: all.
            downstream: instead of what they depend on, what depends on them.
        """
        if starts is None:
            return self._postorder(self.nodes, self.needs)
        found = set(self._postorder(starts, self.users if downstream else self.needs))

        def among(node: Node) -> tuple[Node, ...]:
            return tuple(one for one in self.needs(node) if one in found)

        return self._postorder([node for node in self.nodes if node in found], among)

    def after(self, node: Node) -> set[Node]:
        """All that depends on a node."""
        return set(self._postorder([node], self.users)) - {node}

    def cycle(self) -> list[Node]:
        """The nodes of a cycle, each needed by the one before it; empty if there is none."""
        done: set[Node] = set()
        for start in self.nodes:
            path: list[Node] = []
            on_path: set[Node] = set()
            stack: list[tuple[Node, Iterator[Node]]] = []
            if start not in done:
                stack, path, on_path = [(start, iter(self._needs[start]))], [start], {start}
            while stack:
                node, rest = stack[-1]
                following = next((one for one in rest if one not in done), None)
                if following is None:
                    stack.pop()
                    on_path.discard(path.pop())
                    done.add(node)
                elif following in on_path:
                    return path[path.index(following) :]
                else:
                    stack.append((following, iter(self._needs[following])))
                    path.append(following)
                    on_path.add(following)
        return []

    def _found(self, node: Node) -> Iterator[Node]:
        for dep in node.dep_paths:
            for above in reversed(list(_prefixes(dep))):
                if above in self.owners:
                    yield self.owners[above]
            below = [path for path in self.below(dep) if path != dep]
            for path in sorted(below, key=self._numbers.__getitem__):
                yield self.owners[path]

    def below(self, path: bytes) -> Iterator[bytes]:
        """The outs that are a path, or lie below it; b"" is everything."""
        top = path + b"/" if path else b""
        for key in self._sorted[bisect_left(self._sorted, top) :]:
            if not key.startswith(top):
                return
            yield key[:-1]

    @staticmethod
    def _postorder(starts: Iterable[Node], step: Callable[[Node], tuple[Node, ...]]) -> list[Node]:
        ordered: list[Node] = []
        seen: set[Node] = set()
        for start in starts:
            if start in seen:
                continue
            seen.add(start)
            stack = [(start, iter(step(start)))]
            while stack:
                node, rest = stack[-1]
                following = next((one for one in rest if one not in seen), None)
                if following is None:
                    stack.pop()
                    ordered.append(node)
                else:
                    seen.add(following)
                    stack.append((following, iter(step(following))))
        return ordered


def _prefixes(path: bytes) -> Iterator[bytes]:
    """A path and what is above it."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
