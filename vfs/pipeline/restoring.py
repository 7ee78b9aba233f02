"""Outs of an earlier run from the cache into the working tree, in which they are not now."""

import os
from collections.abc import Iterable

from vfs.formats.stage_values import DeclaredOut, Locked, LockedItem
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Plan, Wish
from vfs.tracking.links import COPY, Linker
from vfs.tracking.made import Made
from vfs.tracking.materialise import Materialiser, check_parents
from vfs.tracking.project import Project


class Restorer:
    """Puts outs into one working tree; `remember` at the end, so that nothing is read to be recognised."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._caches = Caches(project.store)
        self._linker = Linker(project.store.links)
        self._copier = Linker((COPY,))  # what Git tracks is never a link
        self._made = Made(project.state, project.absolute)

    def check(self, outs: Iterable[DeclaredOut]) -> None:
        """Refuse outs beyond symlinks, before anything is moved out of their way. Raises StoreError."""
        for out in outs:
            if out.path is not None:
                check_parents(self._project.top, out.path)

    def restore(self, run: Locked, outs: Iterable[DeclaredOut]) -> None:
        """Put outs of a stage in their places, which are free.

        Raises:
            DataUnavailable: the cache does not have all of them.
            StoreFull, StoreError: the working tree cannot be written.
        """
        outs = list(outs)
        self.check(outs)
        project = self._project
        maker = Materialiser(project.top, os.path.join(project.top, project.root))
        for out in outs:
            if out.path is None:
                continue
            place = self._wishes(out.path, run.outs[out.written])
            if not place:  # a directory without files
                os.makedirs(project.absolute(out.path), exist_ok=True)
                continue
            linker = self._linker if out.cached else self._copier
            made = maker.carry_out(Plan(place=place), out.path, self._caches, linker)
            self._made.add(made, place)

    def remember(self) -> None:
        """Note what was made. Raises StoreError."""
        self._made.remember()

    def _wishes(self, path: bytes, item: LockedItem) -> dict[bytes, Wish]:
        assert item.digest is not None
        if not item.is_tree:
            return {path: Wish(item.digest, item.executable, item.size)}
        top = path + b"/"
        return {
            top + e.path: Wish(e.digest, size=e.size) for e in self._caches.listing(item.digest)
        }
