"""The `.dir` object of a tracked directory: found, brought here, checked.

Steps: DVC caches, then remotes, and again while a remote gives no answer (`vfs.workspace.patience`); each candidate is copied into a file without a name in the cache
directory (in memory, if that is full or read-only) and hashed on the way. Nobody looks at what it says before its MD5 is right;
sizes are no part of it, and those of a manifest are believed like a LIST's.

Memory: one buffer. Limit: `dirlisting.MAX_BYTES`, by what a place says of the size and as counted.
"""

import os
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from vfs.errors import (
    ConfigError,
    DataUnavailable,
    FormatError,
    ObjectMissing,
    RemoteUnavailable,
    StoreFull,
    Unsupported,
    VfsError,
)
from vfs.formats.dirlisting import MAX_BYTES
from vfs.formats.hashing import Hasher, new_hasher
from vfs.formats.layout import object_path
from vfs.own_mount import open_other
from vfs.types import Algorithm, Digest
from vfs.workspace.packed import PackedSource
from vfs.workspace.patience import BRIEF, PATIENCE, Patience
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef

_BUFFER = 1 << 20
_MEMORY = Path("/dev/shm")


_LOOKED = (ObjectMissing, DataUnavailable, FormatError)
"""Answers of who has looked: no such object, or not the right one."""

_HINTS: dict[type[VfsError], str] = {
    ConfigError: "correct the remote in `.dvc/config` or `.dvc/config.local`, or AWS_PROFILE",
    Unsupported: "run `dvc fetch`: the DVC cache is read as well; or `dvc remote add` one that vfs reads",
}


class _Source(Protocol):
    def readinto(self, buffer: bytearray, /) -> int | None: ...


class _Moving:
    """A body whose bytes are signs of life."""

    def __init__(self, body: _Source, moved: Callable[[], None]) -> None:
        self._body = body
        self._moved = moved

    def readinto(self, buffer: bytearray, /) -> int | None:
        """As `Body.readinto`."""
        count = self._body.readinto(buffer)
        self._moved()
        return count


class _Pieces:
    """Bytes that are made piece by piece, as a body."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readinto(self, buffer: bytearray, /) -> int:
        """As `Body.readinto`."""
        while len(self._rest) < len(buffer) and (more := b"".join(islice(self._pieces, 1000))):
            self._rest += more
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class ListedObject:
    """One `.dir` object, wherever it may lie. If a manifest has it, the sizes of its files are learned, unless `seen` is None."""

    what = "file list"
    most = MAX_BYTES
    is_tree = True

    def __init__(
        self, session: Session, digest: Digest, progress: Progress, seen: int | None = None
    ) -> None:
        self._session = session
        self._digest = digest
        self._progress = progress
        self._seen = seen
        self._name = f"{digest.hex}.dir" if self.is_tree else digest.hex
        self._key = object_path(digest, is_tree=self.is_tree)
        self._patience = PATIENCE.get() or Patience(BRIEF)
        self._answers: dict[str | RemoteRef, VfsError] = {}
        self._attempts: Counter[RemoteRef] = Counter()
        self._reasons: dict[RemoteRef, VfsError] = {}
        self._packed: frozenset[RemoteRef] = frozenset()

    def fetch(self, store: DvcStore, remote: str | None, *, local_only: bool) -> BinaryIO:
        """Its bytes, checked, as a file that goes when it is closed.

        Raises:
            DataUnavailable: no place has it; the message has each place's answer. If a place could not be asked (it refused,
                nothing reads it, its configuration is wrong), the code is that of its answer.
            RemoteUnavailable: a remote that may have it was silent for as long as the build has patience.
        """
        places: list[str | RemoteRef] = list(store.caches)
        self._packed = frozenset(store.packed)
        if not local_only:
            places += store.packed
            places += [r for r in store.ordered(remote) if r.worktree or not r.versioned]
        started, rounds = time.monotonic(), 0
        while True:
            rounds += 1
            for place in places:
                found = self._look(place)
                if found is not None:
                    return found
            silent = [
                r for r in self._answers if isinstance(r, RemoteRef) and self._answers[r].retryable
            ]
            left = max((self._patience.left(ref) for ref in silent), default=0.0)
            if not left:
                raise self._nowhere(silent, time.monotonic() - started)
            stage = self._patience.stage([ref.name for ref in silent], self._answers[silent[0]])
            self._progress(stage, self._attempts.total(), None)
            asked = (getattr(self._answers[ref], "retry_after", None) for ref in silent)
            self._patience.rest(rounds, left, max((s for s in asked if s), default=None))

    def _look(self, place: str | RemoteRef) -> BinaryIO | None:
        """What one place has; None if nothing, or no answer in time, both of which are noted."""
        told = self._attempts[place] if isinstance(place, RemoteRef) else 0
        try:
            if isinstance(place, str):
                return self._bring(place)
            if not self._patience.left(place):
                self._answers[place] = self._reasons.get(place) or RemoteUnavailable("not asked")
                return None
            self._answers.pop(place, None)
            found = self._patience.ask(
                place, lambda: self._bring(place), lambda error: self._failed(place, error)
            )
        except VfsError as error:
            self._answers[place] = error
            if not error.retryable:
                self._patience.alive(place)
            elif isinstance(place, RemoteRef) and self._attempts[place] == told:
                self._failed(place, error)  # it does not repeat by itself
            return None
        self._patience.alive(place)
        return found

    def _failed(self, ref: RemoteRef, error: VfsError) -> None:
        self._attempts[ref] += 1
        self._reasons[ref] = error

    def _nowhere(self, silent: Sequence[RemoteRef], seconds: float) -> VfsError:
        """Why there is none; `silent` are the remotes that gave no answer in all these seconds."""
        if not silent:
            said = "; ".join(error.message for error in self._answers.values())
            for error in self._answers.values():
                if not isinstance(error, _LOOKED):
                    return self._kept_off(error, said)
            return DataUnavailable(
                f"the {self.what} {self._name} was not found: "
                + (said or "there is no cache and no remote that could have it"),
                hint="run `dvc push` where the data was added, or `dvc remote add` the remote that has it",
            )
        said = "; ".join(self._silence(ref) for ref in silent)
        others = "".join(
            f"; {error.message}" for place, error in self._answers.items() if place not in silent
        )
        waits = "`transfer.deadline` sets the time"
        if self._patience.seconds == BRIEF:
            waits = f"it was waited for only {BRIEF:g} s here; mounts and reads wait for `transfer.deadline`"
        return RemoteUnavailable(
            f"the {self.what} {self._name} did not come within {seconds:.0f} s: {said}{others}",
            hint=f"is the remote reachable? `vfs doctor` checks; {waits}",
        )

    def _silence(self, ref: RemoteRef) -> str:
        """How often a remote was asked for the object, and what came of the last time; what is named is named once."""
        where = f"remote {ref.name} ({ref.shown}): {ref.prefix}{self._key}"
        last = self._reasons.get(ref, self._answers[ref]).message
        last = last.partition(where)[2].removeprefix(": ") or last
        return f"{where}: attempts: {self._attempts[ref]}, the last: {last}"

    def _kept_off(self, reason: VfsError, said: str) -> DataUnavailable:
        """There is none, and a place was not even looked at, for a reason whose code the error has."""
        hint = reason.hint or _HINTS.get(type(reason), "`vfs doctor` asks every remote")
        error = DataUnavailable(f"the {self.what} {self._name} cannot be had: {said}", hint=hint)
        error.code, error.exit_code = reason.code, reason.exit_code
        return error

    def _bring(self, place: str | RemoteRef) -> BinaryIO | None:
        """From one place, to the disk of the cache, or to memory if there is no room on it."""
        try:
            return self._kept(place, self._session.settings.cache_dir)
        except StoreFull:
            return self._kept(place, _MEMORY)

    def _kept(self, place: str | RemoteRef, keep: Path) -> BinaryIO | None:
        return self._cached(place, keep) if isinstance(place, str) else self._remote(place, keep)

    def _cached(self, cache: str, keep: Path) -> BinaryIO | None:
        """From a DVC cache; None if it has no such file."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            descriptor = open_other(os.path.join(cache, self._key), flags)
        except OSError:
            return None
        with open(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return None
            return self._copied(file, found.st_size, cache, keep)

    def _remote(self, ref: RemoteRef, keep: Path) -> BinaryIO:
        if ref in self._packed:
            pieces = self._packed_pieces(self._session.packed(ref))
            moving = _Moving(_Pieces(pieces), lambda: self._patience.alive(ref))
            return self._copied(moving, -1, ref.shown, keep)
        remote = self._session.remote(ref)
        with remote.get(ref.prefix + self._key) as body:
            moving = _Moving(body, lambda: self._patience.alive(ref))
            return self._copied(moving, body.size, remote.url, keep)

    def _packed_pieces(self, source: PackedSource) -> Iterator[bytes]:
        """What a packed remote has. Raises ObjectMissing, FormatError, RemoteError."""
        return source.listing(self._digest, self._session.catalog, self._seen)

    def _copied(self, source: _Source, size: int, where: str, keep: Path) -> BinaryIO:
        """A checked copy in a directory. Raises StoreFull, and FormatError and DataUnavailable as `fetch` says."""
        if size > self.most:
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
        hasher = self._hasher()
        buffer = bytearray(_BUFFER)
        view = memoryview(buffer)
        done = 0
        while count := source.readinto(buffer):
            done += count
            if done > self.most:
                raise self._too_large(where, f"more than {self.most}")
            hasher.update(view[:count])
            data = view[:count]
            while data:
                data = data[spool.write(data) :]
            self._progress("listing", done, size if size >= 0 else None)
        if not hasher.matches(self._digest.value):
            raise DataUnavailable(f"{where} has other bytes under that name (damaged)")

    def _hasher(self) -> Hasher:
        return new_hasher(Algorithm.MD5)  # of a list as it is, whatever names its files

    def _too_large(self, where: str, size: str) -> FormatError:
        return FormatError(
            f"{self._name} of {where} has {size} bytes; {self.what}s of at most {self.most} are read",
            hint="track the parts of that directory as directories of their own",
        )


def _unnamed(directory: Path) -> BinaryIO:
    """A file without a name; unbuffered, so that closing one on a full disk cannot fail. Raises OSError."""
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=directory))
