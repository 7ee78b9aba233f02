"""The working tree as one more place to heal a cache from: what lies at a pointer's path may be what an object should hold.

Rule: it is hashed on the way, so nothing but bytes of the right digest gets into the cache.
"""

import io
import os
from collections.abc import Iterable, Set
from contextlib import suppress

from vfs.errors import ContentMismatch, DataUnavailable, UnsafePath, VfsError
from vfs.formats.dirlisting import dump_listing
from vfs.objects.source import open_source
from vfs.state import FileState, spare_table
from vfs.tracking.caches import Caches
from vfs.tracking.contents import Contents
from vfs.tracking.scan import Scanner
from vfs.tracking.uses import Use
from vfs.types import Digest
from vfs.workspace import Workspace


class WorkingTree:
    """Blocking and thread-safe.

    Args:
        workspace: the repository; one without a working tree has nothing.
        uses: whose paths are looked at.
        caches: what is healed; lists of files are read there.
        wanted: contents of files that may be asked for.
    """

    def __init__(
        self, workspace: Workspace, uses: Iterable[Use], caches: Caches, wanted: Set[Digest]
    ) -> None:
        self._git_dir = workspace.repository.git_dir
        self._top = b"" if workspace.root is None else os.fsencode(workspace.root)
        self._home = caches.home
        self._trees: dict[Digest, dict[bytes, Use]] = {}
        self._files: dict[Digest, dict[bytes, None]] = {}
        for use in uses if self._top else ():
            digest, path = use.out.digest, use.out.path
            if digest is None or os.path.islink(self._top + b"/" + path):
                continue  # it leads to the cache, or to a mount
            if use.out.is_tree:
                self._trees.setdefault(digest, {})[path] = use
                self._inside(caches, digest, path, wanted)
            elif digest in wanted:
                self._files.setdefault(digest, {})[path] = None

    def _inside(self, caches: Caches, listing: Digest, above: bytes, wanted: Set[Digest]) -> None:
        """Note where a directory has what is wanted."""
        with suppress(VfsError):
            for entry in caches.listing(listing) if wanted else ():
                if entry.digest in wanted:
                    self._files.setdefault(entry.digest, {})[above + b"/" + entry.path] = None

    def heal(self, digest: Digest, *, is_tree: bool) -> bool:
        """Put an object into the cache, if the working tree has its bytes; raises StoreFull, StoreError."""
        if is_tree:
            return any(self._list(digest, use) for use in self._trees.get(digest, {}).values())
        return any(self._file(digest, path) for path in self._files.get(digest, ()))

    def _file(self, digest: Digest, path: bytes) -> bool:
        with suppress(DataUnavailable, ContentMismatch):
            descriptor, _ = open_source(self._top + b"/" + path)
            with open(descriptor, "rb", buffering=0) as file:
                self._home.receive(digest, lambda view: file.readinto(view) or 0)
            return True
        return False

    def _list(self, digest: Digest, use: Use) -> bool:
        """Put the list that a directory would have now, if it is the wanted one."""
        cut = len(use.out.path) + 1
        with (
            suppress(DataUnavailable, ContentMismatch, UnsafePath),
            spare_table(self._git_dir) as table,
            Contents(self._top, FileState(table)) as contents,
        ):
            files = Scanner(self._top, use.root).files(use.out.path)
            found = contents.of(files, digest.algorithm)
            data = dump_listing((one.file.path[cut:], one.digest) for one in found)
            self._home.receive(digest, io.BytesIO(data).readinto, is_tree=True)
            return True
        return False
