"""Which directories a view will have, read from its layers before it is there."""

from __future__ import annotations

import os

from vfs.sandbox import kernel

_COUNTING = (0xEF53, 0x5846_5342, 0x0102_1994)
"""ext4, xfs, tmpfs: a directory has two links and one more for each directory in it, or (if they are too many) one. Source: `linux/magic.h`."""
_NOT_ONE = (FileNotFoundError, NotADirectoryError)
_LONG = 2_000
_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Reach:
    """Short names for what is below an open directory, however long its path is."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._open: dict[bytes, int] = {}

    def to(self, path: bytes) -> bytes:
        """A path that the kernel takes. Raises OSError: what is above it is not there."""
        if len(path) <= _LONG:
            return b"/proc/self/fd/%d/%s" % (self._top, path)
        number, at = self._top, 0
        while len(path) - at > _LONG:
            cut = path.rindex(b"/", at, at + _LONG)
            known = self._open.get(path[:cut])
            if known is None:
                known = os.open(path[at:cut], _PATH, dir_fd=number)
                self._open[path[:cut]] = known
            number, at = known, cut + 1
        return b"/proc/self/fd/%d/%s" % (number, path[at:])

    def close(self) -> None:
        """Nothing is looked at any more."""
        for number in self._open.values():
            os.close(number)


class Survey:
    """What is not gone into: directories of a name, those that lower layers do not show, and those that are something else's."""

    def __init__(self, ignored: frozenset[bytes], hidden: list[bytes], kept: list[bytes]) -> None:
        self._ignored, self._hidden, self._kept = ignored, frozenset(hidden), frozenset(kept)
        self._layers: list[tuple[Reach, bool]] = []

    def read(self, layers: list[int]) -> tuple[list[bytes], list[bytes]]:
        """The paths of all directories that are gone into, each after the one that it is in, the first is empty; and of the others that were met.

        The others are those of a Python environment (they have a `pyvenv.cfg`) and those that may not be read.
        """
        self._layers = [(Reach(n), kernel.file_system(n) in _COUNTING) for n in layers]
        paths: list[bytes] = []
        others: list[bytes] = []
        waiting = [(b"", tuple(range(len(layers))))]
        while waiting:
            path, has = waiting.pop()
            found = self._within(path, has)
            if found is None:
                others.append(path)
                continue
            paths.append(path)
            for name, those in found.items():
                whole = path + b"/" + name if path else name
                if whole not in self._kept and not (those[0] and whole in self._hidden):
                    waiting.append((whole, those))
        for reach, _ in self._layers:
            reach.close()
        return paths, others

    def _within(self, path: bytes, has: tuple[int, ...]) -> dict[bytes, tuple[int, ...]] | None:
        """The directories in one, each with the layers that have it; None if it is not gone into."""
        found: dict[bytes, tuple[int, ...]] = {}
        for index in has:
            if index and path in self._hidden:
                break
            reach, counting = self._layers[index]
            try:
                names = self._names(reach.to(path), counting, not path)
            except _NOT_ONE:
                continue  # of another layer, or gone
            except OSError:
                names = None
            if names is None and path:
                return None
            for name in names or ():
                found[name] = (*found.get(name, ()), index)
        return found

    def _names(self, path: bytes, counting: bool, top: bool) -> list[bytes] | None:
        """The directories in one; None if it is not gone into. Raises OSError."""
        if counting and os.stat(path).st_nlink == 2:
            return []
        names = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in self._ignored:
                        names.append(entry.name)
                elif entry.name == b"pyvenv.cfg" and not top:
                    return None
        return names
