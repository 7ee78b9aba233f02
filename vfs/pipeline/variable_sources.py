"""The sources that record the files `vars` of a pipeline name: what its stages are made of, though no edge of the graph says so.

Rule: sources alone. A stage that makes such a file is needed by nobody for that, as in DVC: stages are read before any of them runs.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from vfs.core.paths import show
from vfs.formats.pipeline import Pipeline
from vfs.formats.variables import DEFAULT_FILE
from vfs.pipeline.graph import Graph
from vfs.pipeline.nodes import Node, Source, Stage
from vfs.workspace.lying import read_here
from vfs.workspace.outs import MAX_POINTER


def with_variables(root: Path, graph: Graph, nodes: Sequence[Node]) -> list[Node]:
    """The nodes of a walk, and before them the sources of variables that are not among them.

    Args:
        root: the working tree.
        graph: of it.
        nodes: with what they need.

    Raises:
        FormatError: a `dvc.yaml` was changed meanwhile, and is none.
    """
    if not any(isinstance(node, Source) for node in graph.nodes):
        return list(nodes)
    known = set(nodes)
    files = dict.fromkeys(n.file for n in nodes if isinstance(n, Stage) and n.definition.name)
    owners = (graph.owner(path) for file in files for path in variable_files(root, file))
    found = dict.fromkeys(one for one in owners if isinstance(one, Source) and one not in known)
    return [*found, *nodes]


def variable_files(root: Path, file: bytes) -> Iterator[bytes]:
    """The files that a `dvc.yaml` may take variables from. Raises FormatError."""
    data = read_here(root, file, MAX_POINTER) or b""
    if b"vars" in data:  # else it need not be read a second time
        yield from Pipeline(data, file, {}, show(file)[1:-1]).variable_files()
    else:
        yield os.path.join(os.path.dirname(file), DEFAULT_FILE.encode())
