"""Garbage of a packed remote: the steps of `docs/packed.md`, "Many pushers, and gc".

    restore   manifests that were removed and are needed after all come back
    remove    manifests that nothing needs are put aside
    sweep     packs that were condemned long enough, and that no manifest names by now, are deleted
    repack    what lives in mostly dead packs moves to new ones (`vfs.packed.repack`)
    condemn   packs that no manifest names are condemned; a later run sweeps them
    look      what came back is there with its packs, if no other collection came between

Rules: each step may be killed anywhere and done again; each looks at the remote anew. What is younger than the grace period stays as it
is, since its pusher may not be done. A manifest that was put aside keeps its packs for the grace period, too.
Memory: 200 bytes for each pack and manifest, and as `vfs.packed.repack`.
"""

from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from vfs.errors import FormatError, ObjectMissing
from vfs.formats.packs import (
    MANIFESTS,
    REMOVED,
    parse_manifest_key,
    removed_key,
)
from vfs.packed.known import Listed, condemn, condemnations, condemned, list_packs
from vfs.packed.manifest import PackedRemote, Pointer
from vfs.packed.repack import Repacking, victims
from vfs.packed.roots import Roots
from vfs.remotes.base import ObjectInfo, read_body
from vfs.remotes.bulk import in_threads


@dataclass(slots=True)
class Garbage:
    """What a collection did, or would.

    Attributes:
        place: the remote.
        removed: manifests that were put aside.
        restored: manifests that came back.
        swept: packs that were deleted.
        repacked: packs whose living chunks moved.
        moved: bytes that this wrote.
        condemned: packs that wait since now.
        waiting: packs that wait since an earlier run.
        due: when the last that waits may be swept (seconds since the epoch).
        spared: condemned packs that a manifest names by now.
        kept: packs that are needed.
        young: manifests and packs that nothing needs and that stay for their age.
        notes: what could not be read.
    """

    place: str
    removed: list[ObjectInfo] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    swept: list[Listed] = field(default_factory=list)
    repacked: list[Listed] = field(default_factory=list)
    moved: int = 0
    condemned: list[Listed] = field(default_factory=list)
    waiting: list[Listed] = field(default_factory=list)
    due: float = 0.0
    spared: int = 0
    kept: int = 0
    young: int = 0
    notes: list[str] = field(default_factory=list)


class Collector:
    """One run; one thread.

    Args:
        store: the remote.
        needed: pointers that are kept, whatever their age.
        now: seconds since the epoch.
        grace: seconds.
        dry: change nothing.
        skip_broken: a manifest that cannot be read names nothing, and is noted.
        jobs: requests at once.
        progress: told (step, done, None).
    """

    def __init__(
        self,
        store: PackedRemote,
        needed: Container[Pointer],
        *,
        now: float,
        grace: float,
        dry: bool = False,
        skip_broken: bool = False,
        jobs: int = 8,
        progress: Callable[[str, int, int | None], object] = lambda step, done, total: None,
    ) -> None:
        self._store = store
        self._remote = store.remote
        self._needed = needed
        self._now = now
        self._grace = grace
        self._dry = dry
        self._jobs = jobs
        self._progress = progress
        self._dead: set[str] = set()
        self.did = Garbage(store.remote.url)
        self._roots = Roots(store, jobs, self._skip if skip_broken else None)

    def run(self) -> Garbage:
        """All steps.

        Raises:
            FormatError: a manifest or a condemned object is damaged, so it is not known what it keeps.
            RemoteError: the remote is down, or refuses.
        """
        steps = (self.restore, self.remove, self.sweep, self.repack, self.condemn, self.look_again)
        for step in steps:
            self._progress(step.__name__, 0, None)
            step()
        return self.did

    # Manifests ------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put back what was removed while somebody relied on it. Raises as `run`."""
        here = {info.key for info in self._remote.list(MANIFESTS)}
        packs: set[bytes] | None = None
        for pointer, info in self._aside():
            if pointer not in self._needed or pointer.key in here:
                continue
            if packs is None:
                packs = {entry.pack.id for entry in list_packs(self._store)}
            if not self._roots.packs([info]) <= packs:
                self._note(f"{pointer.key} is needed, but its packs are gone: `vfs push` it")
            elif not self._dry:
                with suppress(ObjectMissing):  # another collection swept it meanwhile
                    data = read_body(self._remote.get(info.key), info.size)
                    self._remote.put(pointer.key, bytes(data), if_absent=True)
            self.did.restored.append(pointer.key)

    def look_again(self) -> None:
        """What came back while another collection, which does not know who needs it, swept its packs, goes again. Raises as `run`."""
        if self._dry or not self.did.restored:
            return
        back = [info for info in self._manifests() if info.key in self.did.restored]
        packs = {entry.pack.id for entry in list_packs(self._store)}
        for info in back:
            if not self._roots.packs([info]) <= packs:
                self._remote.delete([info.key])
                self._note(f"{info.key} is needed, but its packs went meanwhile: `vfs push` it")

    def remove(self) -> None:
        """Put aside the manifests that nothing needs. Raises as `run`."""
        dead = {}
        for info in self._manifests():
            found = parse_manifest_key(info.key)
            if found is None or Pointer(*found) in self._needed:
                continue
            if self._old(info.modified):
                dead[info.key] = info
            else:
                self.did.young += 1
        if self._dry:
            self._dead = set(dead)
            self.did.removed = list(dead.values())
            return
        for key, gone in in_threads(lambda key: self._put_aside(dead[key]), list(dead), self._jobs):
            if gone:
                self.did.removed.append(dead[key])
                self._progress("remove", len(self.did.removed), None)

    def _put_aside(self, info: ObjectInfo) -> bool:
        """False if it was pushed anew, or removed by somebody else, meanwhile."""
        try:
            data = read_body(self._remote.get(info.key), info.size)
        except ObjectMissing:
            return False
        self._remote.put(removed_key(info.key), bytes(data))
        if info not in self._remote.list(info.key):
            return False
        self._remote.delete([info.key])
        return True

    # Packs ----------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Delete what was condemned long enough. Raises as `run`."""
        due: list[tuple[ObjectInfo, frozenset[bytes]]] = []
        waiting: list[tuple[ObjectInfo, frozenset[bytes]]] = []
        for one in condemnations(self._remote):
            (due if self._old(one[0].modified) else waiting).append(one)
        listed = {entry.pack.id: entry for entry in list_packs(self._store)}
        for info, ids in waiting:
            self.did.waiting += [listed[one] for one in sorted(ids) if one in listed]
            self.did.due = max(self.did.due, info.modified + self._grace)
        named = self._roots.packs(self._manifests() if due else ())
        aside = [info for _, info in self._aside()]  # a manifest is copied there before it goes
        ended = {info.key for info in aside if self._old(info.modified)}
        if due:
            named |= self._roots.packs(info for info in aside if info.key not in ended)
            gone = {one for _, ids in due for one in ids if one in listed}
            self.did.spared = len(gone & named)
            named |= self._roots.packs(self._manifests())  # reading took a while
            self.did.swept = [listed[one] for one in sorted(gone - named)]
        if not self._dry:
            self._remote.delete([entry.pack.key for entry in self.did.swept])
            self._remote.delete([info.key for info, _ in due])
            self._remote.delete(ended)

    def repack(self) -> None:
        """Move what lives in mostly dead packs to new ones. Raises as `run`."""
        gone = condemned(self._store)
        old = [
            entry
            for entry in list_packs(self._store)
            if entry.pack.id not in gone and self._old(entry.modified)
        ]
        infos = list(self._living())
        found = victims(self._roots, infos, old, self._jobs)
        self.did.repacked = list(found)
        if found and not self._dry:
            repacking = Repacking(self._store, found, gone, self._jobs, self._note)
            self.did.moved = repacking.run(self._roots, infos)

    def condemn(self) -> None:
        """Condemn what no manifest names. Raises as `run`."""
        gone = condemned(self._store)
        listed = [entry for entry in list_packs(self._store) if entry.pack.id not in gone]
        named = self._roots.packs(self._living())
        if self._dry:
            named -= {entry.pack.id for entry in self.did.repacked}
        for entry in listed:
            if entry.pack.id in named:
                self.did.kept += 1
            elif self._old(entry.modified):
                self.did.condemned.append(entry)
            else:
                self.did.young += 1
        if self._dry:
            return
        condemn(self._remote, [entry.pack.id for entry in self.did.condemned], self._now)
        if self.did.condemned:
            self.did.due = self._now + self._grace

    # Pieces ---------------------------------------------------------------------------------------

    def _manifests(self) -> list[ObjectInfo]:
        listed = self._remote.list(MANIFESTS)
        return [info for info in listed if parse_manifest_key(info.key) is not None]

    def _living(self) -> Iterator[ObjectInfo]:
        return (info for info in self._manifests() if not self._dry or info.key not in self._dead)

    def _aside(self) -> list[tuple[Pointer, ObjectInfo]]:
        """Manifests that were removed."""
        listed = ((parse_manifest_key(info.key), info) for info in self._remote.list(REMOVED))
        return [(Pointer(*found), info) for found, info in listed if found is not None]

    def _old(self, modified: float) -> bool:
        return 0 < modified <= self._now - self._grace

    def _note(self, text: str) -> None:
        self.did.notes.append(text)

    def _skip(self, error: FormatError) -> None:
        self._note(f"{error.message}: it keeps nothing")
