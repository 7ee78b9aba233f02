"""`fsck`: is everything there that should be, and is it what its name says? In the DVC caches, or on a remote.

What is found, by name:

* *missing*: a pointer or listing of the scope names it, and it is not there;
* *altered*: the bytes are not those of the name (*truncated*: none at all, or fewer than are known to belong there);
* *unreadable*: it could not be looked at;
* *condemned*: a collection of the remote is about to remove it (`vfs.workspace.condemned`); repair puts it again;
* *orphan*: no commit or working tree of this machine names it. Nothing is wrong with that; `gc` removes it;
* *leftover*: a temporary file of a push to a directory that was killed, a day old; `gc` removes it.

Rules: without `content`, only what is suspicious is hashed: listings, files that are not marked as verified (mode
0444), empty ones, and those whose size here, there and in the pointer differ. Repair takes nothing but bytes of the right digest.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from vfs.errors import DataUnavailable, VfsError
from vfs.formats.layout import object_path
from vfs.objects import ObjectCache
from vfs.objects.leftovers import Leftover
from vfs.sharing.from_tree import WorkingTree
from vfs.sharing.keep import Marks, everything, stores_of
from vfs.sharing.layout import open_layout, open_named, packed_named
from vfs.sharing.leftovers import left_there
from vfs.sharing.plain import PlainRemote
from vfs.sharing.push import pushed
from vfs.sharing.surely import altered
from vfs.sharing.used import Used
from vfs.state import CleanOuts, FileState, spare_table
from vfs.tracking.caches import Caches
from vfs.tracking.parallel import each_told
from vfs.tracking.uses import Use
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.condemned import Object, fallen
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import DvcStore, RemoteRef

MISSING, TRUNCATED, ALTERED, UNREADABLE = "missing", "truncated", "altered", "unreadable"
CONDEMNED: Final = "condemned"
ORPHAN: Final = "orphan"
LEFTOVER: Final = "leftover"


@dataclass(slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        digest: the object.
        is_tree: it is a listing.
        what: see the module.
        path: of the repository, that needs it; b"" if none is known.
        size: bytes that are there.
        repaired: it is as it should be by now.
        why: what was found, or why it was not repaired.
    """

    digest: Digest
    is_tree: bool
    what: str
    path: bytes = b""
    size: int = 0
    repaired: bool = False
    why: str = ""

    @property
    def name(self) -> str:
        """Of the object, relative to its place."""
        return object_path(self.digest, is_tree=self.is_tree)

    @property
    def wrong(self) -> bool:
        """Whether it is still wrong."""
        return self.what != ORPHAN and not self.repaired


class Fsck:
    """One run; DVC's lock is held by the caller if it repairs.

    Args:
        workspace: the repository.
        used: what is needed.
        content: hash everything.
        progress: told (stage, done, total or None).

    Attributes:
        unlisted: a list of files cannot be read, so what no commit names is not known.
    """

    def __init__(
        self, workspace: Workspace, used: Used, progress: Progress, *, content: bool
    ) -> None:
        self._workspace = workspace
        self._used = used
        self._content = content
        self._progress = progress
        self._jobs = workspace.settings.jobs
        self._stores = stores_of(workspace) or [use.store for use in used.uses[:1]]
        self._caches = Caches(_merged(self._stores))
        self._sizes: dict[Object, int] = {}  # that pointers say
        self.unlisted = False

    # The caches -----------------------------------------------------------------------------------

    def caches(self) -> list[Finding]:
        """Check the caches of the working tree. Raises StoreError."""
        found: list[Finding] = []
        known = everything(self._workspace, self._progress)
        bad: dict[Object, str] = {}
        there: dict[Object, int] = {}
        suspects: list[tuple[ObjectCache, Object]] = []
        needed = self._needed(self._caches)
        for cache in self._caches.all:
            for digest, is_tree, status in cache.objects():
                one = digest, is_tree
                there[one] = status.st_size
                size = status.st_size
                sized = size > 0 and self._sizes.get(one, size) == size
                if self._content or is_tree or status.st_mode & 0o7777 != 0o444 or not sized:
                    suspects.append((cache, one))

        def check(item: tuple[ObjectCache, Object]) -> None:
            cache, (digest, is_tree) = item
            if not cache.verify(digest, is_tree=is_tree):
                short = there[digest, is_tree] < self._sizes.get((digest, is_tree), 1)
                bad[digest, is_tree] = TRUNCATED if short else ALTERED

        for item, error in each_told(suspects, check, self._jobs, self._progress, "check"):
            found.append(Finding(*item[1], UNREADABLE, why=error.message))
        if bad:
            self._doubt({digest for digest, is_tree in bad if not is_tree})
        return found + self._compared(there, needed, known, bad)

    def _doubt(self, digests: set[Digest]) -> None:
        """What a checkout made of wrong objects is not what their names say: `status` is to look."""
        with spare_table(self._workspace.repository.git_dir) as table:
            FileState(table).doubt(digests)
            CleanOuts(table).forget()

    def repair_caches(self, found: list[Finding]) -> None:
        """Bring what is wrong from the working tree, or any remote that has it right; what none has is no longer marked as verified."""
        layouts = []
        for ref in dict.fromkeys(ref for store in self._stores for ref in store.remotes):
            with suppress(VfsError):
                layouts.append(open_layout(self._workspace, ref))
        for trees in (True, False):  # a list says where its files are
            wrong = [one for one in found if one.wrong and one.is_tree == trees]
            self._heal(wrong, layouts)
        self._caches.home.sync()

    def _heal(self, wrong: list[Finding], layouts: list[PlainRemote]) -> None:
        home = self._caches.home
        files = {one.digest for one in wrong if not one.is_tree}
        here = WorkingTree(self._workspace, self._used.uses if wrong else (), self._caches, files)

        def heal(one: Finding) -> None:
            one.why = one.why or "no remote has it"
            if here.heal(one.digest, is_tree=one.is_tree):
                one.repaired = True
                return
            for layout in layouts:
                try:
                    layout.receive(home, one.digest, is_tree=one.is_tree)
                except VfsError as error:
                    one.why = error.message
                    continue
                one.repaired = True
                return
            if one.what != MISSING:
                home.distrust(one.digest, is_tree=one.is_tree)

        each_told(wrong, heal, self._jobs, self._progress, "repair")

    # A remote -------------------------------------------------------------------------------------

    def packed(self, name: str) -> list[RemoteRef]:
        """The packed remotes of that name (`vfs.sharing.packed_fsck`)."""
        return packed_named(self._stores, name)

    def layout(self, name: str) -> PlainRemote:
        """The remote of that name. Raises ConfigError, Unsupported: as `open_named`."""
        return open_named(self._workspace, self._stores, name)[0]

    def leftovers(self, name: str) -> list[Leftover]:
        """What killed pushes left half-written on the remote of that name, if it is a directory."""
        return left_there(self._stores, name)

    def remote(self, layout: PlainRemote, name: str) -> list[Finding]:
        """Check a remote. Raises RemoteError: it is down or refuses; FormatError: what is condemned there cannot be read."""
        known = everything(self._workspace, self._progress)
        condemned = layout.condemned(0.0).waiting  # all, and before they are looked at
        there: dict[Object, int] = {}
        going: list[Object] = []
        for stored in layout.objects():
            there[stored[:2]] = stored.size
            going += [one[:2] for one in fallen([stored], condemned)]
        needed = self._needed(self._caches, name, layout)
        suspects = [one for one in there if self._suspicious(one, there[one], needed)]
        found: list[Finding] = []
        bad: dict[Object, str] = {}

        def check(one: Object) -> None:
            size = altered(layout, one)
            if size is not None:
                bad[one] = TRUNCATED if size < (self._size_here(one) or 0) else ALTERED

        for one, error in each_told(suspects, check, layout.jobs, self._progress, "check"):
            found.append(Finding(*one, UNREADABLE, needed.get(one, b""), why=error.message))
        told = {(one.digest, one.is_tree) for one in found} | bad.keys()
        found += [
            Finding(*one, CONDEMNED, needed[one], there[one])
            for one in going
            if one in needed and one not in told
        ]
        return found + self._compared(there, needed, known, bad)

    def _suspicious(self, one: Object, size: int, needed: dict[Object, bytes]) -> bool:
        if self._content or (one[1] and one in needed):
            return True
        here = self._size_here(one)
        return here is not None and here != size

    def _size_here(self, one: Object) -> int | None:
        sizes = [cache.size(one[0], is_tree=one[1]) for cache in self._caches.all]
        return next((size for size in sizes if size is not None), self._sizes.get(one))

    def repair_remote(self, layout: PlainRemote, found: list[Finding]) -> None:
        """Send what is wrong from the cache, which gets it from another remote, or what is condemned from this one, if need be.

        Files before listings, and no listing of which a file is still wrong: a listing says that its files are there.
        """
        others = [
            other
            for ref in dict.fromkeys(ref for store in self._stores for ref in store.remotes)
            if (other := open_layout(self._workspace, ref)).url != layout.url
        ]
        layout.prepare()
        lacking: set[Object] = set()

        def heal(one: Finding) -> None:
            try:
                holder = self._caches.holder(one.digest, is_tree=one.is_tree)
                if holder is None:
                    holder = self._caches.home
                    _bring([*others, layout], holder, one)
                if one.is_tree and any(
                    (file.digest, False) in lacking for file in self._caches.listing(one.digest)
                ):
                    one.why = "files that it names are still wrong there"
                    return
                layout.send(holder, one.digest, is_tree=one.is_tree)
                one.repaired = altered(layout, (one.digest, one.is_tree)) is None
            except VfsError as error:
                one.why = error.message

        for trees in (False, True):
            wrong = [one for one in found if one.wrong and one.is_tree == trees]
            each_told(wrong, heal, layout.jobs, self._progress, "repair")
            layout.sync()
            lacking.update((one.digest, one.is_tree) for one in wrong if one.wrong)

    # Both -----------------------------------------------------------------------------------------

    def _needed(
        self, caches: Caches, remote: str | None = None, layout: PlainRemote | None = None
    ) -> dict[Object, bytes]:
        """Objects of the scope, and the path of each; of a remote, those that are pushed there."""
        needed: dict[Object, bytes] = {}
        marks = Marks(self._workspace, self._stores, self._progress, needed=True)
        for use in self._used.uses:
            digest, out = use.out.digest, use.out
            if digest is None or use.versioned or (remote is not None and not goes(use, remote)):
                continue
            needed.setdefault((digest, out.is_tree), out.path)
            if not out.is_tree:
                if out.size is not None:
                    self._sizes.setdefault((digest, False), out.size)
                continue
            try:
                for file in marks.entries(digest, use.store, out.remote):
                    needed.setdefault((file, False), out.path)
            except VfsError:
                self.unlisted = True  # it is missing or altered, which is told
        return needed

    def _compared(
        self,
        there: dict[Object, int],
        needed: dict[Object, bytes],
        known: Marks,
        bad: dict[Object, str],
    ) -> list[Finding]:
        """What a place has wrong, lacks, and has without a commit that names it."""
        found = [Finding(*one, what, needed.get(one, b""), there[one]) for one, what in bad.items()]
        found += [Finding(*one, MISSING, path) for one, path in needed.items() if one not in there]
        self.unlisted = self.unlisted or bool(known.skipped)
        if self.unlisted:
            return found
        return found + [
            Finding(*one, ORPHAN, size=size)
            for one, size in there.items()
            if one not in known and one not in needed and one not in bad
        ]


def goes(use: Use, remote: str) -> bool:
    """Whether an out is pushed to a remote, as far as its pointer says."""
    default = use.store.remote(None)
    home = use.out.remote or (default.name if default is not None else remote)
    return pushed(use) and (use.out.remote is None or home == remote)


def _bring(others: list[PlainRemote], cache: ObjectCache, one: Finding) -> None:
    """Get an object into the cache from any of some remotes. Raises DataUnavailable."""
    for other in others:
        with suppress(VfsError):
            other.receive(cache, one.digest, is_tree=one.is_tree)
            return
    raise DataUnavailable("neither the cache nor another remote has it")


def _merged(stores: list[DvcStore]) -> DvcStore:
    return DvcStore(tuple(dict.fromkeys(path for store in stores for path in store.caches)))
