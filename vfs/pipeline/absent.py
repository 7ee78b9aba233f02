"""What is recorded and not in the working tree: a command in a private view finds it all the same, so it counts as if it lay there.

Rules:

* Digests are those of the records. Only what lies inside a tracked directory, or lacks in it, needs the list of it, from the cache or a remote.
* Of a directory that is here in part only what never was here counts (`vfs.tracking.part`).
"""

import os
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from vfs.errors import DataUnavailable, VfsError
from vfs.formats.dirlisting import dump_listing
from vfs.formats.pointer import parse_pointer
from vfs.formats.pointer_text import Described
from vfs.formats.stage_values import DeclaredOut, Locked, LockedItem
from vfs.formats.values import Out
from vfs.pipeline.nodes import Stage
from vfs.pipeline.stages import lock_of
from vfs.tracking import writes
from vfs.tracking.caches import Caches
from vfs.tracking.part import Part, part_of
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.record import Entries, Recorded, listed, listing_digest, read_below, record
from vfs.tracking.status import never_here
from vfs.tracking.totals import bytes_of
from vfs.types import Algorithm, Digest
from vfs.workspace.outs import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Piece = tuple[Claim, Entries | None]
"""An out of which a command finds what is not here: these files of it, or (None) all."""


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
        self._order: list[bytes] | None = None
        self._listings: dict[Digest, Entries] = {}  # of what is here in part
        self._missing: dict[bytes, Claim] | None = None
        self._parts: dict[bytes, Part | None] = {}
        self._known: dict[bytes, Described | None] = {}
        self._here: dict[
            bytes, int
        ] = {}  # bytes of what is here of a directory that is not all here
        self.version = 0

    def made(self, stage: Stage, run: Locked) -> None:
        """A stage has another record now."""
        for out in stage.definition.outs:
            item = run.outs.get(out.written)
            if out.path is None or not out.cached or item is None or item.digest is None:
                continue
            self._claims[out.path] = claim_of(stage, out, item)
        self._order = None
        self.version += 1
        self.refresh()

    def committed(self, pointer: bytes) -> None:
        """A pointer says something else now. Raises FormatError, StoreError."""
        data = writes.read(self._project.absolute(pointer)) or b""
        outs = parse_pointer(data, pointer).outs
        known = [out for out in outs if out.digest is not None and out.files is None]
        self._claims |= {out.path: Claim(out, pointer) for out in known}
        self._order = None
        self.version += 1
        self.refresh()

    def refresh(self) -> None:
        """Look again."""
        self._missing = None
        self._parts = {}
        self._known = {}
        self._here = {}

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
        try:
            os.lstat(project.absolute(path))
        except NotADirectoryError:
            return False  # something else is where a directory above it would be
        except OSError:
            return self._deleted or never_here(project.table, path)
        return False

    @property
    def here(self) -> "Iterable[Claim]":
        """Outs of which something is here."""
        missing = self.missing
        return [claim for path, claim in list(self._claims.items()) if path not in missing]

    def around(self, paths: "Iterable[bytes]") -> list[Claim]:
        """Outs that are one of some paths, lie in one or have one in it, here or not."""
        found = dict.fromkeys(out for path in paths for out in self._near(path))
        return [self._claims[out] for out in found]

    def _near(self, path: bytes) -> "Iterator[bytes]":
        """`around`, by path."""
        above = path
        while above:
            if above in self._claims:
                yield above
            above = above.rpartition(b"/")[0]
        order = self._order
        if order is None:
            order = self._order = sorted(self._claims)
        top = path + b"/" if path else b""
        for at in range(bisect_left(order, top), len(order)):
            if not order[at].startswith(top):
                return
            yield order[at]

    def part(self, claim: Claim, *, ask: bool = True) -> Part | None:
        """What lacks in an out of which something is here; None if each file of it was here once, or it is no directory.

        Args:
            claim: the out.
            ask: remotes for its list; without it None, too, if that is not here.

        Raises:
            VfsError: its list cannot be had, and it is not what that says.
        """
        out, project, parts = claim.out, self._project, self._parts
        if out.path in parts:
            return parts[out.path]
        found: Part | None = None
        if self._may_lack(out):
            assert out.digest is not None
            try:
                entries = self._listed(claim, out.digest, ask=ask)
            except VfsError:
                if not ask:
                    return None
                if record(project, out.path, out.digest, store=False).content.digest != out.digest:
                    raise
                project.state.note_whole(out.path, out.digest)
            else:
                found = part_of(project, out.path, out.digest, entries)
                if found is not None:
                    self._listings[out.digest] = entries
        parts[out.path] = found
        return found

    def _may_lack(self, out: Out) -> bool:
        """Whether there may be files of an out that never were here, while others are or were."""
        absolute = self._project.absolute(out.path)
        return (
            out.digest is not None
            and out.is_tree
            and os.path.isdir(absolute)
            and not os.path.islink(absolute)
            and not self._project.state.is_whole(out.path, out.digest)
        )

    def _listed(self, claim: Claim, digest: Digest, *, ask: bool) -> Entries:
        if digest in self._listings:
            return self._listings[digest]
        if ask:
            return listed(self._project, claim)
        here = Caches(self._project.store_of(claim)).listing(digest)
        return sorted((entry.path, entry.digest) for entry in here)

    def of(self, path: bytes) -> Described | None:
        """What a command finds at a path; None if that is what lies there.

        Raises:
            VfsError: a list that is needed cannot be had, or what lies there cannot be read.
        """
        known = self._known
        if path not in known:
            known[path] = self._look(path)
        return known[path]

    def size(self, path: bytes) -> int | None:
        """Bytes of what a command finds at a path that is not all here (`of`); None if that is not known. Raises as `part`."""
        total = self._here.get(path, 0)
        for claim, files in self.pieces(path):
            out = claim.out
            if files is None and is_inside(out.path, path):
                more = out.size
            else:
                among = listed(self._project, claim)
                below = path[len(out.path) + 1 :] if is_inside(path, out.path) else b""
                found = (
                    [one for one in among if is_inside(one[0], below)] if files is None else files
                )
                more = bytes_of(Caches(self._project.store_of(claim)), found, among, out.size)
            if more is None:
                return None
            total += more
        return total

    def pieces(self, path: bytes) -> list[Piece]:
        """What a command finds at or below a path that is not here. Raises as `part`."""
        missing, found = self.missing, list[Piece]()
        for out in self._near(path):
            claim = self._claims[out]
            if out in missing:
                found.append((claim, None))
            elif files := self._below(claim, path):
                found.append((claim, files))
        return found

    def _below(self, claim: Claim, path: bytes) -> Entries:
        """Files at or below a path that lack in an out and never were here."""
        below = path[len(claim.out.path) + 1 :]
        if below and _is_file(self._project.absolute(path)):
            return []
        part = self.part(claim)
        return [] if part is None else part.below(below)

    def check_here(self, stage: Stage, *, counted: bool = False) -> None:
        """Refuse a stage whose command would find, in the working tree, a part of what it depends on or goes on with.

        Args:
            stage: it.
            counted: what is not here at all counts as if it were, so it is refused as well.

        Raises:
            DataUnavailable: files never were here, and others are.
            VfsError: as `part`.
        """
        outs = [out.path for out in stage.definition.outs if out.persist and out.path is not None]
        for path in (*stage.dep_paths, *outs):
            for claim, files in self.pieces(path):
                if files is None and counted and path not in outs:
                    raise DataUnavailable(
                        f"stage {stage.address()!r} needs {told(claim.out.path)}, which is not here",
                        hint=f"vfs pull {told(claim.out.path)} brings it",
                    )
                if files:
                    first = told(claim.out.path + b"/" + files[0][0])
                    raise DataUnavailable(
                        f"stage {stage.address()!r} needs {told(path)}, which is not all here: {len(files)} of its files were never checked out, first {first}",
                        hint=f"vfs pull {told(claim.out.path)} brings the rest",
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

    def _look(self, path: bytes) -> Described | None:
        own = self._claims.get(path)
        here: Recorded | None = None
        if own is not None and own.out.path not in self.missing and self._may_lack(own.out):
            here = record(self._project, path, own.out.digest, store=False)
            if here.content.digest == own.out.digest:  # no list is needed, now or later
                self._project.state.note_whole(path, own.out.digest)
                return here.content
        pieces = self.pieces(path)
        if not pieces:
            return None if here is None else here.content
        claim, files = pieces[0]
        if not is_inside(path, claim.out.path):
            return self._merged(path, pieces, self._project.form, None)
        if files is None:
            return self._inside(claim, path)
        below = path[len(claim.out.path) + 1 :]
        if below and files[0][0] == below:
            return Described(files[0][1])
        assert claim.out.digest is not None
        found = self._merged(path, pieces, claim.out.digest.algorithm, here)
        if found.digest == claim.out.digest:
            return found._replace(size=claim.out.size)
        return found

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
        assert out.digest is not None
        return _directory(part, None, out.digest.algorithm) if part else None

    def _merged(
        self, path: bytes, pieces: list[Piece], algorithm: Algorithm, here: Recorded | None
    ) -> Described:
        """A directory of which only some is here; `here`: that, if it was read already."""
        project = self._project
        entries: Entries = []
        size: int | None = 0
        if here is not None and here.content.digest.algorithm is algorithm:
            entries += here.entries
            self._here[path] = here.content.size or 0
        elif os.path.isdir(project.absolute(path)):
            _, size, _ = read_below(project, path, path, algorithm, entries, store=False)
            self._here[path] = size
        start = len(path) + 1 if path else 0
        for claim, files in pieces:
            out = claim.out
            size = None if size is None or files is not None or out.size is None else size + out.size  # fmt: skip
            if not out.is_tree:
                assert out.digest is not None
                entries.append((out.path[start:], out.digest))
                continue
            inside = listed(project, claim) if files is None else files
            entries += [((out.path + b"/" + name)[start:], digest) for name, digest in inside]
        return _directory(entries, size, algorithm)


def claim_of(stage: Stage, out: DeclaredOut, item: LockedItem) -> Claim:
    """An out in the repository as the lock of a stage says."""
    assert out.path is not None
    new = Out(
        out.path, item.digest, item.is_tree, item.size, item.nfiles, item.executable,
        remote=out.remote, push=out.push,
    )  # fmt: skip
    name = stage.definition.name
    return Claim(new, lock_of(stage.file) if name else stage.file, None, name)


def _directory(entries: Entries, size: int | None, algorithm: Algorithm) -> Described:
    listing = dump_listing(sorted(entries))
    return Described(listing_digest(listing, algorithm), True, size, len(entries))


def _is_file(absolute: bytes) -> bool:
    """Whether something lies there that is no directory."""
    return os.path.lexists(absolute) and (os.path.islink(absolute) or not os.path.isdir(absolute))
