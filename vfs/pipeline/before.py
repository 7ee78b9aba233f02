"""What a look at the disk refuses before the first stage of a walk runs; `vfs.pipeline.checks` has what needs none."""

import os
from collections.abc import Iterable, Iterator

from vfs.errors import DataUnavailable
from vfs.pipeline.checks import refusal
from vfs.pipeline.graph import Graph
from vfs.pipeline.measure import place_of
from vfs.pipeline.nodes import Node, Stage
from vfs.tracking.project import Project


def check_deps(project: Project, graph: Graph, nodes: Iterable[Node]) -> None:
    """Refuse deps and files of parameters that are not there, and that nothing in the repository makes or records.

    Raises:
        DataUnavailable: one is like that.
    """
    for node in nodes:
        if not isinstance(node, Stage) or node.cut:
            continue
        for written, path in _used(node):
            place = place_of(project, node.definition.wdir, written, path)
            if os.path.exists(place.absolute) or (path is not None and _owned(graph, path)):
                continue
            led = node.led.get(written)
            if led is not None and _owned(graph, led):
                continue
            problem = f"needs {written}, which is not there and which no stage makes"
            raise DataUnavailable(refusal(node, problem).message)


def _used(stage: Stage) -> Iterator[tuple[str, bytes | None]]:
    yield from ((dep.written, dep.path) for dep in stage.definition.deps if not dep.at_url)
    yield from ((one.written, one.path) for one in stage.definition.params)


def _owned(graph: Graph, path: bytes) -> bool:
    return graph.owner(path) is not None or next(iter(graph.below(path)), None) is not None
