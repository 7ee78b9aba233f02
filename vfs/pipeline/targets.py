"""Targets of a command line -> stages.

A target is the first of these that fits (paths are the repository's; source: DVC's `repo/stage.py`):

* a stage of the `dvc.yaml` of the current directory, or the name of a `foreach` or matrix, which is all of its items; another
  `dvc.yaml`'s: `PATH/dvc.yaml:NAME`;
* a `dvc.yaml` (all its stages) or a `.dvc` file;
* an out, or a path inside one: the stage that makes it;
* a directory: all stages and pointers below it.

With `glob` the name is a pattern (`*`, `?`, `[…]`) of names. Pure.
"""

import difflib
import posixpath
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from vfs.errors import UnknownPath
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import PIPELINE, Node, Stage
from vfs.tracking.targets import Target


def meant(
    graph: Graph, targets: Sequence[Target], here: bytes = b"", *, glob: bool = False
) -> list[Node]:
    """What targets mean, without repetition.

    Args:
        graph: of the working tree.
        targets: at least one.
        here: current directory, of the repository.
        glob: names are patterns.

    Raises:
        UnknownPath: one means nothing.
    """
    found: dict[Node, None] = {}
    for target in targets:
        nodes = _meant(graph, target, here, glob=glob)
        if not nodes:
            raise _unknown(graph, target.text, here)
        found.update(dict.fromkeys(nodes))
    return list(found)


def stages_of(graph: Graph, file: bytes) -> list[Node]:
    """The stages of a file."""
    return [node for node in graph.nodes if node.file == file]


def _meant(graph: Graph, target: Target, here: bytes, *, glob: bool) -> list[Node]:
    text, path = target
    beside = posixpath.join(here, PIPELINE)
    file, colon, name = text.rpartition(":")
    if colon and file and not file.startswith(":"):
        where = path.removesuffix(b":" + name.encode("utf-8", "surrogateescape"))
        named = _named(stages_of(graph, where), name, glob=glob)
        if named:
            return named
    named = _named(stages_of(graph, beside), text.removeprefix(":"), glob=glob)
    if named:
        return named
    if stages := stages_of(graph, path):
        return stages
    owner = graph.owner(path) if path else None
    if owner is not None:
        return [owner]
    top = path + b"/" if path else b""
    return [node for node in graph.nodes if node.file.startswith(top)]


def _named(nodes: Iterable[Node], name: str, *, glob: bool) -> list[Node]:
    stages = [node for node in nodes if isinstance(node, Stage) and node.definition.name]
    exact: list[Node] = [s for s in stages if name in (s.definition.name, s.definition.group)]
    if exact or not glob:
        return exact
    return [stage for stage in stages if fnmatchcase(stage.definition.name, name)]


def _unknown(graph: Graph, text: str, here: bytes) -> UnknownPath:
    names = [node.address(here) for node in graph.nodes]
    near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
    hint = f"near it: {', '.join(near)}" if near else "vfs stage list --all shows every stage"
    return UnknownPath(f"there is no stage and no out called {text!r}", hint=hint)


def nodes_of(
    graph: Graph,
    targets: Sequence[Target],
    here: bytes,
    *,
    glob: bool = False,
    whole: bool = False,
    single: bool = False,
    downstream: bool = False,
    files: Collection[bytes] = (),
) -> list[Node]:
    """The nodes that a walk visits, in its order.

    Args:
        graph: of the working tree.
        targets: none: the `dvc.yaml` of the current directory, or the `Dvcfile` of DVC 0.x.
        here: that directory.
        glob: names are patterns.
        whole: everything there is, whatever the targets.
        single: only what the targets mean.
        downstream: what needs them, instead of what they need.
        files: pipelines that are there, stages or not: without a target, the one here may have none.

    Raises:
        UnknownPath: a target means nothing, or there is no `dvc.yaml` here.
    """
    if whole:
        return graph.order()
    if targets:
        named = meant(graph, targets, here, glob=glob)
    else:
        beside = posixpath.join(here, PIPELINE)
        named = stages_of(graph, beside) or stages_of(graph, posixpath.join(here, b"Dvcfile"))
        if not named and beside in files:
            return []
    if not named:
        raise UnknownPath(
            "this directory has no dvc.yaml with a stage",
            hint="vfs stage add makes one; --all-pipelines means all of the repository",
        )
    return named if single else graph.order(named, downstream=downstream)
