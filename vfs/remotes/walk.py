"""Listing a tree of directories in the order of its keys, for stores that know directories only.

Rule: directories ahead are read in threads while earlier ones are handed out, so that a high latency
is paid for many at once; at most `jobs` requests are under way. They belong to the caller's context.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

from vfs.errors import ObjectMissing
from vfs.remotes.base import ObjectInfo
from vfs.remotes.keys import key_problem

TEMPORARY = ".vfs-put-"
"""Names that begin so are uploads under way, and no objects."""


class Named(NamedTuple):
    """An entry of a directory; `size`, `etag` and `modified` are those of a file."""

    name: str
    is_directory: bool
    size: int = 0
    etag: str = ""
    modified: float = 0.0


ReadDirectory = Callable[[str], Sequence[Named]]


def walk(
    read: ReadDirectory, prefix: str = "", after: str = "", jobs: int = 8
) -> Iterator[ObjectInfo]:
    """As `Remote.list`.

    Args:
        read: the entries of a directory ("" is the root), in any order; raises `ObjectMissing`.
        prefix: of the keys.
        after: the key behind which to go on.
        jobs: directories that are read at once.
    """
    top, _, start = prefix.rpartition("/")
    if top and key_problem(top):
        return
    with ThreadPoolExecutor(max(1, jobs), "vfs-walk") as pool:
        try:
            yield from _Walk(read, after.encode(), pool, jobs).below(
                pool.submit(copy_context().run, read, top), top, start
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Walk:
    def __init__(
        self, read: ReadDirectory, after: bytes, pool: ThreadPoolExecutor, jobs: int
    ) -> None:
        self._read = read
        self._after = after
        self._pool = pool
        self._jobs = jobs

    def below(
        self, listing: Future[Sequence[Named]], directory: str, start: str = ""
    ) -> Iterator[ObjectInfo]:
        """Objects in and below a directory, of the entries whose name begins with `start`."""
        try:
            found = listing.result()
        except ObjectMissing:
            return
        stem = f"{directory}/" if directory else ""
        wanted = self._wanted(found, stem, start)
        ahead: deque[Future[Sequence[Named]]] = deque()
        directories = iter([stem + entry.name for entry in wanted if entry.is_directory])
        for entry in wanted:
            key = stem + entry.name
            if not entry.is_directory:
                yield ObjectInfo(key, entry.size, entry.etag, modified=entry.modified)
                continue
            for name in directories:
                ahead.append(self._pool.submit(copy_context().run, self._read, name))
                if len(ahead) >= self._jobs:
                    break
            yield from self.below(ahead.popleft(), key)

    def _wanted(self, found: Sequence[Named], stem: str, start: str) -> list[Named]:
        """In the order of the keys; without what `after` says was given already."""
        ordered = []
        for entry in found:
            name = entry.name
            if not name.startswith(start) or name.startswith(TEMPORARY) or key_problem(stem + name):
                continue
            full = (stem + name).encode() + (b"/" if entry.is_directory else b"")
            past = full >= self._after[: len(full)] if entry.is_directory else full > self._after
            if past:
                ordered.append((full, entry))
        return [entry for _, entry in sorted(ordered)]
