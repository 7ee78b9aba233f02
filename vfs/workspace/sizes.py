"""Sizes of objects that nobody recorded: from caches, then from remotes, then kept for ever.

Rule: a `.dir` listing has no sizes. For each unknown digest: stat in the DVC caches; then the listing's manifest
on a packed remote; then, remote by remote, what
`vfs.workspace.remote_sizes` asks, and again while a remote gives no answer (`vfs.workspace.patience`). Whatever is found becomes a
fact of the catalog at once, also before an error; what is not is returned.

Units: sizes in bytes. Memory: the unknown digests as 16-byte strings, nothing per known one.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from vfs import own_mount
from vfs.errors import DataUnavailable, RemoteUnavailable, VfsError
from vfs.types import Algorithm, Digest
from vfs.workspace.home_place import home_sizes
from vfs.workspace.patience import BRIEF, PATIENCE, Patience
from vfs.workspace.pointers import Progress
from vfs.workspace.remote_sizes import Taking, take
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef

_LOOKED_UP: Final = 50_000
"""Digests that are looked up at once."""


class Unsized(NamedTuple):
    """What stayed unknown.

    Attributes:
        digests: of the objects.
        reasons: what the places answered, one sentence each.
        silent: a remote that may know them gave no answer in time.
    """

    digests: set[bytes]
    reasons: tuple[str, ...] = ()
    silent: bool = False


class Sizes:
    """Finds the sizes of objects of one algorithm for one DVC store."""

    def __init__(self, session: Session, store: DvcStore, progress: Progress) -> None:
        self._session = session
        self._store = store
        self._progress = progress
        self._patience = PATIENCE.get() or Patience(BRIEF)

    def find(
        self,
        algorithm: Algorithm,
        unknown: set[bytes],
        time: int,
        *,
        remote: str | None = None,
        caches_only: bool = False,
        listing: Digest | None = None,
    ) -> Unsized:
        """Learn the sizes of as many objects as can be found; empties `unknown` as it goes.

        Args:
            algorithm: MD5 or MD5_DOS2UNIX.
            unknown: digest values; consumed.
            time: seconds; when these contents are first seen.
            remote: the out's own remote, asked first.
            caches_only: do not ask remotes.
            listing: the objects are the files of this `.dir`: its manifest on a packed remote has all their sizes.
        """
        taking = Taking(self._session.catalog, algorithm, unknown, time, self._progress)
        reasons: tuple[str, ...] = ()
        for cache in self._store.caches:
            if unknown:
                here = taking.again(f"the DVC cache {cache}")
                here.all(_scan(cache, algorithm, unknown))
                reasons += (refused.message,) if (refused := here.refused()) else ()
        if unknown and self._store.homes[0]:
            taking.again("the working tree").all(home_sizes(self._store, algorithm, unknown))
        if caches_only:
            return Unsized(unknown, reasons)
        for ref in self._store.packed if listing is not None else ():
            if unknown and listing is not None:
                reasons += self._read_manifest(ref, listing, taking, time)
        refs = [r for r in self._store.ordered(remote) if r.worktree or not r.versioned]
        answers = self._rounds(refs, taking)
        reasons += tuple(error.message for error in answers.values())
        return Unsized(unknown, reasons, any(error.retryable for error in answers.values()))

    def _read_manifest(
        self, ref: RemoteRef, listing: Digest, taking: Taking, time: int
    ) -> tuple[str, ...]:
        """Learn the sizes that the manifest of a listing has; why there is none."""
        unknown = taking.unknown
        total = len(unknown)
        catalog = self._session.catalog
        try:
            for known in self._session.packed(ref).sizes(listing, catalog, time):
                self._progress("sizes", min(known, total), total)
        except VfsError as error:
            return (error.message,)
        values = sorted(unknown)
        for start in range(0, total, _LOOKED_UP):
            digests = [Digest(taking.algorithm, v) for v in values[start : start + _LOOKED_UP]]
            facts = catalog.facts_many(digests)
            unknown -= {d.value for d, fact in zip(digests, facts, strict=True) if fact is not None}
        return ()

    def _rounds(self, refs: Sequence[RemoteRef], taking: Taking) -> dict[RemoteRef, VfsError]:
        """Ask every remote, and those that gave no answer again; what each answered last that did not know everything."""
        answers: dict[RemoteRef, VfsError] = {}
        asking, rounds = refs, 0
        while True:
            rounds += 1
            for ref in asking:
                if taking.unknown and (ref not in answers or self._patience.left(ref)):
                    answers[ref] = self._ask(ref, taking.again(f"remote {ref.name} ({ref.shown})"))
            asking = [ref for ref in asking if ref in answers and answers[ref].retryable]
            left = max((self._patience.left(ref) for ref in asking), default=0.0)
            if not taking.unknown or not left:
                return answers if taking.unknown else {}
            stage = self._patience.stage([ref.name for ref in asking], answers[asking[0]])
            self._progress(stage, rounds, None)
            wanted = (getattr(answers[ref], "retry_after", None) for ref in asking)
            self._patience.rest(rounds, left, max((s for s in wanted if s), default=None))

    def _ask(self, ref: RemoteRef, taking: Taking) -> VfsError:
        """Ask one remote; why it did not know everything."""
        where = f"remote {ref.name} ({ref.shown})"
        reasons: list[VfsError] = []
        try:
            remote = self._session.remote(ref)
            if not self._patience.left(ref):
                return RemoteUnavailable(f"{where}: it gave no answer before, and was not asked")
            self._patience.ask(
                ref,
                lambda: take(remote, ref, taking, self._patience, self._session),
                reasons.append,
            )
        except VfsError as error:
            if not error.retryable:
                self._patience.alive(ref)
            return reasons[-1] if error.retryable and reasons else error
        finally:
            taking.leave()
        return taking.refused() or DataUnavailable(f"{where} does not have it")


def _scan(cache: str, algorithm: Algorithm, unknown: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Sizes of the objects that a cache directory has."""
    head = os.path.join(cache, "files", "md5") if algorithm is Algorithm.MD5 else cache
    if own_mount.holds(head) or not os.path.isdir(head):
        return
    groups: dict[str, list[str]] = {}
    for value in unknown:
        name = value.hex()
        groups.setdefault(name[:2], []).append(name[2:])
    for prefix, names in groups.items():
        directory = os.path.join(head, prefix)
        found = _stat_few(directory, names) if len(names) <= 16 else _stat_many(directory, names)
        for name, size in found:
            yield bytes.fromhex(prefix + name), size


def _stat_few(directory: str, names: Sequence[str]) -> list[tuple[str, int]]:
    found = []
    for name in names:
        try:
            status = os.lstat(os.path.join(directory, name))
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((name, status.st_size))
    return found


def _stat_many(directory: str, names: Sequence[str]) -> list[tuple[str, int]]:
    wanted = set(names)
    found = []
    try:
        with os.scandir(directory) as entries:
            found += [
                (entry.name, entry.stat(follow_symlinks=False).st_size)
                for entry in entries
                if entry.name in wanted and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        pass
    return found
