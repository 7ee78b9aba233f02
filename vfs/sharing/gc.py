"""`gc`: objects that nothing needs any more leave the DVC cache or a remote.

Steps: mark (`vfs.sharing.keep`); look at what is there; what is younger than the grace period stays, and so do the files of
such a listing, because whoever put it there relies on them; remove listings, then files.

Rules:

* In the cache, what any commit of this machine names goes only if a remote surely has it (`vfs.sharing.surely`); it is asked
  now. Without a remote, or without its answer, it stays.
* On a remote, the whole of every commit stays that no remote-tracking branch has.
* What a pin names stays in the cache. The run-cache is left alone, and so is everything that no digest names.
* A listing goes before its files: whatever has a listing has its files, after a kill at any moment too.
* A remote is collected in two runs a grace period apart, of which the first condemns and the second removes (`vfs.workspace.condemned`); a packed
  one by pointers and packs (`vfs.packed.collect`).

Memory: as `Marks`, and some 200 bytes for each object that goes.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vfs.errors import Unsupported, VfsError
from vfs.git.machine import known_commits, unpushed_commits
from vfs.objects import ObjectCache
from vfs.objects.leftovers import Leftover, removed
from vfs.packed import PackedRemote, Pointer
from vfs.packed.collect import Collector, Garbage
from vfs.sharing.keep import Marks, key_of, project, stores_of
from vfs.sharing.layout import open_layout, open_named, packed_named
from vfs.sharing.leftovers import left_there
from vfs.sharing.pinned import OrPinned, Pinned
from vfs.sharing.plain import PlainRemote
from vfs.sharing.surely import surely
from vfs.sharing.sweep import BATCH, batches, sweep
from vfs.sharing.used import Scope
from vfs.state import Seen, StateTable
from vfs.workspace import Workspace
from vfs.workspace.condemned import Condemned, Object, Stored, fallen
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import RemoteRef

DAY = 86400.0
GRACE_HERE = DAY
"""Seconds; DVC's lock keeps other writers of this repository out, so it is for those of other projects and of a mount."""
GRACE_REMOTE = 14 * DAY
"""Seconds; longer than the longest push, and than a colleague's commit takes to be pushed with Git."""


@dataclass(slots=True)
class Wish:
    """What to collect.

    Attributes:
        scope: what is kept.
        mounts: revisions that mounts of this repository show.
        grace: seconds.
        dry: remove nothing.
        skip_broken: go on where a pointer or listing cannot be read.
        projects: other working trees that share the cache or remote.
    """

    scope: Scope
    mounts: Sequence[str] = ()
    grace: float = GRACE_HERE
    dry: bool = False
    skip_broken: bool = False
    projects: Sequence[Workspace] = ()


@dataclass(slots=True)
class Collected:
    """What was done.

    Attributes:
        place: the cache directory, or the remote.
        removed: what went (or would).
        freed: bytes that frees.
        kept: objects that stay because something needs them.
        young: objects that nothing needs and that stay for their age.
        only_here: objects that only earlier commits name, and that no remote has.
        condemned: what waits since now.
        waiting: what waits since an earlier run.
        due: when the last that waits may be removed (seconds since the epoch).
        notes: what could not be read, or asked.
    """

    place: str
    removed: list[Stored] = field(default_factory=list)
    freed: int = 0
    kept: int = 0
    young: int = 0
    only_here: int = 0
    condemned: list[Stored] = field(default_factory=list)
    waiting: list[Stored] = field(default_factory=list)
    due: float = 0.0
    notes: list[str] = field(default_factory=list)


class Collection:
    """One run; DVC's lock is held by the caller."""

    def __init__(
        self,
        workspace: Workspace,
        table: StateTable,
        wish: Wish,
        progress: Progress,
    ) -> None:
        """Raises Unsupported: there is no working tree."""
        if workspace.root is None:
            raise Unsupported(f"{workspace.name} has no working tree", hint="clone it first")
        self._workspace = workspace
        self._table = table
        self._wish = wish
        self._progress = progress
        self._stores = [s for one in (workspace, *wish.projects) for s in stores_of(one)]

    # The cache ------------------------------------------------------------------------------------

    def caches(self) -> list[Collected]:
        """Collect in the caches of this repository.

        Raises:
            FormatError, DataUnavailable, RemoteUnavailable: what is needed cannot be told; nothing was removed.
            StoreError: something cannot be removed.
        """
        needed = self._needed(unpushed=False)
        own = stores_of(self._workspace)
        done = []
        for directory in dict.fromkeys(path for store in own for path in store.caches):
            cache = ObjectCache(directory)
            stored = (
                Stored(digest, is_tree, found.st_size, max(found.st_mtime, found.st_ctime))
                for digest, is_tree, found in cache.objects()
            )
            old = time.time() - self._wish.grace
            collected, garbage = self._sift(directory, stored, needed, old, whole=False)
            garbage = self._elsewhere(collected, garbage)
            self._take(collected, garbage, cache)
            if not self._wish.dry:
                cache.sweep(everywhere=True)
            done.append(collected)
        return done

    def _elsewhere(self, collected: Collected, garbage: list[Stored]) -> list[Stored]:
        """Without what a commit of this machine names and no remote has."""
        if not garbage:
            return garbage
        known = self._marks(needed=False)
        for one in (self._workspace, *self._wish.projects):
            known.commits(one, known_commits(one.repository.git_dir))
        asked = {one[:2]: one.size for one in garbage if one[:2] in known}
        for ref in self._remotes():
            if not asked:
                break
            self._ask(ref, asked, collected)
        collected.only_here = len(asked)
        return [one for one in garbage if one[:2] not in asked]

    def _ask(self, ref: RemoteRef, asked: dict[Object, int], collected: Collected) -> None:
        """Take from `asked` what a remote surely has."""
        self._progress(f"ask {ref.name}", 0, len(asked))
        try:
            layout = open_layout(self._workspace, ref)
            there = surely(layout, asked, ObjectCache(collected.place))
        except VfsError as error:
            collected.notes.append(f"remote {ref.name} was not asked: {error.message}")
            return
        for one in there:
            del asked[one]

    def _remotes(self) -> Iterable[RemoteRef]:
        return dict.fromkeys(ref for store in self._stores for ref in store.remotes)

    # A remote -------------------------------------------------------------------------------------

    def remote(self, name: str) -> list[Collected]:
        """Collect on the remote of that name (in each DVC repository of the working tree).

        Raises:
            ConfigError: there is none.
            Unsupported: it is of a kind that is not collected.
            FormatError, DataUnavailable, RemoteUnavailable: what is needed cannot be told; nothing was removed.
            RemoteError: it is down, or refuses.
        """
        own = stores_of(self._workspace)
        layouts = open_named(self._workspace, own, name)
        needed = self._needed(unpushed=True)
        return [self._plain(layout, needed) for layout in layouts]

    def packed(self, name: str) -> list[Garbage]:
        """Collect on the packed remotes of that name; none if it is none.

        Raises:
            FormatError, RemoteUnavailable: what is needed cannot be told; no pack was removed.
            RemoteError: it is down, or refuses.
        """
        refs = packed_named(stores_of(self._workspace), name)
        if not refs:
            return []
        wish, session = self._wish, self._workspace.session
        named = self._needed(unpushed=True, listings=False).names
        needed = OrPinned({Pointer(digest, is_tree) for digest, is_tree in named}, self._pins())
        return [
            Collector(
                store := PackedRemote(session.remote(ref)),
                needed,
                now=self._time(store.clock),
                grace=wish.grace,
                dry=wish.dry,
                skip_broken=wish.skip_broken,
                jobs=session.settings.jobs,
                progress=self._progress,
            ).run()
            for ref in refs
        ]

    def _time(self, clock: Callable[[], float]) -> float:
        """By a remote's clock, since the times of what lies there are; a dry run puts nothing there, so it has to take ours."""
        return time.time() if self._wish.dry else clock()

    def _plain(self, layout: PlainRemote, needed: Marks) -> Collected:
        grace, dry = self._wish.grace, self._wish.dry
        now = self._time(layout.clock)
        condemned = layout.condemned(now - grace if grace else math.inf)
        collected, garbage = self._sift(
            layout.url, layout.objects(), needed, now - grace, whole=True
        )
        going = self._due(garbage, condemned, needed) if grace else garbage
        left = set(garbage).difference(going)
        collected.waiting = fallen(sorted(left), condemned.waiting)
        collected.condemned = sorted(left.difference(collected.waiting))
        if collected.condemned or collected.waiting:
            collected.due = grace + (now if collected.condemned else condemned.last)
        if not dry:
            if garbage:
                Seen(self._table, layout.service).forget_remote()  # before anything is gone
            layout.acquit(condemned.void)
            layout.condemn(collected.condemned, now)
            going = sweep(layout, going, needed, self._progress)
            layout.acquit(condemned.ended)
            collected.notes = list(needed.skipped)
        collected.removed, collected.freed = sorted(going), sum(one.size for one in going)
        return collected

    def _due(self, garbage: list[Stored], condemned: Condemned, needed: Marks) -> list[Stored]:
        """What was condemned long enough, less the files of listings that stay."""
        due = fallen(garbage, condemned.due)
        going = {one[:2] for one in due}
        for one in garbage if due else ():
            if one.is_tree and one[:2] not in going:
                needed.rely(one.digest)
        return [one for one in due if one[:2] not in needed]

    def leftovers(self, name: str) -> list[Leftover]:
        """Remove what killed pushes left half-written on the remote of that name, if it is a directory, a day ago or earlier."""
        found = left_there(stores_of(self._workspace), name)
        return found if self._wish.dry else [one for one in found if removed(one)]

    # Both -----------------------------------------------------------------------------------------

    def _needed(self, *, unpushed: bool, listings: bool = True) -> Marks:
        wish = self._wish
        marks = self._marks(needed=True, listings=listings)
        for one in (self._workspace, *wish.projects):
            own = one is self._workspace
            marks.working_trees(one.repository.git_dir)
            marks.scope(one, wish.scope if own else wish.scope._replace(revs=()))
            if own:
                marks.commits(one, wish.mounts)
            if unpushed:
                marks.commits(one, unpushed_commits(one.repository.git_dir))
        return marks

    def _marks(self, *, needed: bool, listings: bool = True) -> Marks:
        skip = self._wish.skip_broken
        return Marks(
            self._workspace,
            self._stores,
            self._progress,
            needed=needed,
            skip_broken=skip,
            listings=listings,
        )

    def _pins(self) -> Pinned:
        return Pinned(self._workspace.store)

    def _sift(
        self,
        place: str,
        stored: Iterable[Stored],
        needed: Marks,
        old_at: float,
        *,
        whole: bool,
    ) -> tuple[Collected, list[Stored]]:
        """What may go and was put by a time; `whole`: whoever finds a list of files here takes them to be here."""
        collected = Collected(place)
        old, young = [], []
        for number, one in enumerate(stored):
            if number % BATCH == 0:
                self._progress("look", number, None)
            if one[:2] in needed:
                collected.kept += 1
            elif not one.modified or one.modified > old_at:
                young.append(one)
            else:
                old.append(one)
        for one in young:
            if one.is_tree:
                needed.rely(one.digest)  # it stays for its age, so its files do
        pins = self._pins()
        for one in old:
            if one.is_tree and one[:2] not in needed and one[:2] in pins:
                needed.objects.add(key_of(*one[:2]))
                if whole:
                    needed.rely(one.digest)
        garbage = [one for one in old if one[:2] not in needed]
        held = pins.files(garbage)
        garbage = [one for one in garbage if one.is_tree or one.digest not in held]
        collected.young = len(young)
        collected.kept += len(old) - len(garbage)
        collected.notes += needed.skipped
        return collected, garbage

    def _take(self, collected: Collected, garbage: list[Stored], cache: ObjectCache) -> None:
        collected.removed = [one for some in batches(garbage) for one in some]
        if self._wish.dry:
            collected.freed = sum(one.size for one in garbage)
            return
        for number, one in enumerate(collected.removed):
            collected.freed += cache.remove(one.digest, is_tree=one.is_tree)
            if number % BATCH == 0:
                self._progress("remove", number, len(garbage))


def projects(workspace: Workspace, directories: Iterable[str]) -> list[Workspace]:
    """Other repositories that share the cache or remote. Raises NotARepository."""
    found = [project(workspace, Path(directory)) for directory in directories]
    return [one for one in found if one.repository.common_dir != workspace.repository.common_dir]
