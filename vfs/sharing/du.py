"""`du`: bytes of the outs of some revisions, and what they share.

Rule: sizes come from the caches, then from the pointers; nobody is asked. A content counts once in an out, however
often it occurs there. Memory: some 200 bytes for each different content.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from vfs.errors import VfsError
from vfs.sharing.used import Scope, revisions
from vfs.tracking.caches import Caches
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.pointers import Progress


@dataclass(slots=True)
class Usage:
    """One out in one revision; bytes.

    Attributes:
        rev: the revision.
        path: of the out.
        size: of all its contents.
        unique: of contents that no other of the revisions has.
        cached: what of it is in the cache.
        unknown: contents whose size is not known here, and which count as 0.
    """

    rev: str
    path: bytes
    size: int = 0
    unique: int = 0
    cached: int = 0
    unknown: int = 0

    @property
    def shared(self) -> int:
        """Bytes of contents that another of the revisions has too."""
        return self.size - self.unique


def usage(workspace: Workspace, revs: Sequence[str], progress: Progress) -> tuple[list[Usage], int]:
    """The outs of some revisions (of the working tree, if there are none), and the bytes of all their different contents.

    Raises:
        UnknownRevision: Git does not know one.
        VfsError: as `Workspace.survey`.
    """
    rows: list[tuple[Usage, set[Digest]]] = []
    sizes: dict[Digest, tuple[int, bool] | None] = {}
    holders: dict[Digest, str | None] = {}  # the only revision that has it
    for rev in revisions(workspace, Scope(tuple(revs))):
        surveyed = workspace.survey(rev, progress)
        for claim in surveyed.claims.served:
            out = claim.out
            caches = Caches(surveyed.roots.store_of(claim.pointer))
            row = Usage(rev, out.path)
            contents: set[Digest] = {f.digest for f in out.files or () if f.digest is not None}
            hints = {f.digest: f.size for f in out.files or () if f.digest is not None}
            if out.digest is not None and not out.is_tree:
                contents.add(out.digest)
                hints[out.digest] = out.size
            elif out.digest is not None and out.files is None:
                with suppress(VfsError):
                    contents.update(entry.digest for entry in caches.listing(out.digest))
                if not contents:  # its list is not here: all that is known is what the pointer says
                    contents, hints = {out.digest}, {out.digest: out.size}
            for digest in contents:
                if sizes.get(digest) is None:
                    sizes[digest] = _size(caches, digest, hints.get(digest))
                holders[digest] = rev if holders.get(digest, rev) == rev else None
            rows.append((row, contents))
        progress("revisions", len(rows), None)
    for row, contents in rows:
        for digest in contents:
            found = sizes[digest]
            size, here = (0, False) if found is None else found
            row.size += size
            row.unknown += found is None
            row.cached += size if here else 0
            row.unique += size if holders[digest] is not None else 0
    return [row for row, _ in rows], sum(found[0] for found in sizes.values() if found is not None)


def _size(caches: Caches, digest: Digest, hint: int | None) -> tuple[int, bool] | None:
    """Size of a content, and whether it is in the cache."""
    for cache in caches.all:
        size = cache.size(digest)
        if size is not None:
            return size, True
    return None if hint is None else (hint, False)
