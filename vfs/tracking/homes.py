"""Working files that are the home of their contents, as a cache that is only read (`vfs.state.homes`).

    homes = home_cache(store)          # None if nothing was ever added with --no-copy
    caches = Caches(store, [homes])    # for who reads contents; who decides what may go asks the real caches alone

Rule: what changed since it was hashed is not there; `changed` tells where it was. A file of which only the times changed is hashed
again, once, and stays the home.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from vfs.errors import DataUnavailable, VfsError
from vfs.objects import ObjectCache, fingerprint, hash_source
from vfs.objects.source import open_source
from vfs.state.homes import Home, Homes, holds, homes_directory, homes_of
from vfs.types import Digest
from vfs.workspace.stores import DvcStore


class HomeCache(ObjectCache):
    """See the module; its directory is the working tree."""

    mends = "it changed since it was added: vfs add --no-copy records what it holds now"

    def __init__(self, top: str, homes: Homes) -> None:
        super().__init__(top)
        self.homes = homes
        self._top = os.fsencode(top).rstrip(b"/")

    def __reduce__(self) -> NoReturn:
        raise TypeError("the table of homes stays in its process")

    def home(self, digest: Digest) -> Home | None:
        """The record of a content whose home still holds it."""
        return self.intact([digest])[0]

    def intact(self, digests: Sequence[Digest]) -> list[Home | None]:
        """`home` of each."""
        found = zip(digests, self.homes.find(digests), strict=True)
        return [self._revived(digest, home) if home is not None else None for digest, home in found]

    def _revived(self, digest: Digest, home: Home) -> Home | None:
        if holds(self._top, home):
            return home
        path = self._top + b"/" + home.path
        try:
            now = fingerprint(os.lstat(path))
            if now.size != home.fingerprint.size:
                return None
            held, now = hash_source(path, digest.algorithm)
        except (OSError, VfsError):
            return None
        if held != digest:
            return None
        home = home._replace(fingerprint=now)
        if not self.homes.readonly:
            self.homes.keep([(digest, home)])
        return home

    def changed(self, digest: Digest) -> bytes:
        """The file that was the only place of a content which no remote had, if it changed; b"" if not."""
        home = self.homes.find([digest])[0]
        lost = home is not None and not home.pushed and self._revived(digest, home) is None
        return home.path if home is not None and lost else b""

    def pushed(self, digest: Digest) -> bool:
        """Whether a content had its home here and a remote has it."""
        home = self.homes.find([digest])[0]
        return home is not None and home.pushed

    # As a cache -----------------------------------------------------------------------------------

    def path(self, digest: Digest, *, is_tree: bool = False) -> str:
        """The file; one that cannot be if there is none."""
        home = None if is_tree else self.homes.find([digest])[0]
        return os.fsdecode(self._top + b"/" + (home.path if home is not None else b".dvc/none"))

    def size(self, digest: Digest, *, is_tree: bool = False) -> int | None:
        """Bytes of a content that is at home; None if it is not."""
        home = None if is_tree else self.home(digest)
        return None if home is None else home.fingerprint.size

    def trusted(self, digest: Digest, *, is_tree: bool = False, size: int | None = None) -> bool:
        """Whether it is at home: it was hashed when it was recorded."""
        return not is_tree and self.home(digest) is not None

    def open(self, digest: Digest, *, is_tree: bool = False) -> int:
        """A descriptor of the file. Raises DataUnavailable: it is not at home."""
        home = None if is_tree else self.home(digest)
        if home is not None:
            descriptor, found = open_source(self._top + b"/" + home.path)
            if fingerprint(found) == home.fingerprint:
                return descriptor
            os.close(descriptor)
        raise DataUnavailable(f"{self.path(digest)} does not hold {digest} any more")


def home_cache(store: DvcStore, *, make: bool = False) -> HomeCache | None:
    """The homes of the working tree that a store belongs to. Raises StoreError."""
    top, git_dir = store.homes
    homes = homes_of(homes_directory(Path(git_dir)), make=make) if top else None
    return None if homes is None else HomeCache(top, homes)
