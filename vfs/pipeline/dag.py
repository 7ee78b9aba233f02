"""The graph of a working tree as names and lines: what a picture of it shows.

Rules (DVC's, source: `commands/dag.py`): a target and all that it needs, with `full` all that hangs together with it; frozen stages keep
their lines. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Node, Stage, typed


class Dag(NamedTuple):
    """Names, and pairs of numbers of them: (what is needed, what needs it)."""

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def around(self, starts: Iterable[int], *, full: bool) -> "Dag":
        """Some nodes and what they need; with `full`, all that hangs together with them."""
        near: dict[int, list[int]] = {}
        for needed, needing in self.edges:
            near.setdefault(needing, []).append(needed)
            if full:
                near.setdefault(needed, []).append(needing)
        found = dict.fromkeys(starts)
        todo = list(found)
        for node in todo:  # grows while it is read
            new = [other for other in near.get(node, ()) if other not in found]
            todo += dict.fromkeys(new)
            found.update(dict.fromkeys(new))
        return self._only(sorted(found))

    def parts(self) -> list["Dag"]:
        """What hangs together, by the first of its nodes."""
        left = dict.fromkeys(range(len(self.names)))
        near: dict[int, set[int]] = {number: set() for number in left}
        for needed, needing in self.edges:
            near[needed].add(needing)
            near[needing].add(needed)
        parts = []
        while left:
            first = next(iter(left))
            todo = [first]
            left.pop(first)
            for node in todo:  # grows while it is read
                for other in sorted(near[node]):
                    if other in left:
                        left.pop(other)
                        todo.append(other)
            parts.append(self._only(sorted(todo)))
        return parts

    def collapsed(self) -> "Dag":
        """One node for all items of a `foreach` or matrix."""
        groups = [name if name.endswith(".dvc") else name.partition("@")[0] for name in self.names]
        names = tuple(dict.fromkeys(groups))
        number = {name: place for place, name in enumerate(names)}
        pairs = ((number[groups[a]], number[groups[b]]) for a, b in self.edges)
        return Dag(names, tuple(sorted({(a, b) for a, b in pairs if a != b})))

    def _only(self, kept: Sequence[int]) -> "Dag":
        number = {node: place for place, node in enumerate(kept)}
        pairs = ((number[a], number[b]) for a, b in self.edges if a in number and b in number)
        return Dag(tuple(self.names[node] for node in kept), tuple(pairs))


def stages_dag(graph: Graph, here: bytes = b"") -> tuple[Dag, Callable[[Node], list[int]]]:
    """Stages and sources; and the number of each."""
    number = {node: place for place, node in enumerate(graph.nodes)}
    edges = sorted(
        (number[needed], number[node])
        for node in graph.nodes
        for needed in graph.needs(node, whole=True)
    )
    names = tuple(node.address(here) for node in graph.nodes)
    return Dag(names, tuple(edges)), lambda node: [number[node]]


def outs_dag(graph: Graph, here: bytes = b"") -> tuple[Dag, Callable[[Node], list[int]]]:
    """Outs; and the numbers of those of each stage."""
    number = {path: place for place, path in enumerate(graph.owners)}
    edges = {
        (number[needed], number[made])
        for node in graph.nodes
        if isinstance(node, Stage)
        for dep in node.dep_paths
        for needed in dict.fromkeys((*_above(graph, dep), *graph.below(dep)))
        for made in node.out_paths
        if made in number and needed != made
    }
    names = tuple(typed(path, here) for path in number)
    return Dag(names, tuple(sorted(edges))), lambda node: [number[path] for path in node.out_paths]


def _above(graph: Graph, path: bytes) -> Iterator[bytes]:
    while path:
        if path in graph.owners:
            yield path
        path = path.rpartition(b"/")[0]


def mermaid(dag: Dag) -> str:
    """The graph for Mermaid, as DVC writes it."""
    lines = ["flowchart TD"]
    total = 0
    for part in dag.parts():
        order = sorted(range(len(part.names)), key=part.names.__getitem__)
        ids = {node: f"node{total + place}" for place, node in enumerate(order, 1)}
        total += len(order)
        lines += [f'\t{ids[node]}["{_quoted(part.names[node])}"]' for node in order]
        pairs = sorted(part.edges, key=lambda edge: (part.names[edge[0]], part.names[edge[1]]))
        lines += [f"\t{ids[needed]}-->{ids[needing]}" for needed, needing in pairs]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return name.replace("#", "#35;").replace('"', "#quot;").replace("\n", " ")


def dot(dag: Dag) -> str:
    """The graph for Graphviz."""
    names = ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in dag.names]
    lines = [f"{name};" for name in names]
    lines += [f"{names[needed]} -> {names[needing]};" for needed, needing in dag.edges]
    return "\n".join(["strict digraph {", *lines, "}"])


def listed(dag: Dag) -> list[str]:
    """A line for each node: what it needs. For a terminal that is too narrow for boxes."""
    needs: dict[int, list[str]] = {}
    for needed, needing in dag.edges:
        needs.setdefault(needing, []).append(dag.names[needed])
    return [
        f"{name} <- {', '.join(needs[node])}" if node in needs else name
        for node, name in enumerate(dag.names)
    ]
