"""Where the bytes of entries come from, as values.

An *origin* is the recipe for one class of contents ("objects of this DVC repository"); together
with a blob it gives places (`vfs.workspace.places`). Entries carry the number of their origin in
`Origins`, which numbers equal origins once for all snapshots of a session.

Rule: immutable and hashable; few, but for single files that were imported, which have one each. Dataclasses, because tuples of different
kinds with the same fields would be equal.
"""

import threading
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from vfs.workspace.stores import DvcStore, RemoteRef


@dataclass(frozen=True, slots=True)
class GitOrigin:
    """Blobs of a Git repository, known to the session by its Git directory."""

    git_dir: str


@dataclass(frozen=True, slots=True)
class LfsOrigin:
    """Git LFS objects of a repository; `foreign` if it was cloned from a URL."""

    git_dir: str
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class DvcOrigin:
    """Objects named by MD5 in caches and remotes; `remote` is the out's own, if it names one."""

    store: DvcStore
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class VersionedOrigin:
    """Files of a version-aware remote; notes in the catalog say where each digest lies, by what the pointer `said`."""

    store: DvcStore
    remote: RemoteRef
    said: bytes


@dataclass(frozen=True, slots=True)
class UrlOrigin:
    """`dvc import-url`: the repository's own objects, then the source while it is unchanged.

    Attributes:
        objects: the repository's own.
        source: connection to the parent of the source (its URL is a directory or bucket).
        key: name of the source there.
        etag: as recorded; "" if it was hashed.
        version: as recorded, "" if there is none.
        tree: for a directory, the catalog tree that gives the files' names.
    """

    objects: DvcOrigin
    source: RemoteRef
    key: str
    etag: str = ""
    version: str = ""
    tree: bytes = b""


@dataclass(frozen=True, slots=True)
class ImportRef:
    """A path in another Git repository.

    Attributes:
        base: Git directory of the importing repository (relative URLs start there).
        url: as written.
        revision: commit id, or whatever else was recorded; "" for HEAD.
        path: inside that repository.
        config: entries laid over its configuration, as sorted (section, name, option, value).
        remote: the remote to use there, None for its default.
    """

    base: str
    url: str
    revision: str
    path: bytes
    config: tuple[tuple[str, str, str, str], ...] = ()
    remote: str | None = None

    def at(self, path: bytes) -> "ImportRef":
        """Another path of the same repository and commit."""
        return replace(self, path=path)


@dataclass(frozen=True, slots=True)
class ImportOrigin:
    """`dvc import` with a hash: the repository's own objects, then the source's.

    `tree` is the catalog tree of an imported directory: it gives the files' names.
    """

    objects: DvcOrigin
    source: ImportRef
    tree: bytes = b""


Origin = GitOrigin | LfsOrigin | DvcOrigin | VersionedOrigin | UrlOrigin | ImportOrigin


def stores_of(origin: Origin) -> list[DvcStore]:
    """The DVC stores that an origin reads from."""
    if isinstance(origin, DvcOrigin | VersionedOrigin):
        return [origin.store]
    if isinstance(origin, UrlOrigin | ImportOrigin):
        return [origin.objects.store]
    return []


def directories_of(origin: Origin) -> set[Path]:
    """Directories of this machine that an origin reads from."""
    found = {Path(origin.git_dir)} if isinstance(origin, GitOrigin) else set()
    for store in stores_of(origin):
        found.update(Path(cache) for cache in store.caches)
        found.update(
            Path(remote.directory) for remote in (*store.remotes, *store.packed) if remote.local
        )
    return found


class Origins:
    """All origins of a session, numbered from 0 in the order they were first met; thread-safe."""

    def __init__(self) -> None:
        self._numbers: dict[Origin, int] = {}
        self._all: list[Origin] = []  # only ever grows
        self._newer: dict[int, tuple[int, ...]] = {}
        self._lock = threading.Lock()

    def number(self, origin: Origin) -> int:
        """The number of an origin."""
        with self._lock:
            known = self._numbers.get(origin)
            if known is None:
                known = self._numbers[origin] = len(self._all)
                self._all.append(origin)
            return known

    def all(self) -> Sequence[Origin]:
        """The origins by number; those that are met later are added at its end."""
        return self._all

    def supersede(self, replaced: Iterable[tuple[int, int, bool]], used: Set[int]) -> bool:
        """A snapshot is shown in place of another: its origins are where to look first from now on.

        Args:
            replaced: as `Grafts.replaced` tells.
            used: all origins of the new snapshot; these are up to date.

        Returns:
            Whether `newest_first` answers otherwise than before.
        """
        with self._lock:
            newer = {old: new for old, new in self._newer.items() if old not in used}
            for old, new, same in replaced:
                if old not in used and (same or self._by_digest(old, new)):
                    newer[old] = tuple(dict.fromkeys((*newer.get(old, ()), new)))
            changed = newer != self._newer
            self._newer = newer
            return changed

    def _by_digest(self, *numbers: int) -> bool:
        """Whether origins are asked for objects by digest, so that they cannot give another content."""
        return all(isinstance(self._all[number], DvcOrigin) for number in numbers)

    def newest_first(self, number: int) -> list[int]:
        """Where to look for a content of an origin: what it was replaced by at last, then itself."""
        newer, found = self._newer, list[int]()
        stack, seen = [number], {number}
        while stack:
            one = stack.pop()
            further = [new for new in newer.get(one, ()) if new not in seen]
            seen.update(further)
            stack += reversed(further)
            if one not in newer and one != number:
                found.append(one)
        return [*found, number]
