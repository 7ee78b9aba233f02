"""What is refused before anything runs, each with file, line and stage.

Rules: those of DVC (`repo/trie.py`, `repo/graph.py`, `stage/utils.py`), for all stages of a working tree: a cycle; outs that overlap; an out twice
in one stage, or a dep too; a stage whose file lies in an out; an out or `wdir` outside of the repository. Pure: what needs a look at the disk is checked
by `vfs.pipeline.run`.
"""

from collections import Counter
from collections.abc import Iterator

from vfs.core.paths import show
from vfs.errors import FormatError
from vfs.formats.stage_values import Definition
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Node, Stage, paths_used


def check(graph: Graph) -> None:
    """Refuse a graph that cannot be run.

    Raises:
        FormatError: why not.
    """
    for error in problems(graph):
        raise error


def problems(graph: Graph) -> Iterator[FormatError]:
    """Everything that is wrong with a graph."""
    for node in graph.nodes:
        if isinstance(node, Stage):
            yield from _stage(node.definition)
    yield from _overlaps(graph)
    for node in graph.nodes:
        yield from _inside(graph, node)
    cycle = graph.cycle()
    if cycle:
        names = " -> ".join(one.address() for one in (*cycle, cycle[0]))
        yield refusal(cycle[0], f"the stages depend on each other: {names}")


def refusal(node: Node, problem: str, hint: str | None = None) -> FormatError:
    """An error about a stage: file, line, name."""
    file = show(node.file)[1:-1]
    if not isinstance(node, Stage):
        return FormatError(problem, file=file, hint=hint)
    return _refusal(node.definition, problem, hint)


def _refusal(stage: Definition, problem: str, hint: str | None = None) -> FormatError:
    named = f"stage {stage.name!r}: {problem}" if stage.name else problem
    return FormatError(named, file=show(stage.file)[1:-1], line=stage.line, hint=hint)


def _stage(stage: Definition) -> Iterator[FormatError]:
    for out in stage.outs:
        if out.path is None:
            yield _refusal(
                stage, f"the out {out.written!r} lies outside of the repository",
                "write it into the repository; a later step may copy it elsewhere",
            )  # fmt: skip
        elif not out.path:
            yield _refusal(stage, "an out cannot be the whole repository")
        elif out.path.endswith((b"/dvc.yaml", b".dvc")) or out.path == b"dvc.yaml" or b"/.dvc/" in b"/" + out.path:  # fmt: skip
            yield _refusal(stage, f"the out {out.written!r} would be a file of DVC's")
    outs = [out.path for out in stage.outs if out.path is not None]
    for path in (path for path, times in Counter(outs).items() if times > 1):
        yield _refusal(stage, f"{show(path)} is an out twice")
    used = set(paths_used(stage))
    for path in outs:
        if path in used:
            yield _refusal(stage, f"{show(path)} is a dependency and an out")


def _overlaps(graph: Graph) -> Iterator[FormatError]:
    """Outs that are outs of others too, or lie in one."""
    claims = [(path, node) for node in graph.nodes for path in node.out_paths]
    for path, node in claims:
        owner = graph.owners[path]
        if owner is not node:
            yield refusal(node, f"the out {show(path)} is one of {owner.address()} too")
        above = path.rpartition(b"/")[0]
        outer = graph.owner(above) if above else None
        if outer is not None:
            yield refusal(
                node, f"the out {show(path)} lies inside an out of {outer.address()}",
                "outs of one directory are tracked together, or each by itself",
            )  # fmt: skip


def _inside(graph: Graph, node: Node) -> Iterator[FormatError]:
    outer = graph.owner(node.file)
    if outer is not None:
        yield refusal(node, f"this file lies inside an out of {outer.address()}")
