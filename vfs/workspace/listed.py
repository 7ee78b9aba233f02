"""The `.dir` object of a tracked directory: found, brought here, checked.

Steps: DVC caches, then remotes; each candidate is copied into a file without a name in the cache
directory (in memory, if that is full or read-only) and hashed on the way. Nobody looks at what it says before its MD5 is right.

Memory: one buffer. Limit: `dirlisting.MAX_BYTES`, by what a place says of the size and as counted.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from vfs.errors import DataUnavailable, FormatError, StoreFull, VfsError
from vfs.formats.dirlisting import MAX_BYTES
from vfs.formats.layout import object_path
from vfs.types import Digest
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef

_BUFFER = 1 << 20
_MEMORY = Path("/dev/shm")


class _Source(Protocol):
    def readinto(self, buffer: bytearray, /) -> int | None: ...


class ListedObject:
    """One `.dir` object, wherever it may lie."""

    def __init__(self, session: Session, digest: Digest, progress: Progress) -> None:
        self._session = session
        self._digest = digest
        self._progress = progress
        self._name = f"{digest.hex}.dir"
        self._key = object_path(digest, is_tree=True)

    def fetch(self, store: DvcStore, remote: str | None, *, local_only: bool) -> BinaryIO:
        """Its bytes, checked, as a file that goes when it is closed.

        Raises:
            DataUnavailable: no place has it; the message has each place's answer.
        """
        answers: list[str] = []
        places: list[str | RemoteRef] = list(store.caches)
        if not local_only:
            places += [r for r in store.ordered(remote) if r.worktree or not r.versioned]
        for place in places:
            try:
                found = self._bring(place)
            except VfsError as error:
                answers.append(error.message)
                continue
            if found is not None:
                return found
        raise DataUnavailable(
            f"the file list {self._name} was not found: "
            + ("; ".join(answers) or "there is no cache and no remote that could have it"),
            hint="run `dvc push` where the data was added, or `dvc remote add` the remote that has it",
        )

    def _bring(self, place: str | RemoteRef) -> BinaryIO | None:
        """From one place, to the disk of the cache, or to memory if there is no room on it."""
        bring = self._cached if isinstance(place, str) else self._remote
        try:
            return bring(place, self._session.settings.cache_dir)  # type: ignore[arg-type]
        except StoreFull:
            return bring(place, _MEMORY)  # type: ignore[arg-type]

    def _cached(self, cache: str, keep: Path) -> BinaryIO | None:
        """From a DVC cache; None if it has no such file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = os.open(os.path.join(cache, self._key), flags)
        except OSError:
            return None
        with open(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return None
            return self._copied(file, found.st_size, cache, keep)

    def _remote(self, ref: RemoteRef, keep: Path) -> BinaryIO:
        remote = self._session.remote(ref)
        with remote.get(ref.prefix + self._key) as body:
            return self._copied(body, body.size, remote.url, keep)

    def _copied(self, source: _Source, size: int, where: str, keep: Path) -> BinaryIO:
        """A checked copy in a directory. Raises StoreFull, and FormatError and DataUnavailable as `fetch` says."""
        if size > MAX_BYTES:
            raise self._too_large(where, f"{size}")
        try:
            spool = _unnamed(keep)
        except OSError as error:
            raise StoreFull(f"no place for a copy of {self._name}: {error.strerror}") from error
        try:
            self._copy(source, spool, size, where)
        except OSError as error:
            spool.close()
            raise StoreFull(f"{self._name} from {where}: {error.strerror}") from error
        except BaseException:
            spool.close()
            raise
        return spool

    def _copy(self, source: _Source, spool: BinaryIO, size: int, where: str) -> None:
        hasher = hashlib.md5(usedforsecurity=False)
        buffer = bytearray(_BUFFER)
        view = memoryview(buffer)
        done = 0
        while count := source.readinto(buffer):
            done += count
            if done > MAX_BYTES:
                raise self._too_large(where, f"more than {MAX_BYTES}")
            hasher.update(view[:count])
            data = view[:count]
            while data:
                data = data[spool.write(data) :]
            self._progress("listing", done, size if size >= 0 else None)
        if hasher.digest() != self._digest.value:
            raise DataUnavailable(f"{where} has other bytes under that name (damaged)")

    def _too_large(self, where: str, size: str) -> FormatError:
        return FormatError(
            f"{self._name} of {where} has {size} bytes; file lists of at most {MAX_BYTES} are read",
            hint="track the parts of that directory as directories of their own",
        )


def _unnamed(directory: Path) -> BinaryIO:
    """A file without a name; unbuffered, so that closing one on a full disk cannot fail. Raises OSError."""
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=directory))
