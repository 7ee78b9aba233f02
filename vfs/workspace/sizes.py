"""Sizes of objects that nobody recorded: from caches, then from remotes, then kept for ever.

Rule: a `.dir` listing has no sizes. For each unknown digest: stat in the DVC caches; then, remote
by remote, HEAD requests while they are few, else one LIST of the layout's prefix when that takes
fewer round trips. Whatever is found becomes a fact of the catalog; what is not is returned.

Units: sizes in bytes. Memory: the unknown digests as 16-byte strings, nothing per known one.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from vfs import own_mount
from vfs.catalog import Catalog
from vfs.errors import VfsError
from vfs.formats.layout import object_path
from vfs.remotes import Remote
from vfs.types import Algorithm, Digest
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.stores import DvcStore, RemoteRef

MOST_HEADS = 500
"""Up to so many unknown sizes, HEAD requests are cheaper than finding out what is."""
LIST_PAGE = 1000
_LEARN = 50_000
_NAME_LENGTH = 33  # two hexadecimal digits, a slash, thirty more


class Unsized(NamedTuple):
    """What stayed unknown.

    Attributes:
        digests: of the objects.
        reasons: what the places answered, one sentence each.
    """

    digests: set[bytes]
    reasons: tuple[str, ...]


class Sizes:
    """Finds the sizes of objects of one algorithm for one DVC store."""

    def __init__(self, session: Session, store: DvcStore, progress: Progress) -> None:
        self._session = session
        self._catalog: Catalog = session.catalog
        self._store = store
        self._progress = progress

    def find(
        self,
        algorithm: Algorithm,
        unknown: set[bytes],
        time: int,
        *,
        remote: str | None = None,
        caches_only: bool = False,
    ) -> Unsized:
        """Learn the sizes of as many objects as can be found; empties `unknown` as it goes.

        Args:
            algorithm: MD5 or MD5_DOS2UNIX.
            unknown: digest values; consumed.
            time: seconds; when these contents are first seen.
            remote: the out's own remote, asked first.
            caches_only: do not ask remotes.
        """
        total = len(unknown)
        reasons: list[str] = []
        for cache in self._store.caches:
            if unknown:
                self._learn(algorithm, unknown, _scan(cache, algorithm, unknown), time, total)
        for ref in self._store.ordered(remote) if not caches_only else ():
            if unknown and (ref.worktree or not ref.versioned):
                reasons += self._ask(ref, algorithm, unknown, time, total)
        return Unsized(unknown, tuple(reasons))

    def _ask(
        self, ref: RemoteRef, algorithm: Algorithm, unknown: set[bytes], time: int, total: int
    ) -> list[str]:
        try:
            remote = self._session.remote(ref)
            if len(unknown) <= MOST_HEADS or not self._listing_pays(
                remote, ref, algorithm, unknown
            ):
                found = self._heads(remote, ref, algorithm, unknown)
            else:
                found = self._listed(remote, ref, algorithm, unknown)
            self._learn(algorithm, unknown, found, time, total)
        except VfsError as error:
            return [error.message]
        return [f"{remote.url} does not have it"] if unknown else []

    def _heads(
        self, remote: Remote, ref: RemoteRef, algorithm: Algorithm, unknown: set[bytes]
    ) -> Iterator[tuple[bytes, int]]:
        keys = {ref.prefix + object_path(Digest(algorithm, v)): v for v in unknown}
        names = sorted(keys)
        for start in range(0, len(names), LIST_PAGE):
            for key, info in remote.heads(names[start : start + LIST_PAGE]):
                if info is not None:
                    yield keys[key], info.size

    def _listing_pays(
        self, remote: Remote, ref: RemoteRef, algorithm: Algorithm, unknown: set[bytes]
    ) -> bool:
        """Whether a LIST of everything takes fewer round trips than HEADs; looks at 1/256 of it."""
        sample = ref.prefix + _prefixes(algorithm)[0]
        seen = sum(1 for _ in islice(remote.list(sample), LIST_PAGE))
        pages = (
            max(256, seen * 256 // LIST_PAGE)
            if seen >= LIST_PAGE // 4
            else 1 + seen * 256 // LIST_PAGE
        )
        return pages <= len(unknown)

    def _listed(
        self, remote: Remote, ref: RemoteRef, algorithm: Algorithm, unknown: set[bytes]
    ) -> Iterator[tuple[bytes, int]]:
        """Sizes from a LIST, one request chain per two-digit prefix, several at once."""
        head = len(ref.prefix) + len(_head(algorithm))

        def wanted(prefix: str) -> list[tuple[bytes, int]]:
            infos = remote.list(ref.prefix + prefix)
            return _matching((info[:2] for info in infos), head, unknown)

        jobs = max(1, min(8, self._session.settings.jobs))
        with ThreadPoolExecutor(jobs, thread_name_prefix="vfs-list") as pool:
            for part in pool.map(wanted, _prefixes(algorithm)):
                yield from part

    def _learn(
        self,
        algorithm: Algorithm,
        unknown: set[bytes],
        found: Iterator[tuple[bytes, int]],
        time: int,
        total: int,
    ) -> None:
        while part := list(islice(found, _LEARN)):
            self._catalog.learn([(Digest(algorithm, value), size, time) for value, size in part])
            unknown.difference_update([value for value, _ in part])
            self._progress("sizes", total - len(unknown), total)


def _prefixes(algorithm: Algorithm) -> list[str]:
    return [f"{_head(algorithm)}{number:02x}/" for number in range(256)]


def _head(algorithm: Algorithm) -> str:
    return "files/md5/" if algorithm is Algorithm.MD5 else ""


def _matching(
    infos: Iterable[tuple[str, int]], head: int, unknown: set[bytes]
) -> list[tuple[bytes, int]]:
    """Those of the listed objects that are wanted; a key is `ab/cdef…` behind `head` characters.

    By hand, not by `parse_object_path`: a listing may have millions of keys.
    """
    found = []
    for key, size in infos:
        if len(key) == head + _NAME_LENGTH and key[head + 2] == "/":
            name = key[head : head + 2] + key[head + 3 :]
            try:
                value = bytes.fromhex(name)
            except ValueError:
                continue
            if value in unknown and name == name.lower():
                found.append((value, size))
    return found


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
