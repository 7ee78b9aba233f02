"""`checkout`: the DVC cache -> the working tree.

The outs of one revision (the pointers as they lie in the working tree, or those of a commit) are made to hold what their
pointers say. Each out for itself: one that cannot be had, or in which something of the user's would be lost, stays
as it is and is named; the others are done. `vfs.tracking.compare` has the rules.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from vfs.errors import DataUnavailable, ObjectMissing, StoreFull, VfsError, WouldOverwrite
from vfs.mount_table import mounts_below
from vfs.state import FileState, OutState, Placed, StateTable
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Comparison, Plan, Wish, blocking
from vfs.tracking.contents import Content, Contents
from vfs.tracking.former import by_git
from vfs.tracking.gone import Gone, let_go
from vfs.tracking.links import Linker
from vfs.tracking.made import Made
from vfs.tracking.materialise import Materialiser, check_parents, sweep
from vfs.tracking.part import forget_gone
from vfs.tracking.report import Trouble
from vfs.tracking.scan import Scanner
from vfs.tracking.uses import Use, uses
from vfs.types import Algorithm, Digest, Severity
from vfs.workspace import Workspace
from vfs.workspace.outs import COMMIT_IT, UNHASHED
from vfs.workspace.pointers import Progress

MOUNT: Final = "mount"
_SHOWN: Final = 5
_FORMER: Final = 4
"""Versions before this one whose lists are read; lists may be long."""


@dataclass(slots=True)
class Done:
    """What a checkout did.

    Attributes:
        files: that were made or replaced.
        removed: files.
        same: files that were right already.
        kept: files of the user's inside tracked directories, which stay.
        absent: outs and files that were left out, since the cache has no content for them (`How.partial`).
        troubles: outs that stayed as they were, and why.
    """

    files: int = 0
    removed: int = 0
    same: int = 0
    kept: list[bytes] = field(default_factory=list)
    absent: list[bytes] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


class How(NamedTuple):
    """Options of a checkout.

    Attributes:
        link: the kind of link, or `mount`; None: what `cache.type` says, and what is right already stays.
        mount: where a mount shows the revision, for `mount`.
        shown: the commit it shows (hex); "": what the pointers of the working tree say.
        force: replace and remove what is the user's.
        partial: leave out what the cache does not have; it is no failure.
    """

    link: str | None = None
    mount: bytes = b""
    shown: str = ""
    force: bool = False
    partial: bool = False


class Checkout:
    """One run; use it once, in one thread, under the lock."""

    def __init__(
        self, workspace: Workspace, table: StateTable, how: How, progress: Progress
    ) -> None:
        assert workspace.root is not None
        self._workspace = workspace
        self._top = os.fsencode(workspace.root)
        self._table = table
        self._mounts = mounts_below(self._top)
        self._files = FileState(table)
        self._outs = OutState(table)
        self._how = how
        self._progress = progress
        self._linkers: dict[tuple[str, ...], Linker] = {}
        self._made = Made(self._files, self._absolute)
        self._whole: dict[bytes, Digest] = {}  # directories of which all is there
        self._swept: set[bytes] = set()
        self._in_mount: dict[bytes, Digest | None] | None = None
        self.done = Done()

    def run(self, found: Iterable[Use]) -> Done:
        """Check outs out.

        Raises:
            StoreFull: the disk is full; the out that was begun is as it was.
        """
        with Contents(self._top, self._files) as contents:
            for use in found:
                root = os.path.join(self._top, use.root)
                if root not in self._swept:
                    self._swept.add(root)
                    sweep(root)
                try:
                    self._out(use, contents)
                except StoreFull:
                    raise
                except VfsError as error:
                    self.done.troubles.append(Trouble(use.out.path, error))
        self._made.remember()
        for path, listing in self._whole.items():
            self._files.note_whole(path, listing)
        return self.done

    def let_go(self, outs: Iterable[Gone]) -> None:
        """Remove outs whose pointers are gone; those in which something is the user's are kept."""
        for out in outs:
            try:
                count, stays = let_go(self._top, self._table, out)
            except VfsError as error:
                self.done.troubles.append(Trouble(out.path, error))
                continue
            self.done.removed += count
            self.done.kept += [out.path] if stays else []

    def _out(self, use: Use, contents: Contents) -> None:
        path = use.out.path
        check_parents(self._top, path)
        caches = Caches(use.store)
        link = self._linked(path)
        if self._how.link == MOUNT:
            self._mount(use, contents, caches, link)
            return
        if link and self._how.link is None and os.path.exists(self._absolute(path)):
            return  # it shows what its mount shows
        try:
            wishes = self._wishes(use, caches)
        except (DataUnavailable, ObjectMissing):
            if not self._how.partial:
                raise
            self.done.absent.append(path)
            return
        plan = self._plan(use, caches, wishes, [] if link else self._contents(use, contents))
        if link:
            plan.users = []  # the link is ours
        left_out = plan.leave_missing() if self._how.partial else []
        self.done.absent += left_out
        self._refuse(plan)
        if not plan.idle:
            root = os.path.join(self._top, use.root)
            linker = self._linker(use)
            if use.wanted.inside is not None and not _holds_any(self._absolute(path)):
                self._files.forget_below(path)  # it went as a whole: no file of it was deleted
            made = Materialiser(self._top, root).carry_out(plan, path, caches, linker)
            self._made.add(made, plan.place)
            self._forget(plan, path)
        if use.wanted.inside is None and use.out.digest is not None:
            self._outs.note(
                path, Placed(use.out.digest, use.out.is_tree, b"", bool(use.claim.stage))
            )
            if use.out.is_tree and not left_out:
                self._settle(path, use.out.digest, wishes)
        self.done.files += len(plan.place)
        self.done.removed += len(plan.remove)
        self.done.same += plan.same
        self.done.kept += plan.kept
        self._progress("checkout", self.done.files + self.done.same, None)

    def _mount(self, use: Use, contents: Contents, caches: Caches, link: bytes) -> None:
        """A symlink into a mount in the place of an out, whose files are all in the cache."""
        path, digest = use.out.path, use.out.digest
        target = os.path.join(self._how.mount, path)
        if use.wanted.inside is not None:
            raise WouldOverwrite(
                "a part of a directory cannot be a link into a mount", hint="name the directory"
            )
        self._check_shown(path, digest)
        if link != target:
            plan = Plan()
            if not link:
                plan = self._plan(use, caches, {}, self._contents(use, contents))
                if plan.kept and not self._how.force:
                    plan.users += plan.kept
                self._refuse(plan)
            maker = Materialiser(self._top, os.path.join(self._top, use.root))
            maker.link(plan, path, target, caches)
            self._forget(plan, path)
            self.done.files += 1
            self.done.removed += len(plan.remove)
        if digest is not None:
            self._outs.note(path, Placed(digest, use.out.is_tree, target, bool(use.claim.stage)))

    def _check_shown(self, path: bytes, digest: Digest | None) -> None:
        """Refuse a link to what the mount does not show, or shows in another version. Raises DataUnavailable."""
        commit = self._how.shown
        if not commit:
            return
        if self._in_mount is None:
            _, found = uses(self._workspace.survey(commit, self._progress), commit, ())
            self._in_mount = {use.out.path: use.out.digest for use in found}
        if path not in self._in_mount or self._in_mount[path] != digest:
            what = "has another version of it" if path in self._in_mount else "does not have it"
            raise DataUnavailable(
                f"the mount shows commit {commit[:12]}, which {what}",
                hint="commit the pointer, `vfs switch HEAD`, then again",
            )

    # Comparing ------------------------------------------------------------------------------------

    def _wishes(self, use: Use, caches: Caches) -> dict[bytes, Wish]:
        """The recorded files of an out, as far as they are meant."""
        out = use.out
        if out.files is not None:
            named = [f for f in out.files if use.means(f.path)]
            if any(f.digest is None for f in named):
                raise DataUnavailable(
                    "files with versions but without hashes cannot be checked out"
                )
            return {
                out.path + b"/" + f.path: Wish(f.digest, f.executable, f.size)
                for f in named
                if f.digest is not None
            }
        if out.digest is None:
            raise ObjectMissing(UNHASHED, hint=COMMIT_IT)
        if not out.is_tree:
            return {out.path: Wish(out.digest, out.executable, out.size)}
        if caches.holder(out.digest, is_tree=True) is None:
            raise DataUnavailable("its list of files is not in the cache", hint="vfs pull")
        top = out.path + b"/"
        return {
            top + entry.path: Wish(entry.digest, size=entry.size) for entry in use.files(caches)
        }

    def _contents(self, use: Use, contents: Contents) -> Iterable[Content]:
        """What lies there; what cannot be read as content is in the way, or none of our business."""
        scanner = Scanner(self._top, use.root, self._mounts)
        algorithm = use.out.digest.algorithm if use.out.digest is not None else Algorithm.MD5
        found = contents.of(scanner.files(use.out.path), algorithm, progress=self._progress)
        yield from found
        for problem in scanner.problems:
            if problem.code == "ignored" and problem.severity is Severity.BROKEN:
                raise DataUnavailable(problem.message, hint=problem.hint)

    def _plan(
        self,
        use: Use,
        caches: Caches,
        wishes: Mapping[bytes, Wish],
        found: Iterable[Content],
    ) -> Plan:
        top = use.out.path + b"/"

        def meant(path: bytes) -> bool:
            return not path.startswith(top) or use.means(path[len(top) :])

        comparison = Comparison(
            self._top,
            self._mounts,
            caches,
            wishes,
            self._former(use, caches),
            meant,
            relink=self._how.link if self._how.link != MOUNT else None,
            force=self._how.force,
        )
        return comparison.run(found)

    def _former(self, use: Use, caches: Caches) -> Callable[[], Mapping[bytes, Set[Digest]]]:
        """The files of versions that may be those which lie there: of the last checkout, and of where HEAD is and was last."""
        path = use.out.path

        def before() -> Mapping[bytes, Set[Digest]]:
            placed = [self._outs.get(path), *islice(by_git(self._workspace, use.claim), _FORMER)]
            if use.out.digest is not None:
                placed.append(Placed(use.out.digest, use.out.is_tree))
            found: dict[bytes, set[Digest]] = {}
            for digest, is_tree in dict.fromkeys(one[:2] for one in placed if one is not None):
                if not is_tree:
                    found.setdefault(path, set()).add(digest)
                elif caches.holder(digest, is_tree=True) is not None:
                    for entry in caches.listing(digest):
                        found.setdefault(path + b"/" + entry.path, set()).add(entry.digest)
            return found

        return before

    def _refuse(self, plan: Plan) -> None:
        blocked = [at for path in plan.users if (at := blocking(self._top, path)) != path]
        if blocked:
            raise WouldOverwrite(
                f"{_names(list(dict.fromkeys(blocked)))} is in the way, where a directory belongs",
                hint="move it away, or give it up with --force",
            )
        if plan.users:
            raise WouldOverwrite(
                f"{_names(plan.users)} would be lost: the cache does not have what is in there",
                hint="`vfs add` what you changed, move it away, or give it up with --force",
            )
        if plan.missing:
            raise DataUnavailable(
                f"the cache does not have {_names(plan.missing)}",
                hint="vfs pull (or fetch) brings it; --allow-missing goes on without",
            )

    # Remembering ----------------------------------------------------------------------------------

    def _forget(self, plan: Plan, path: bytes) -> None:
        """What a plan removed from an out was not deleted by the user: a later version may list it, and it never was here then."""
        if plan.remove:
            self._files.forget([*(present.path for present in plan.remove), path + b"/"])

    def _settle(self, path: bytes, listing: Digest, wishes: Mapping[bytes, Wish]) -> None:
        """All of an out is there now."""
        if not self._files.is_whole(path, listing):
            start = len(path) + 1
            forget_gone(
                self._files, self._absolute(path), path, lambda: {one[start:] for one in wishes}
            )
        self._whole[path] = listing

    # Pieces ---------------------------------------------------------------------------------------

    def _linked(self, path: bytes) -> bytes:
        """The target of the symlink into a mount that a checkout left at a path; b"" if there is none."""
        placed = self._outs.get(path)
        if placed is None or not placed.link or not os.path.islink(self._absolute(path)):
            return b""
        return placed.link if os.readlink(self._absolute(path)) == placed.link else b""

    def _linker(self, use: Use) -> Linker:
        link = self._how.link
        kinds = use.store.links if link is None else (link,)
        if kinds not in self._linkers:
            self._linkers[kinds] = Linker(kinds, strict=link is not None)
        return self._linkers[kinds]

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._top, path)


def _holds_any(absolute: bytes) -> bool:
    """Whether there is anything but directories."""
    return os.path.lexists(absolute) and (
        not os.path.isdir(absolute) or any(names for _, _, names in os.walk(absolute))
    )


def _names(paths: list[bytes]) -> str:
    shown = ", ".join(path.decode("utf-8", "backslashreplace") for path in paths[:_SHOWN])
    more = len(paths) - _SHOWN
    return shown + (f" and {more} more" if more > 0 else "")
