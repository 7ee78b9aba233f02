"""Where paths that stages depend on lead to: through symlinks, as an absolute path, around the working tree and back.

Rules:

* A path that leads into the working tree is judged as what it leads to; DVC and commands follow it too.
* What leads elsewhere (another file system, a DVC cache) stays the last path of the working tree on the way.
* Real directories are remembered until `forget`.
"""

import os
from collections.abc import Iterable
from typing import Final

from vfs.formats.stage_values import Definition

_MOST: Final = 40
"""Symlinks in a row, as the kernel has it."""

_NOT_OURS: Final = frozenset((b".dvc", b".git"))


class Leads:
    """Follows the paths of one working tree.

    Args:
        top: of it, absolute.
    """

    def __init__(self, top: bytes) -> None:
        self._top = top
        self._real_top = os.path.realpath(top)
        self._directories: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Look again."""
        self._directories.clear()

    def of(self, absolute: bytes) -> bytes | None:
        """The path of the working tree that an absolute one leads to; None if it never comes there."""
        place, found = os.path.normpath(absolute), None  # as DVC does with what is written
        for _ in range(_MOST):
            above, name = os.path.split(place)
            directory = self._real(above)
            if name in (b"", b".", b".."):
                directory, name = os.path.dirname(real := os.path.realpath(place)), os.path.basename(real)  # fmt: skip
            place = os.path.join(directory, name)
            inside = self._inside(place)
            found = found if inside is None else inside
            try:
                target = os.readlink(place)
            except OSError:
                return found
            place = os.path.join(directory, target)
        return found

    def deps(self, definition: Definition) -> dict[str, bytes]:
        """Where what a stage uses leads to, by how it is written; only what leads to another path."""
        found = {}
        used: Iterable[tuple[str, bytes | None]] = (
            *((dep.written, dep.path) for dep in definition.deps if not dep.at_url),
            *((one.written, one.path) for one in definition.params),
        )
        for written, path in used:
            absolute = absolute_of(self._top, definition.wdir, written, path)
            real = self.of(absolute)
            if real is not None and real != path:
                found[written] = real
        return found

    def _real(self, directory: bytes) -> bytes:
        known = self._directories.get(directory)
        if known is None:
            known = self._directories[directory] = os.path.realpath(directory)
        return known

    def _inside(self, place: bytes) -> bytes | None:
        top = self._real_top
        if place == top:
            return b""
        if not place.startswith(top.rstrip(b"/") + b"/"):
            return None
        path = place[len(top.rstrip(b"/")) + 1 :]
        return None if _NOT_OURS.intersection(path.split(b"/")) else path


def absolute_of(top: bytes, wdir: bytes, written: str, path: bytes | None) -> bytes:
    """Where a path of a stage lies in the file system; it is no URL."""
    return os.path.join(top, os.path.join(wdir, os.fsencode(written)) if path is None else path)
