"""Outs of a run from the cache into the working tree: in free places, or file by file where a directory stays (`persist`)."""

import os
from collections.abc import Iterable

from vfs.errors import DataUnavailable, StoreError
from vfs.formats.stage_values import DeclaredOut, Locked, LockedItem
from vfs.mount_table import mounts_below
from vfs.pipeline.aside import put_aside
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Comparison, Plan, Wish
from vfs.tracking.contents import Content
from vfs.tracking.links import COPY, Linker
from vfs.tracking.made import Made
from vfs.tracking.materialise import Materialiser, check_parents
from vfs.tracking.project import Project, told


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
            self._whole(out.path, run.outs[out.written])

    def remember(self) -> None:
        """Note what was made. Raises StoreError."""
        self._made.remember()

    def update(self, run: Locked, out: DeclaredOut, aside: bytes, *, known: bool) -> list[bytes]:
        """Bring a directory, file by file, to what a run made of it; what a `.dvcignore` hides in it stays.

        Args:
            run: of the stage.
            out: the directory, which is here.
            aside: where files go that no cache has.
            known: all of it was recorded, so nothing goes there.

        Returns:
            Files that went there.

        Raises:
            DataUnavailable: the cache does not have all of it, or what is here cannot be read.
            StoreFull, StoreError: the working tree cannot be written, or something untracked is in the way.
        """
        project, path = self._project, out.path
        assert path is not None
        self.check([out])
        wishes = self._wishes(path, run.outs[out.written])
        scanner = project.scanner()
        stays: list[Content] = []
        moved: list[bytes] = []
        contents = list(project.contents.of(scanner.files(path)))
        scanner.check()  # before anything is moved
        for content in contents:
            file, wish = content.file, wishes.get(content.file.path)
            same = wish is not None and wish.digest == content.digest
            if same or known or self._caches.elsewhere(content.digest, file.fingerprint.size):
                stays.append(content)
                continue
            put_aside(project.absolute(file.path), file.path, aside)
            moved.append(file.path)
        mounts = mounts_below(project.top)
        compared = Comparison(
            project.top, mounts, self._caches, wishes, dict, lambda _: True, force=True
        )
        plan = compared.run(stays)
        if plan.missing:
            raise DataUnavailable(f"the cache does not have {told(plan.missing[0])}")
        if plan.users:
            raise StoreError(f"{told(plan.users[0])} is in the way", hint="move it away")
        maker = Materialiser(project.top, os.path.join(project.top, project.root))
        linker = self._linker if out.cached else self._copier
        self._made.add(maker.carry_out(plan, path, self._caches, linker), plan.place)
        self._whole(path, run.outs[out.written])
        return moved

    def _whole(self, path: bytes, item: LockedItem) -> None:
        if item.is_tree and item.digest is not None:
            self._project.state.note_whole(path, item.digest)

    def _wishes(self, path: bytes, item: LockedItem) -> dict[bytes, Wish]:
        assert item.digest is not None
        if not item.is_tree:
            return {path: Wish(item.digest, item.executable, item.size)}
        top = path + b"/"
        return {
            top + e.path: Wish(e.digest, size=e.size) for e in self._caches.listing(item.digest)
        }
