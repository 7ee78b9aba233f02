"""What a look at the disk refuses before the first stage of a walk runs; `vfs.pipeline.checks` has what needs none."""

import os
from collections.abc import Iterable, Iterator

from vfs.errors import DataUnavailable
from vfs.pipeline.checks import refusal
from vfs.pipeline.graph import Graph
from vfs.pipeline.leads import Leads
from vfs.pipeline.measure import place_of
from vfs.pipeline.nodes import Node, Stage
from vfs.tracking.project import Project, told


def check_deps(project: Project, graph: Graph, nodes: Iterable[Node]) -> None:
    """Refuse a `wdir`, deps and files of parameters that are not there, and that nothing in the repository makes or records.

    Raises:
        DataUnavailable: one is like that.
    """
    for node in nodes:
        if not isinstance(node, Stage) or node.cut:
            continue
        if not _has_directory(project, graph, node):
            raise no_directory(node)
        for written, path in _used(node):
            place = place_of(project, node.definition.wdir, written, path)
            if os.path.exists(place.absolute) or (path is not None and _owned(graph, path)):
                continue
            led = node.led.get(written)
            if led is not None and _owned(graph, led):
                continue
            problem = f"needs {written}, which is not there and which no stage makes"
            raise DataUnavailable(refusal(node, problem).message)


def no_directory(stage: Stage) -> DataUnavailable:
    """There is nothing that a stage could work in."""
    problem = f"works in {told(stage.definition.wdir)}, which is no directory"
    return DataUnavailable(refusal(stage, problem).message)


def _has_directory(project: Project, graph: Graph, stage: Stage) -> bool:
    """Whether the `wdir` of a stage is there, or may be when it is due: others make it or something in it, or what the stage itself made is recorded."""
    wdir = stage.definition.wdir
    absolute = project.absolute(wdir)
    if os.path.isdir(absolute):
        return True
    led = Leads(project.top).of(absolute)
    paths = dict.fromkeys((wdir, wdir if led is None else led))
    owners = [graph.owner(path) for path in paths]
    owners += [graph.owners[out] for path in paths for out in graph.below(path)]
    return any(one is not None and (one is not stage or stage.locked) for one in owners)


def _used(stage: Stage) -> Iterator[tuple[str, bytes | None]]:
    yield from ((dep.written, dep.path) for dep in stage.definition.deps if not dep.at_url)
    yield from ((one.written, one.path) for one in stage.definition.params)


def _owned(graph: Graph, path: bytes) -> bool:
    return graph.owner(path) is not None or next(iter(graph.below(path)), None) is not None
