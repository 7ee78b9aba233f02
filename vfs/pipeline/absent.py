"""What is recorded and not in the working tree: a command in a private view finds it all the same, so it counts as if it lay there.

Rule: digests are those of the records. Only what lies inside a tracked directory needs the list of it, from the cache or a remote.
"""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from vfs.errors import DataUnavailable
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer import parse_pointer
from vfs.formats.pointer_text import Described
from vfs.formats.stage_values import DeclaredOut, Locked, LockedItem
from vfs.formats.values import Out
from vfs.pipeline.nodes import Stage
from vfs.pipeline.stages import lock_of
from vfs.tracking import writes
from vfs.tracking.caches import Caches
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.record import Entries, listed, listing_digest, never_seen, record
from vfs.tracking.status import never_here
from vfs.types import Algorithm, Digest
from vfs.workspace.outs import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotHere:
    """The outs of one working tree that are not in it; thread-safe.

    Args:
        project: of the working tree.
        deleted: also those that were here and are no more.

    Attributes:
        version: another number when the records are others.
    """

    def __init__(self, project: Project, *, deleted: bool = True) -> None:
        self._project = project
        self._deleted = deleted
        self._claims = {
            claim.out.path: claim
            for claim in project.survey.claims.served
            if claim.out.digest is not None and claim.out.files is None
        }
        self._missing: dict[bytes, Claim] | None = None
        self._known: dict[bytes, Described | None] = {}
        self.version = 0

    def made(self, stage: Stage, run: Locked) -> None:
        """A stage has another record now."""
        for out in stage.definition.outs:
            item = run.outs.get(out.written)
            if out.path is None or not out.cached or item is None or item.digest is None:
                continue
            self._claims[out.path] = claim_of(stage, out, item)
        self.version += 1
        self.refresh()

    def committed(self, pointer: bytes) -> None:
        """A pointer says something else now. Raises FormatError, StoreError."""
        data = writes.read(self._project.absolute(pointer)) or b""
        outs = parse_pointer(data, pointer).outs
        known = [out for out in outs if out.digest is not None and out.files is None]
        self._claims |= {out.path: Claim(out, pointer) for out in known}
        self.version += 1
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        self._missing = None
        self._known = {}

    @property
    def missing(self) -> dict[bytes, Claim]:
        """Outs of which nothing is here, by path."""
        found = self._missing
        if found is None:
            claims = list(self._claims.items())
            found = {path: claim for path, claim in claims if self._is_missing(path)}
            self._missing = found
        return found

    def _is_missing(self, path: bytes) -> bool:
        project = self._project
        gone = not os.path.lexists(project.absolute(path))
        return gone and (self._deleted or never_here(project.table, path))

    @property
    def here(self) -> "Iterable[bytes]":
        """Paths of outs of which something is here."""
        return set(self._claims) - self.missing.keys()

    def around(self, paths: "Iterable[bytes]") -> list[Claim]:
        """Outs that are one of some paths, lie in one or have one in it, here or not."""
        among = list(paths)
        claims = list(self._claims.items())
        return [
            claim
            for out, claim in claims
            if any(is_inside(out, path) or is_inside(path, out) for path in among)
        ]

    def of(self, path: bytes) -> Described | None:
        """What the records say of a path; None if nothing at or below it is missing.

        Raises:
            VfsError: a list that is needed cannot be had.
        """
        missing, known = self.missing, self._known
        if not missing:
            return None
        if path not in known:
            known[path] = self._look(path, missing)
        return known[path]

    def check_whole(self, path: bytes) -> None:
        """Refuse a path of which files were never checked out and others were: a view does not show the rest.

        Raises:
            DataUnavailable: there are such files.
            VfsError: a list that is needed cannot be had.
        """
        project = self._project
        for claim in self.around([path]):
            out = claim.out
            if not out.is_tree or not os.path.isdir(project.absolute(out.path)):
                continue
            here = record(project, out.path, out.digest, store=False)
            if here.content.digest == out.digest:
                continue
            names = (out.path + b"/" + name for name in never_seen(project, claim, here.entries))
            gone = [name for name in names if is_inside(name, path)]
            if gone:
                raise DataUnavailable(
                    f"{told(path)} is not all here: {len(gone)} of its files were never checked out, first {told(gone[0])}",
                    hint=f"vfs pull {told(out.path)} brings the rest",
                )

    def read(self, path: bytes, digest: Digest, limit: int) -> bytes:
        """The bytes of a small file that is not here (`of`), from a cache; a remote is asked last.

        Raises:
            DataUnavailable: no place has it.
            ContentMismatch: a cache has something else.
        """
        claim = next(one for one in self.around([path]) if is_inside(path, one.out.path))
        caches = Caches(self._project.store_of(claim))
        if caches.holder(digest) is None:
            from vfs.pipeline.elsewhere import fetch  # with the drivers of remotes

            fetch(self._project, [claim._replace(out=replace(claim.out, path=path, digest=digest, is_tree=False))])  # fmt: skip
        holder = caches.holder(digest)
        if holder is None:
            raise DataUnavailable(
                f"{told(path)} is recorded and cannot be had", hint="vfs pull says why"
            )
        return holder.read(digest, limit=limit)

    def _look(self, path: bytes, missing: dict[bytes, Claim]) -> Described | None:
        owner = path
        while owner and owner not in missing:
            owner = os.path.dirname(owner)
        if owner:
            return self._inside(missing[owner], path)
        below = [claim for out, claim in missing.items() if is_inside(out, path)]
        return self._merged(path, below) if below else None

    def _inside(self, claim: Claim, path: bytes) -> Described | None:
        """An out that is not here, or something in it."""
        out = claim.out
        if path == out.path:
            assert out.digest is not None
            return Described(out.digest, out.is_tree, out.size, out.nfiles, out.executable)
        if not out.is_tree:
            return None
        entries = listed(self._project, claim)
        below = path[len(out.path) + 1 :]
        found = next((digest for name, digest in entries if name == below), None)
        if found is not None:
            return Described(found)
        part = [(n[len(below) + 1 :], d) for n, d in entries if n.startswith(below + b"/")]
        return _directory(part, None) if part else None

    def _merged(self, path: bytes, below: list[Claim]) -> Described:
        """A directory of which only some is here."""
        entries: Entries = []
        size: int | None = 0
        if os.path.isdir(self._project.absolute(path)):
            here = record(self._project, path, None, store=False)
            entries += here.entries
            size = here.content.size
        for claim in below:
            out = claim.out
            name = out.path[len(path) + 1 :]
            size = None if size is None or out.size is None else size + out.size
            if out.is_tree:
                entries += [(name + b"/" + n, d) for n, d in listed(self._project, claim)]
            else:
                assert out.digest is not None
                entries.append((name, out.digest))
        return _directory(entries, size)


def claim_of(stage: Stage, out: DeclaredOut, item: LockedItem) -> Claim:
    """An out in the repository as the lock of a stage says."""
    assert out.path is not None
    new = Out(
        out.path, item.digest, item.is_tree, item.size, item.nfiles, item.executable,
        remote=out.remote, push=out.push,
    )  # fmt: skip
    name = stage.definition.name
    return Claim(new, lock_of(stage.file) if name else stage.file, None, name)


def _directory(entries: Entries, size: int | None) -> Described:
    listing = dump_listing(sorted(entries))
    return Described(listing_digest(listing, Algorithm.MD5), True, size, len(entries))
