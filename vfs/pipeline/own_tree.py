"""What leads from a passing tree back into the user's own working tree: `vfs repro --rev` refuses it, for it is not what the commit has.

Rules:

* Paths are followed name by name, as the kernel does it. What a stage uses may lead anywhere else, so also to the cache.
* The files of a commit alone are looked at, before anything has run: a directory that a stage depends on, with the symlinks in it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from vfs.core.paths import show
from vfs.pipeline.checks import refusal
from vfs.pipeline.measure import place_of
from vfs.pipeline.nodes import Node, Stage
from vfs.pipeline.variable_sources import variable_files
from vfs.pipeline.way import links_below, way
from vfs.tracking.project import Project, is_inside


def check_own(user: bytes, project: Project, nodes: Iterable[Node]) -> None:
    """Refuse stages and sources of which a path leads into the user's tree.

    Args:
        user: the top of that tree.
        project: of the passing tree.
        nodes: that are to be walked.

    Raises:
        FormatError: one has such a path.
    """
    user, top = os.path.realpath(user), os.path.realpath(project.top)
    free = [top, *(os.path.realpath(os.fsencode(one)) for one in project.store.caches)]
    root = Path(os.fsdecode(top))
    variables = cache(lambda file: tuple(variable_files(root, file)))
    for node in nodes:
        for written, absolute in _used(project, node, variables):
            links, end = way(os.path.normpath(absolute))
            for step in links if end is None else [*links, end]:
                if is_inside(step, user) and not any(is_inside(step, one) for one in free):
                    path = os.path.relpath(step, user)
                    raise refusal(
                        node,
                        f"{show(written)} leads to {show(path)} in your own working tree, not to what the revision has",
                        "--rev runs it in a tree beside yours; paths and symlinks have to be relative to reach what lies there",
                    )


def _used(
    project: Project, node: Node, variables: Callable[[bytes], Sequence[bytes]]
) -> Iterator[tuple[bytes, bytes]]:
    """The paths of a node: as it writes them, and absolute."""
    if not isinstance(node, Stage):
        yield from ((path, project.absolute(path)) for path in node.out_paths)
        return
    definition = node.definition
    if definition.name:
        for path in variables(definition.file):
            yield path, project.absolute(path)
    yield definition.wdir, project.absolute(definition.wdir)
    for out in definition.outs:
        if out.path is not None:
            yield os.fsencode(out.written), project.absolute(out.path)
    used: Iterable[tuple[str, bytes | None]] = (
        *((dep.written, dep.path) for dep in definition.deps if not dep.at_url),
        *((one.written, one.path) for one in definition.params),
    )
    for name, inner in used:
        written = os.fsencode(name)
        absolute = place_of(project, definition.wdir, name, inner).absolute
        yield written, absolute
        if inner is not None:
            for link in links_below(absolute):
                yield os.path.join(written, os.path.relpath(link, absolute)), link
