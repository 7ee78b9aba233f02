"""`push`: the DVC cache -> remotes.

Steps, for each remote in DVC's layout (`packed_push` has those of a packed one): which listings it has (then it has their files, if this clone knows that); which other files
it may lack; which of those it does lack; send them; then send the listings all of whose files are there.

What is believed without asking is said in `vfs.sharing.there`; with `verify` nothing is.

Rule: an object goes only if its bytes are those of its digest; what the cache lacks, or has wrong, is named and does not
stop the rest; a listing never goes without its files, so not with a push of some of them either.
Memory: some 150 bytes for each file of listings that are not on the remote.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import closing

from vfs.errors import ConfigError, DataUnavailable, ObjectMissing, StoreError, VfsError
from vfs.formats.values import ImportSource, UrlSource
from vfs.objects import ObjectCache
from vfs.packed import Pointer
from vfs.sharing.elsewhere import Elsewhere
from vfs.sharing.layout import open_layout
from vfs.sharing.packed_push import PackedPush
from vfs.sharing.plain import PlainRemote
from vfs.sharing.relayed import relay_many
from vfs.sharing.there import There
from vfs.sharing.used import Used
from vfs.state import Seen, StateTable
from vfs.tracking.caches import Caches
from vfs.tracking.parallel import each
from vfs.tracking.report import Report, Trouble
from vfs.tracking.uses import Use
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.condemned import Object
from vfs.workspace.outs import COMMIT_IT, UNHASHED
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import DvcStore, RemoteRef


class Push:
    """One run; use it once, in one thread.

    Args:
        workspace: the repository.
        table: where it is kept which listings remotes have.
        remote: where outs go that name no remote of their own; the default remote if None.
        progress: told (stage, done, total or None).
        verify: believe nothing, and send again what has another size on the remote.
    """

    def __init__(
        self,
        workspace: Workspace,
        table: StateTable,
        remote: str | None,
        progress: Progress,
        *,
        verify: bool = False,
    ) -> None:
        self._workspace = workspace
        self._table = table
        self._remote = remote
        self._progress = progress
        self._verify = verify
        self._caches: dict[DvcStore, Caches] = {}
        self.report = Report()

    def run(self, used: Used) -> Report:
        """Push what is missing.

        Raises:
            UnknownPath: a target means nothing.
            ConfigError: no remote is configured for an out.
            Unsupported: a remote is of a kind that is not written to.
            RemoteError: a remote is down or refuses us.
        """
        groups: dict[tuple[RemoteRef, DvcStore], list[Use]] = {}
        default = self._workspace.settings.remote_default
        for use in used.uses:
            if pushed(use):
                groups.setdefault((remote_of(use, self._remote, default), use.store), []).append(
                    use
                )
        for (ref, store), uses in groups.items():
            caches = self._caches.setdefault(store, Caches(store))
            with closing(Elsewhere(self._workspace, store, ref)) as elsewhere:
                self._push(ref, store, caches, uses, elsewhere)
            self._leave_home(caches, uses)
        used.check()
        return self.report

    def _leave_home(self, caches: Caches, uses: list[Use]) -> None:
        """Note which contents, of those whose only place was the working tree, a remote has now."""
        if caches.homes is None:
            return
        failed = {trouble.path for trouble in self.report.troubles}
        for use in uses:
            path, digest = use.out.path, use.out.digest
            if digest is None or path in failed:
                continue
            went = [digest]
            if use.out.is_tree:
                if caches.holder(digest, is_tree=True) is None:
                    continue
                files = use.files(caches)
                went = [e.digest for e in files if path + b"/" + e.path not in failed]
            caches.homes.homes.pushed(went)

    def _push(
        self,
        ref: RemoteRef,
        store: DvcStore,
        caches: Caches,
        uses: list[Use],
        elsewhere: Elsewhere,
    ) -> None:
        workspace, report, progress = self._workspace, self.report, self._progress
        if ref in store.packed:
            packed = PackedPush(
                workspace, ref, caches, elsewhere, report, progress, verify=self._verify
            )
            packed.push(uses)
            return
        layout = open_layout(workspace, ref)
        seen = Seen(self._table, layout.service)
        _Group(layout, seen, caches, elsewhere, report, progress, self._verify).push(uses)


def remote_of(use: Use, asked: str | None, default: str) -> RemoteRef:
    """The remote an out goes to: its own, else the one that was asked for, else the default one.

    That is what `remote.default` (`default`, "" if not set) names, else DVC's, else the only packed one.

    Raises:
        ConfigError: there is none.
    """
    name = use.out.remote or asked or default
    ref = use.store.target(name)
    if ref is not None:
        return ref
    if not name:
        raise ConfigError(
            "no default remote is configured",
            hint="vfs remote default NAME, or name one with --remote",
        )
    raise ConfigError(f"no remote is called {name}", hint="vfs remote list shows them")


class _Group:
    """The outs that go from one store to one remote."""

    def __init__(
        self,
        layout: PlainRemote,
        seen: Seen,
        caches: Caches,
        elsewhere: Elsewhere,
        report: Report,
        progress: Progress,
        verify: bool,
    ) -> None:
        self._elsewhere = elsewhere
        self._layout = layout
        self._caches = caches
        self._there = There(layout, seen, caches)
        self._report = report
        self._progress = progress
        self._verify = verify
        self._failed: dict[Object, VfsError] = {}

    def push(self, uses: Sequence[Use]) -> None:
        """Files, then listings."""
        self._layout.prepare()
        listings, doubtful = self._listings(uses)
        files, unread = self._files(uses, [*listings, *doubtful], doubtful)
        known = self._known(files) if files else set()
        self._report.present += len(files) - len(missing := [d for d in files if d not in known])
        self._send([(digest, False) for digest in missing], "files")
        if lost := self._there.lost():
            self._send([(digest, False) for digest in lost], "files")
        if any(not is_tree for _, is_tree in self._failed):
            self._withhold(uses, {*listings, *doubtful} - unread)
        whole = {use.out.digest for use in uses if use.wanted.inside is None}
        whole = {d for d in whole - unread if d is not None and (d, True) not in self._failed}
        ready = [(d, True) for d in listings if d in whole]
        self._layout.sync()
        self._there.prove(doubtful & whole)
        self._send(ready, "listings")
        self._layout.sync()
        self._there.sent(digest for digest, _ in ready if (digest, True) not in self._failed)
        self._tell(uses)

    # What is there --------------------------------------------------------------------------------

    def _listings(self, uses: Sequence[Use]) -> tuple[list[Digest], set[Digest]]:
        """Listings that the remote lacks, and those it has without our knowing of their files; of others nothing more is looked at."""
        wanted = dict.fromkeys(
            use.out.digest for use in uses if use.out.is_tree and use.out.digest is not None
        )
        there = self._there.now((digest, True) for digest in wanted)
        self._report.present += len(there)
        if self._verify:
            return list(wanted), set()
        absent = [digest for digest in wanted if (digest, True) not in there]
        return absent, self._there.unproven(digest for digest, _ in there)

    def _files(
        self, uses: Sequence[Use], listings: Sequence[Digest], doubtful: Set[Digest]
    ) -> tuple[dict[Digest, None], set[Digest]]:
        """Files that may have to go, and listings that cannot be read. Of a list that is there and not here, this clone has nothing to send."""
        absent = set(listings)
        files: dict[Digest, None] = {}
        unread: set[Digest] = set()
        for use in uses:
            digest = use.out.digest
            if digest is None:
                self._trouble(use.out.path, ObjectMissing(UNHASHED, hint=COMMIT_IT))
            elif not use.out.is_tree:
                files[digest] = None
            elif digest in absent:
                here = self._caches.holder(digest, is_tree=True) is not None
                if digest in doubtful and not here:
                    unread.add(digest)
                    continue
                try:
                    self._elsewhere.note(Pointer(digest, True))
                    if not here:
                        self._passing(digest)
                    files.update((entry.digest, None) for entry in use.files(self._caches))
                except VfsError as error:
                    unread.add(digest)
                    self._trouble(use.out.path, error)
        return files, unread

    def _passing(self, listing: Digest) -> None:
        """Let a listing that another remote has be one of ours until the end."""
        cache = self._elsewhere.bring(listing, is_tree=True)
        if cache is not None and cache not in self._caches.all:
            self._caches.all.append(cache)

    def _known(self, files: dict[Digest, None]) -> set[Digest]:
        """Those of some files that the remote has."""
        return self._sound(files) if self._verify else self._there.files(files)

    def _sound(self, files: Iterable[Digest]) -> set[Digest]:
        """Those that the remote has in the size that the cache has; nothing is believed."""
        sound = set()
        for (digest, _), info in self._layout.present([(digest, False) for digest in files]):
            sizes = [cache.size(digest) for cache in self._caches.readable]
            if info.size in sizes or all(here is None for here in sizes):
                sound.add(digest)
        return sound

    # Sending --------------------------------------------------------------------------------------

    def _send(self, objects: Sequence[Object], stage: str) -> None:
        sizes: list[int] = []

        def send(one: Object) -> None:
            digest, is_tree = one
            readable = self._caches.readable
            cache = next((c for c in readable if c.size(digest, is_tree=is_tree) is not None), None)
            passing = cache is None
            if passing:
                cache = self._elsewhere.bring(digest, is_tree=is_tree)
            if cache is None:
                raise self._caches.nowhere(digest)
            sizes.append(self._layout.send(cache, digest, is_tree=is_tree))
            if passing:
                self._elsewhere.done(digest)

        total = len(objects)

        def tick() -> None:
            self._progress(stage, len(sizes), total)

        try:
            if stage == "files" and self._layout.directory is not None:
                objects = self._relay(self._layout.directory, objects, sizes, tick)
            self._failed.update(each(objects, send, self._layout.jobs, tick))
        finally:
            tick()
            self._report.files += len(sizes)
            self._report.size += sum(sizes)

    def _relay(
        self,
        directory: ObjectCache,
        objects: Sequence[Object],
        sizes: list[int],
        tick: Callable[[], object],
    ) -> Sequence[Object]:
        """Send the small files of the cache to a directory; what is left."""
        digests = [digest for digest, _ in objects]
        try:
            came = relay_many(self._caches.home, directory, digests, sizes, tick)
        except StoreError:
            return objects  # each will say what that means
        return [one for one in objects if one[0] not in came]

    def _withhold(self, uses: Sequence[Use], listings: Set[Digest]) -> None:
        """Keep back listings that name a file which did not go."""
        for use in uses:
            digest = use.out.digest
            if digest is not None and digest in listings and (digest, True) not in self._failed:
                names = (entry.digest for entry in self._caches.listing(digest))
                if any((name, False) in self._failed for name in names):
                    self._failed[digest, True] = DataUnavailable("files of it did not go")

    def _tell(self, uses: Sequence[Use]) -> None:
        """Name what failed by its path; a listing only if none of its files is the reason."""
        for use in uses:
            digest, before = use.out.digest, len(self._report.troubles)
            if digest is None or not self._failed:
                continue
            if not use.out.is_tree:
                if (digest, False) in self._failed:
                    self._trouble(use.out.path, self._failed[digest, False])
            elif self._caches.holder(digest, is_tree=True) is not None:
                for entry in use.files(self._caches):
                    if (entry.digest, False) in self._failed:
                        path = use.out.path + b"/" + entry.path
                        self._trouble(path, self._failed[entry.digest, False])
            if (digest, True) in self._failed and len(self._report.troubles) == before:
                self._trouble(use.out.path, self._failed[digest, True])

    def _trouble(self, path: bytes, error: VfsError) -> None:
        self._report.troubles.append(Trouble(path, error))


def pushed(use: Use) -> bool:
    """Whether an out is pushed at all: imports and files with versions have homes of their own."""
    source = use.claim.source
    elsewhere = isinstance(source, ImportSource) or use.versioned
    pinned = isinstance(source, UrlSource) and (
        source.files is not None or (source.place is not None and bool(source.place.version_id))
    )
    return use.out.push and not elsewhere and not pinned
