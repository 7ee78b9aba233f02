"""The stages and sources of a working tree, as its files lie there now.

Rule: files that Git sees (tracked, or neither tracked nor ignored), by `vfs.workspace.here`; what it does not see is no pipeline. Order: files
of a directory before those below it, then the order of each file.
"""

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vfs.core.paths import show
from vfs.errors import FormatError, UnknownPath, VfsError
from vfs.formats.definition import definitions
from vfs.formats.file_names import is_pointer
from vfs.formats.locked import locked_stages
from vfs.formats.single_stage import single_definition
from vfs.formats.stage_values import Locked
from vfs.formats.variables import OnDemand
from vfs.pipeline.absolute import Absolute
from vfs.pipeline.graph import Graph
from vfs.pipeline.leads import Leads
from vfs.pipeline.nodes import PIPELINE, Node, Source, Stage
from vfs.types import Problem
from vfs.workspace.here import variables_here
from vfs.workspace.lying import read_here
from vfs.workspace.outs import MAX_POINTER
from vfs.workspace.surveyed import Survey


@dataclass(slots=True)
class Tree:
    """What there is.

    Attributes:
        nodes: stages and sources.
        broken: why a file cannot be used, by path; its stages are missing.
    """

    nodes: list[Node] = field(default_factory=list)
    broken: dict[bytes, FormatError] = field(default_factory=dict)

    @property
    def errors(self) -> list[FormatError]:
        """Of files that cannot be used."""
        return list(self.broken.values())

    @property
    def broken_files(self) -> set[bytes]:
        """The files themselves: of a pipeline that is in order its lock."""
        return {os.fsencode(error.file) for error in self.errors}

    @property
    def stages(self) -> list[Stage]:
        """The stages."""
        return [node for node in self.nodes if isinstance(node, Stage)]

    def graph(self) -> Graph:
        """The graph.

        Raises:
            FormatError: a file cannot be used.
        """
        for error in self.errors:
            raise error
        return Graph(self.nodes)

    def explained(self, error: UnknownPath, targets: Iterable[bytes], here: bytes) -> VfsError:
        """Why targets (paths of the repository; none: the `dvc.yaml` of `here`) mean nothing: a file that cannot be used may have them."""
        if not self.broken:
            return error
        beside = posixpath.join(here, PIPELINE)
        for target in list(targets) or [beside]:
            file = target.rpartition(b":")[0]
            for path in (target, file if file.endswith(PIPELINE) else beside):
                if path in self.broken:
                    return self.broken[path]
        return UnknownPath(
            error.message, hint=f"it may be in a file that cannot be used: {self.errors[0].message}"
        )


def tree_of(root: Path, survey: Survey) -> Tree:
    """The stages and sources of a working tree that was surveyed."""
    tree = Tree()
    single = set(survey.claims.commands)
    sources: dict[bytes, list[bytes]] = {}
    for claim in (*survey.claims.own, *survey.claims.rivals):
        if not claim.stage and claim.pointer not in single:
            sources.setdefault(claim.pointer, []).append(claim.out.path)
    read, leads, top = partial(read_here, root), Leads(os.fsencode(root)), os.fsencode(root)
    variables = variables_here(root, survey)
    for path, problem in survey.claims.unreadable.items():
        tree.broken[path] = _unreadable(path, problem)
    for path in sorted((*survey.pipelines, *single, *sources), key=_walked):
        if path in sources:
            tree.nodes.append(Source(path, tuple(sources[path])))
            continue
        try:
            if path in single:
                tree.nodes += _single(path, read, leads)
            else:
                absolute = Absolute(top, survey.roots.root_of(path))
                tree.nodes += _read(path, read, leads, variables, absolute)
        except FormatError as error:
            tree.broken[path] = error
    return tree


def read_pipeline(root: Path, path: bytes) -> list[Stage]:
    """The stages of one file; none if there is no such file. Raises FormatError."""
    read = partial(read_here, root)
    files = OnDemand(partial(read, limit=MAX_POINTER))
    top = os.fsencode(root)
    return list(_read(path, read, Leads(top), files, Absolute(top, b"")))


def locked_in(address: str, read: Callable[[bytes, int], bytes]) -> Locked | None:
    """What a tree records of a stage that is called so at its top; None: nothing.

    Args:
        address: as `Stage.address` has it.
        read: the bytes of a file, at most so many; raises UnknownPath.

    Raises:
        FormatError: the file cannot be used.
        VfsError: as `read`.
    """
    file, colon, name = address.rpartition(":")
    path = os.fsencode(file or PIPELINE.decode())
    if not colon and is_pointer(os.fsencode(address)):
        with suppress(UnknownPath):  # then a stage of `dvc.yaml` is called so
            pointer = os.fsencode(address)
            found = single_definition(read(pointer, MAX_POINTER), pointer)
            return found[1] if found is not None else None
    with suppress(UnknownPath):
        lock = lock_of(path)
        return locked_stages(read(lock, MAX_POINTER), show(lock)[1:-1]).get(name)
    return None


def lock_of(pipeline: bytes) -> bytes:
    """The lock beside a `dvc.yaml`."""
    return pipeline.removesuffix(b"dvc.yaml") + b"dvc.lock"


def _read(
    path: bytes,
    read: "partial[bytes | None]",
    leads: Leads,
    files: Mapping[bytes, bytes],
    absolute: Absolute,
) -> Iterator[Stage]:
    data = read(path, MAX_POINTER)
    if data is None:
        return
    lock = lock_of(path)
    locked = locked_stages(read(lock, MAX_POINTER), show(lock)[1:-1])
    for definition in map(absolute.relative, definitions(data, path, files)):
        yield Stage(definition, locked.get(definition.name), leads.deps(definition))


def _single(path: bytes, read: "partial[bytes | None]", leads: Leads) -> Iterator[Stage]:
    """The stage of a `.dvc` file with a command."""
    found = single_definition(read(path, MAX_POINTER) or b"", path)
    if found is not None:
        yield Stage(*found, leads.deps(found[0]))


def _unreadable(path: bytes, problem: Problem) -> FormatError:
    """The error that a problem of a pointer was."""
    error = FormatError(problem.message, hint=problem.hint or None, heals=problem.heals)
    error.file = os.fsdecode(path)
    return error


def _walked(path: bytes) -> tuple[list[bytes], bytes]:
    directory, name = os.path.split(path)
    return directory.split(b"/") if directory else [], name
