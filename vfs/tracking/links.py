"""Putting an object of a cache somewhere in the working tree: as a copy, a clone or a link.

Rules (DVC's): a copy or clone belongs to the user (0666 & umask); links lead to the object itself, which stays 0444. An
empty file and an executable are never links: the one has nothing to share, the mode of the other would be the object's.
Of the kinds of `cache.type` the first that works is taken, and a copy where none does; a kind that was asked for by name is that or an error.
"""

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from vfs.errors import StoreError, StoreFull, Unsupported
from vfs.objects.filesystem import FICLONE

COPY, REFLINK, HARDLINK, SYMLINK = "copy", "reflink", "hardlink", "symlink"
_CANNOT: Final = (
    errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOTSUP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS
)  # fmt: skip
_PIECE: Final = 1 << 27


class Linker:
    """Knows which kinds work here; thread-safe.

    Args:
        kinds: in the order they are tried.
        strict: never make something else.
    """

    def __init__(self, kinds: Sequence[str], *, strict: bool = False) -> None:
        self._strict = strict and COPY not in kinds
        self._kinds = [kind for kind in kinds if kind != COPY] if COPY in kinds else list(kinds)
        self._cannot: set[str] = set()
        self._copy = COPY in kinds

    @property
    def kind(self) -> str:
        """The kind that works, as far as is known."""
        return next((kind for kind in self._kinds if kind not in self._cannot), COPY)

    def put(self, source: str, target: bytes, *, executable: bool = False) -> None:
        """Make `target`, which does not exist.

        Raises:
            StoreFull, StoreError: it cannot be made; nothing is left of it.
            Unsupported: not of the kind that was asked for.
        """
        try:
            for kind in self._kinds:
                if kind in self._cannot:
                    continue
                if kind in (HARDLINK, SYMLINK) and (executable or not os.stat(source).st_size):
                    continue
                if self._try(kind, source, target, executable):
                    return
            forced = self._strict and self._cannot.issuperset(self._kinds)
            if forced and os.stat(source).st_size:
                raise _impossible(self._kinds[0], source)
            self._copied(source, target, executable)
        except OSError as error:
            raise failed(target, error) from error

    def _try(self, kind: str, source: str, target: bytes, executable: bool) -> bool:
        try:
            if kind == REFLINK:
                self._cloned(source, target, executable)
            elif kind == HARDLINK:
                os.chmod(source, 0o444)
                os.link(source, target)
            else:
                os.symlink(os.path.abspath(source), target)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            self._cannot.add(kind)
            return False
        return True

    def _cloned(self, source: str, target: bytes, executable: bool) -> None:
        with _Pair(source, target, executable) as (reading, writing):
            fcntl.ioctl(writing, FICLONE, reading)

    def _copied(self, source: str, target: bytes, executable: bool) -> None:
        with _Pair(source, target, executable) as (reading, writing):
            left = os.fstat(reading).st_size
            while left > 0 and (count := os.sendfile(writing, reading, None, min(left, _PIECE))):
                left -= count


class Put(NamedTuple):
    """What `Linker.put` makes."""

    source: str
    target: bytes
    executable: bool


def put_all(linker: Linker, puts: Iterable[Put]) -> None:
    """Make many; raises as `Linker.put`."""
    for source, target, executable in puts:
        linker.put(source, target, executable=executable)


def _impossible(kind: str, source: str) -> Unsupported:
    why = {
        REFLINK: "this file system does not clone files",
        HARDLINK: "it lies on another file system, or this one has no hard links",
    }
    return Unsupported(
        f"no {kind} of {source} can be made here: {why.get(kind, 'the file system has no such links')}",
        hint="--link copy, or without --link whatever of cache.type works",
    )


def unlink_from_cache(path: bytes, directory: str) -> None:
    """Replace symlinks to objects of a cache, at a path and below it, by copies of what they lead to.

    Args:
        path: absolute; a file, a directory, or nothing.
        directory: of the cache.

    Raises:
        StoreFull, StoreError: one cannot be copied; it is still the link.
    """
    below = os.fsencode(os.path.join(os.path.realpath(directory), ""))
    copy = Linker((COPY,))
    for link in list(_symlinks(path)):
        target = os.path.realpath(link)
        if target.startswith(below) and os.path.isfile(target):
            made = link + b".vfs-" + os.urandom(4).hex().encode()
            copy.put(os.fsdecode(target), made)
            os.replace(made, link)


def _symlinks(path: bytes) -> Iterator[bytes]:
    if os.path.islink(path):
        yield path
        return
    for parent, directories, files in os.walk(path):
        for name in (*directories, *files):
            if os.path.islink(os.path.join(parent, name)):
                yield os.path.join(parent, name)


class _Pair:
    """A file open for reading and a new one for writing, which is gone after an error."""

    def __init__(self, source: str, target: bytes, executable: bool) -> None:
        self._source = source
        self._target = target
        self._mode = 0o777 if executable else 0o666

    def __enter__(self) -> tuple[int, int]:
        self._reading = os.open(self._source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._writing = os.open(self._target, flags, self._mode)
        except BaseException:
            os.close(self._reading)
            raise
        return self._reading, self._writing

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        os.close(self._reading)
        os.close(self._writing)
        if error is not None:
            os.unlink(self._target)


def failed(path: bytes, error: OSError) -> StoreError:
    """What it means that the working tree cannot be written."""
    message = f"{os.fsdecode(path)}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(message, hint="free disk space (`vfs gc`); nothing was changed")
    return StoreError(message, hint="check its owner and mode")
