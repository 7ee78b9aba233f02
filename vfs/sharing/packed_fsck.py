"""`fsck` of a packed remote: what it lacks or has wrong, by names of its objects, and its repair (`vfs.sharing.fsck` has the words).

Repair pushes the pointers anew that are concerned, past damaged packs: from the caches, the chunk store, or another remote;
what is whole on the remote is taken over. A pack that stays damaged and that no manifest names is condemned, so that no push
counts on it.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from vfs.errors import FormatError, ObjectMissing
from vfs.formats.packs import CONDEMNED, MANIFESTS, parse_manifest_key
from vfs.packed import PackedRemote, Pointer
from vfs.packed.check import Check
from vfs.packed.collect import Collector
from vfs.packed.known import condemn, condemned_by, condemning
from vfs.packed.roots import Roots
from vfs.sharing.elsewhere import Elsewhere
from vfs.sharing.fsck import ALTERED, LEFTOVER, ORPHAN, UNREADABLE, goes
from vfs.sharing.keep import everything
from vfs.sharing.packed_push import PackedPush, Wrong
from vfs.sharing.used import Used
from vfs.tracking.caches import Caches
from vfs.tracking.parallel import each_told
from vfs.tracking.report import Report
from vfs.tracking.uses import Use
from vfs.workspace import Workspace
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import DvcStore, RemoteRef


@dataclass(slots=True)
class PackedFinding:
    """As `vfs.sharing.fsck.Finding`, of an object of a packed remote: `name` is its key."""

    name: str
    what: str
    path: bytes = b""
    size: int = 0
    repaired: bool = False
    why: str = ""

    @property
    def wrong(self) -> bool:
        """Whether it is still wrong."""
        return self.what not in (ORPHAN, LEFTOVER) and not self.repaired


class PackedFsck:
    """One run; DVC's lock is held by the caller if it repairs.

    Args:
        workspace: the repository.
        ref: the remote.
        used: what is needed.
        content: read every pack.
        progress: told (stage, done, total or None).
    """

    def __init__(
        self,
        workspace: Workspace,
        ref: RemoteRef,
        used: Used,
        progress: Progress,
        *,
        content: bool,
    ) -> None:
        self._workspace = workspace
        self._ref = ref
        self._store = PackedRemote(workspace.session.remote(ref))
        self._content = content
        self._progress = progress
        self._jobs = workspace.settings.jobs
        self._uses: dict[Pointer, Use] = {}
        for use in used.uses:
            if use.out.digest is not None and not use.versioned and goes(use, ref.name):
                self._uses.setdefault(Pointer(use.out.digest, use.out.is_tree), use)
        self._unnamed: set[bytes] = set()
        self._check: Check | None = None

    def check(self) -> list[PackedFinding]:
        """What is wrong. Raises RemoteError: it is down or refuses."""
        found: list[PackedFinding] = []

        def work(stage: str, items: Iterable[object], one: Callable[..., object]) -> None:
            for item, error in each_told(list(items), one, self._jobs, self._progress, stage):
                found.append(PackedFinding(_name(item, run), UNREADABLE, why=error.message))

        run = self._check = Check(self._store, work)
        run.run(self._uses, content=self._content)
        for pointer, (what, why) in run.manifests.items():
            path = self._uses[pointer].out.path
            found.append(PackedFinding(pointer.key, what, path, why=why))
        gone = self._condemned(found)
        named = self._named(found)
        paths = {pack.id: self._uses[pointer].out.path for pack, pointer in run.named.items()}
        keys = {pack.id: pack.key for pack in run.named}
        self._unnamed = set(run.packs) - named if named is not None else set()
        for one, (what, why) in run.damaged.items():
            if one in gone and one in self._unnamed:
                continue
            entry = run.packs.get(one)
            key, size = (entry.pack.key, entry.size) if entry else (keys[one], 0)
            found.append(PackedFinding(key, what, paths.get(one, b""), size, why=why))
        orphans = self._unnamed - gone - set(run.damaged)
        some = (run.packs[one] for one in sorted(orphans))
        return found + [PackedFinding(e.pack.key, ORPHAN, size=e.size) for e in some]

    def _condemned(self, found: list[PackedFinding]) -> set[bytes]:
        """Packs that are condemned; damaged objects that should say so are noted."""
        gone: set[bytes] = set()
        for info in condemning(self._store.remote):
            try:
                gone |= condemned_by(self._store.remote, info)
            except ObjectMissing:
                continue
            except FormatError as error:
                found.append(PackedFinding(info.key, ALTERED, size=info.size, why=error.message))
        return gone

    def _named(self, found: list[PackedFinding]) -> set[bytes] | None:
        """Packs that any manifest names, None if one of them cannot be read; manifests that no commit names are noted."""
        known = everything(self._workspace, self._progress, listings=False).names
        broken: list[FormatError] = []
        infos = []
        for info in self._store.remote.list(MANIFESTS):
            pointer = parse_manifest_key(info.key)
            if pointer is None:
                continue
            infos.append(info)
            if pointer not in known and Pointer(*pointer) not in self._uses:
                found.append(PackedFinding(info.key, ORPHAN, size=info.size))
        named = Roots(self._store, self._jobs, broken.append).packs(infos)
        return None if broken else named

    # Repair ---------------------------------------------------------------------------------------

    def repair(self, found: list[PackedFinding]) -> None:
        """Mend what can be mended; the findings are told. Raises RemoteError."""
        run = self._check
        assert run is not None
        if not any(one.wrong for one in found):
            return
        for one in found:
            if one.wrong and one.name.startswith(CONDEMNED):
                self._store.remote.delete([one.name])  # who lists its packs finds them again
        Collector(self._store, set(self._uses), now=time.time(), grace=0).restore()
        wrong = Wrong(frozenset(run.damaged), frozenset(run.manifests))
        report = Report()
        for store, uses in self._concerned():
            caches = Caches(store)
            with closing(Elsewhere(self._workspace, store, self._ref)) as elsewhere:
                push = PackedPush(
                    self._workspace,
                    self._ref,
                    caches,
                    elsewhere,
                    report,
                    self._progress,
                    verify=True,
                    wrong=wrong,
                )
                push.push(uses)
        left = {one.name for one in self.check() if one.wrong} - self._give_up(wrong.packs)
        for one in found:
            one.repaired = one.what != ORPHAN and one.name not in left
            if one.wrong:
                troubles = (t for t in report.troubles if _inside(t.path, one.path))
                one.why = next((t.error.message for t in troubles), one.why)

    def _concerned(self) -> Iterator[tuple[DvcStore, list[Use]]]:
        """The outs of the scope, by store; the push itself sees which are whole."""
        groups: dict[DvcStore, list[Use]] = {}
        for use in self._uses.values():
            groups.setdefault(use.store, []).append(use)
        return iter(groups.items())

    def _give_up(self, damaged: frozenset[bytes]) -> set[str]:
        """Condemn damaged packs that are still there and that nothing names any more; their keys."""
        run = self._check
        assert run is not None
        lost = damaged & set(run.packs) & self._unnamed
        condemn(self._store.remote, lost, time.time())
        return {run.packs[one].pack.key for one in lost}


def _name(item: object, run: Check) -> str:
    """The key of something that was being checked."""
    if isinstance(item, bytes):
        return run.packs[item].pack.key
    return str(getattr(item, "key", item))


def _inside(path: bytes, top: bytes) -> bool:
    return bool(top) and (path == top or path.startswith(top + b"/"))
