"""`fetch`: remotes -> the DVC cache.

Steps: which outs (`used`); what packed remotes have of them (`packed_fetch`); from the others the missing listings, then
the missing files of all listings; imports and versioned files.

Rule: what is in the cache and verified is not asked for; an object comes in whole and verified or not at all, so a run
that was ended goes on where it was. What cannot be had is named in the report, and does not stop the rest.
Memory: some 150 bytes for each missing file.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from vfs.errors import (
    ConfigError,
    ContentMismatch,
    ObjectMissing,
    RemoteUnavailable,
    Unsupported,
    VfsError,
)
from vfs.formats.values import ImportSource, UrlSource
from vfs.sharing.layout import open_layout
from vfs.sharing.packed_fetch import PackedFetch
from vfs.sharing.plain import PlainRemote
from vfs.sharing.relayed import relay_many
from vfs.sharing.sources import Piece, imported, versioned
from vfs.sharing.used import Used
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


class Places(NamedTuple):
    """Where outs of one kind are fetched from: equal ones share a run."""

    store: DvcStore
    hint: str | None


class Fetch:
    """One run; use it once, in one thread.

    Args:
        workspace: the repository.
        remote: the only one to ask, if not None.
        progress: told (stage, done, total or None).
    """

    def __init__(self, workspace: Workspace, remote: str | None, progress: Progress) -> None:
        self._workspace = workspace
        self._remote = remote
        self._progress = progress
        self._caches: dict[DvcStore, Caches] = {}
        self._layouts: dict[RemoteRef, PlainRemote] = {}
        self._retried: list[Use] = []
        self._wrong: dict[
            Object, VfsError
        ] = {}  # why packed remotes did not give what they should have
        self.report = Report()

    def run(self, used: Used) -> Report:
        """Fetch what is missing.

        Raises:
            UnknownPath: a target means nothing.
            ConfigError: there is no remote of the name that was asked for.
            StoreFull, StoreError: the cache cannot be written.
            RemoteError: a remote is down or refuses us.
        """
        plain = [use for use in used.uses if _by_digest(use)]
        groups: dict[Places, list[Use]] = {}
        for use in plain:
            groups.setdefault(Places(use.store, use.out.remote), []).append(use)
        for places, uses in groups.items():
            self._group(places, uses)
        for use in used.uses:
            if not _by_digest(use):
                self._elsewhere(use)
        used.check()
        for caches in self._caches.values():
            caches.home.sync()
        return self.report

    # By digest ------------------------------------------------------------------------------------

    def _group(self, places: Places, uses: list[Use]) -> None:
        caches = self._caches_of(places.store)
        came = self._packed(places, caches, uses)
        trees = [use for use in uses if use.out.is_tree]
        listings: dict[Digest, int | None] = {
            use.out.digest: None for use in trees if use.out.digest is not None
        }
        lost = self._bring(places, caches, listings, is_tree=True)
        self.report.present -= came
        missing: dict[Digest, int | None] = {}
        for use in uses:
            digest = use.out.digest
            if digest is None:
                self._trouble(use.out.path, ObjectMissing(UNHASHED, hint=COMMIT_IT))
            elif not use.out.is_tree:
                missing.setdefault(digest, use.out.size)
            elif digest in lost:
                self._lost(use, use.out.path, lost[digest])
            else:
                self._list(use, caches, missing)
        failed = self._bring(places, caches, missing, is_tree=False)
        if failed:
            self._name(uses, caches, failed)

    def _packed(self, places: Places, caches: Caches, uses: list[Use]) -> int:
        """Let packed remotes fill the cache as far as they can; how many objects came."""
        count = 0
        for ref in self._packed_of(places):
            jobs = self._workspace.settings.jobs
            remote = self._workspace.session.remote(ref)
            fetch = PackedFetch(remote, caches, jobs, self._progress)
            try:
                fetch.run(uses)
            except RemoteUnavailable as error:
                if self._remote is not None:
                    raise
                self._wrong.update(dict.fromkeys(_objects(uses), error))
            finally:
                self._wrong.update(fetch.failed)
                for sizes in fetch.arrived.values():
                    self._arrived(sizes)
                    count += len(sizes)
        return count

    def _list(self, use: Use, caches: Caches, missing: dict[Digest, int | None]) -> None:
        try:
            for entry in use.files(caches):
                missing.setdefault(entry.digest, entry.size)
        except VfsError as error:
            self._trouble(use.out.path, error)

    def _bring(
        self,
        places: Places,
        caches: Caches,
        wanted: dict[Digest, int | None],
        *,
        is_tree: bool,
    ) -> dict[Digest, VfsError]:
        """Bring objects into the cache; those that did not come, and why."""
        missing = [d for d in wanted if not caches.settle(d, is_tree=is_tree, size=wanted[d])]
        self.report.present += len(wanted) - len(missing)
        if not missing:
            return {}
        missing.sort(key=lambda digest: -(wanted[digest] or 0))  # the largest first
        try:
            layouts = self._layouts_of(places)
        except (ConfigError, Unsupported) as error:
            if self._remote is not None:
                raise
            return dict.fromkeys(missing, error)  # imports do without
        if not layouts:
            return {digest: self._why(digest, is_tree, _nowhere()) for digest in missing}
        sizes: list[int] = []

        def bring(digest: Digest) -> None:
            receive = functools.partial(_receive, caches, digest, is_tree)
            sizes.append(_first(layouts, receive))

        stage, total = "listings" if is_tree else "files", len(missing)
        tick = lambda: self._progress(stage, len(sizes), total)  # noqa: E731
        directory = layouts[0].directory
        if directory is not None and not is_tree:
            came = relay_many(directory, caches.home, missing, sizes, tick)
            missing = [digest for digest in missing if digest not in came]
        failed = each(missing, bring, max(layout.jobs for layout in layouts), tick)
        self._arrived(sizes)
        return {digest: self._why(digest, is_tree, error) for digest, error in failed}

    def _why(self, digest: Digest, is_tree: bool, error: VfsError) -> VfsError:
        """The most telling reason why something did not come."""
        if isinstance(error, ObjectMissing):
            return self._wrong.get((digest, is_tree), error)
        return error

    def _arrived(self, sizes: Sequence[int]) -> None:
        self.report.files += len(sizes)
        self.report.size += sum(sizes)

    def _name(self, uses: Iterable[Use], caches: Caches, failed: dict[Digest, VfsError]) -> None:
        """Tell the paths of files that did not come."""
        for use in uses:
            digest = use.out.digest
            if digest is None:
                continue
            if not use.out.is_tree:
                if digest in failed:
                    self._lost(use, use.out.path, failed[digest])
            elif caches.holder(digest, is_tree=True) is not None:
                for entry in use.files(caches):
                    if entry.digest in failed:
                        self._lost(use, use.out.path + b"/" + entry.path, failed[entry.digest])

    def _lost(self, use: Use, path: bytes, error: VfsError) -> None:
        """No remote has it: what was imported from a URL may still be there."""
        if not isinstance(use.claim.source, UrlSource):
            self._trouble(path, error)
        elif use not in self._retried:
            self._retried.append(use)
            self._elsewhere(use)

    # Elsewhere ------------------------------------------------------------------------------------

    def _elsewhere(self, use: Use) -> None:
        """An import, or files with versions."""
        caches = self._caches_of(use.store)
        try:
            self._pieces(self._sources(use, caches), caches)
        except VfsError as error:
            self._trouble(use.out.path, error)

    def _sources(self, use: Use, caches: Caches) -> Iterator[Piece]:
        if use.versioned:
            return versioned(self._workspace, use, caches)
        if _complete(use, caches):
            return iter(())
        return imported(self._workspace, use, caches, self._progress)

    def _pieces(self, pieces: Iterator[Piece], caches: Caches) -> None:
        wanted = {piece.digest: piece for piece in pieces}
        sizes: list[int] = []

        def bring(piece: Piece) -> None:
            sizes.append(piece.receive(caches.home))

        jobs = self._workspace.settings.jobs
        tick = lambda: self._progress("files", len(sizes), len(wanted))  # noqa: E731
        for piece, error in each(wanted.values(), bring, jobs, tick):
            self._trouble(piece.path, error)
        self._arrived(sizes)

    # Pieces ---------------------------------------------------------------------------------------

    def _caches_of(self, store: DvcStore) -> Caches:
        if store not in self._caches:
            self._caches[store] = Caches(store)
        return self._caches[store]

    def _packed_of(self, places: Places) -> list[RemoteRef]:
        """The packed remotes to ask, in that order."""
        first = self._remote or self._workspace.settings.remote_default
        refs = sorted(places.store.packed, key=lambda ref: ref.name != first)
        return [ref for ref in refs if self._remote in (None, ref.name)]

    def _layouts_of(self, places: Places) -> list[PlainRemote]:
        """The remotes in DVC's layout to ask, in that order."""
        refs = list(places.store.ordered(places.hint))
        if self._remote is not None:
            refs = [ref for ref in refs if ref.name == self._remote]
        refs = [ref for ref in refs if ref.worktree or not ref.versioned]
        if not refs and not self._packed_of(places):
            name = f"called {self._remote} " if self._remote is not None else ""
            raise ConfigError(
                f"no remote {name}is configured that keeps contents by their hash",
                hint="vfs remote add -d NAME URL",
            )
        failure: VfsError | None = None
        for ref in refs:
            if ref not in self._layouts:
                try:
                    self._layouts[ref] = open_layout(self._workspace, ref)
                except VfsError as error:  # of a kind that is not spoken: another one may do
                    failure = failure or error
        found = [self._layouts[ref] for ref in refs if ref in self._layouts]
        if not found and failure is not None:
            raise failure
        return found

    def _trouble(self, path: bytes, error: VfsError) -> None:
        self.report.troubles.append(Trouble(path, error))


def _objects(uses: Iterable[Use]) -> Iterator[Object]:
    """What outs name themselves."""
    return ((use.out.digest, use.out.is_tree) for use in uses if use.out.digest is not None)


def _nowhere() -> ObjectMissing:
    return ObjectMissing(
        "no remote that was asked has it", hint="run `vfs push` in the clone that has it"
    )


def _by_digest(use: Use) -> bool:
    return not use.versioned and not isinstance(use.claim.source, ImportSource)


def _complete(use: Use, caches: Caches) -> bool:
    """Whether the cache has all of an out."""
    digest = use.out.digest
    if digest is None:
        return False
    if not use.out.is_tree:
        return caches.has(digest, size=use.out.size)
    return caches.has(digest, is_tree=True) and all(
        caches.has(entry.digest, size=entry.size) for entry in use.files(caches)
    )


def _receive(caches: Caches, digest: Digest, is_tree: bool, layout: PlainRemote) -> int:
    return layout.receive(caches.home, digest, is_tree=is_tree)


def _first(layouts: list[PlainRemote], work: Callable[[PlainRemote], int]) -> int:
    """The first remote that has it right; else the most telling of their errors."""
    failure: VfsError | None = None
    for layout in layouts:
        try:
            return work(layout)
        except (ObjectMissing, ContentMismatch, RemoteUnavailable) as error:
            if failure is None or isinstance(failure, ObjectMissing):
                failure = error
    assert failure is not None
    raise failure
