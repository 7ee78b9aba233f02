"""Paths of stages that are written absolute and lie in the DVC repository: DVC reads and records them relative to where the stage works.

Rule: as text, without following links but those above the top; what lies elsewhere stays as it is written.
"""

import os
from dataclasses import replace
from typing import TypeVar

from vfs.formats.declared import place
from vfs.formats.stage_values import DeclaredDep, DeclaredOut, DeclaredParams, Definition

T = TypeVar("T", DeclaredDep, DeclaredParams, DeclaredOut)


class Absolute:
    """Absolute paths of the stages of one DVC repository.

    Args:
        top: of the working tree, absolute.
        root: of the DVC repository, relative to it.
    """

    def __init__(self, top: bytes, root: bytes) -> None:
        self._top = os.path.realpath(top)
        self._root = os.path.join(self._top, root).rstrip(b"/")

    def relative(self, definition: Definition) -> Definition:
        """The same, as if it were written relative."""
        groups: tuple[tuple[DeclaredDep | DeclaredParams | DeclaredOut, ...], ...] = (
            definition.deps,
            definition.params,
            definition.outs,
        )
        if not any(one.written.startswith("/") for group in groups for one in group):
            return definition
        wdir = definition.wdir
        return replace(
            definition,
            deps=tuple(self._one(one, wdir) for one in definition.deps),
            params=tuple(self._one(one, wdir) for one in definition.params),
            outs=tuple(self._one(one, wdir) for one in definition.outs),
        )

    def _one(self, one: T, wdir: bytes) -> T:
        if not one.written.startswith("/"):
            return one
        path = os.path.normpath(os.fsencode(one.written))
        if path != self._root and not path.startswith(self._root + b"/"):
            return one
        written = os.fsdecode(os.path.relpath(path, os.path.join(self._top, wdir)))
        return replace(one, written=written, path=place(wdir, written))
