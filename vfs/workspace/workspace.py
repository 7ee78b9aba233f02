"""One repository in use: its snapshots, and the places of their contents.

Rule: blocking and thread-safe. Snapshots of equal trees under equal configuration are built once
and kept (the last `KEPT`, fewer of such with many outs), so that going back and forth costs nothing.
"""

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.config import Settings
from vfs.core.lru import Lru
from vfs.errors import StoreError, UnknownPath, VfsError
from vfs.git import Repository, clone_metadata
from vfs.transfer import Place
from vfs.types import Blob, Entry, Kind
from vfs.workspace.builder import Builder
from vfs.workspace.directory import Directory
from vfs.workspace.hashes import Hashes
from vfs.workspace.import_refs import Trail, nested
from vfs.workspace.imports import Source, import_places
from vfs.workspace.lfs import lfs_places
from vfs.workspace.listings import Listings
from vfs.workspace.origins import (
    DvcOrigin,
    GitOrigin,
    ImportOrigin,
    ImportRef,
    LfsOrigin,
    UrlOrigin,
    VersionedOrigin,
    directories_of,
    stores_of,
)
from vfs.workspace.outs import Parser
from vfs.workspace.packed_stores import packed_files
from vfs.workspace.patience import BRIEF, PATIENCE, Patience
from vfs.workspace.places import GitPlace, dvc_places
from vfs.workspace.plan import Plan
from vfs.workspace.pointers import Progress, silent
from vfs.workspace.projection import follow, inside
from vfs.workspace.renewal import stamps
from vfs.workspace.session import Session
from vfs.workspace.snapshot import Snapshot
from vfs.workspace.stores import Surroundings, machine_files, main_root
from vfs.workspace.survey import Survey, Surveyor
from vfs.workspace.urls import url_places
from vfs.workspace.versioned import places as versioned_places

if TYPE_CHECKING:
    from vfs.store import ChunkStore

log = logging.getLogger("vfs.workspace")

WORKTREE = "worktree"
KEPT = 32
_REBUILDS = 8  # after as many losses, the catalog is damaged faster than it is made
_LEAVES = 5_000  # outs that weigh as much as another snapshot: each takes about 1 KiB


class Workspace:
    """A repository with everything that is needed to serve it.

    Attributes:
        name: how it is called in messages: its root, or its URL without credentials.
        root: the working tree; None for a bare repository or a clone of a URL.
        repository: the Git part.
        session: shared with the sources of its imports.
        notices: sentences that whoever opened it should know.
    """

    def __init__(
        self,
        session: Session,
        repository: Repository,
        *,
        name: str,
        foreign: bool,
        notices: Sequence[str] = (),
    ) -> None:
        """Use `vfs.workspace.open_workspace`."""
        self.notices = tuple(notices)
        self.name = name
        self.repository = repository
        repository.name = name
        self.session = session
        self.root = None if foreign else repository.root
        self._where = Surroundings(self.root, main_root(repository, self.root), foreign)
        self._listings = Listings(session)
        self._hashes = Hashes(session, self.places_of)
        self._parser = Parser(repository.read_blob)
        self._kept: Lru[bytes, Snapshot] = Lru(KEPT)
        self._sources: dict[str, Workspace] = {}
        self._met = session.catalog.changes
        self._guard = threading.RLock()
        self._store: ChunkStore | None = None
        session.register(repository)

    @property
    def settings(self) -> Settings:
        """The settings of the process."""
        return self.session.settings

    @property
    def store(self) -> "ChunkStore":
        """The chunk store, opened when first asked for."""
        from vfs.store import ChunkStore  # what only lists names does without it

        with self._guard:
            if self._store is None:
                settings = self.settings
                self._store = ChunkStore.open(
                    settings.cache_dir / "chunks",
                    limit=settings.cache_limit,
                    min_free=settings.min_free,
                )
            return self._store

    # Snapshots --------------------------------------------------------------------------------

    def snapshot(
        self,
        rev: str,
        progress: Progress | None = None,
        *,
        patience: float | None = None,
        scope: bytes = b"",
    ) -> Snapshot:
        """The snapshot of a revision; `worktree` is the working tree as it lies there now.

        Args:
            rev: whatever `git rev-parse` takes, or `worktree`.
            progress: told (stage, done, total or None), from any thread.
            patience: seconds that a remote with a list of files may be silent; `transfer.deadline` if None.
            scope: only what is at and below this path is needed.

        Raises:
            UnknownRevision: Git does not know it.
            StoreError: the repository or the catalog is damaged.
            RemoteError: a partial clone's remote did not give an object.
        """
        tell = progress or silent
        waiting = PATIENCE.set(Patience(self.settings.deadline if patience is None else patience))
        try:
            plan, repository = self._plan(rev, tell)
            plan = replace(plan, scope=scope)
            if repository is not self.repository:
                return self._build(repository, plan, tell)
            return self._snapshot(plan, tell)
        finally:
            PATIENCE.reset(waiting)

    def _plan(self, rev: str, tell: Progress) -> tuple[Plan, Repository]:
        """What a revision is, and the repository that has its objects."""
        if rev == WORKTREE:
            tell("worktree", 0, None)
            tree, scratch = self.repository.snapshot_worktree(self.settings.cache_dir)
            return Plan(rev, None, tree, int(self.session.clock())), scratch
        commit = self.repository.resolve(rev)
        return Plan(rev, commit.oid, commit.tree, commit.time), self.repository

    def surveys(
        self, revs: Iterable[str], progress: Progress | None = None
    ) -> Iterator[tuple[str, Survey]]:
        """`survey` of each revision whose pointers no earlier one of them had."""
        surveyor = Surveyor(self.session, self._where, progress or silent)
        for rev in revs:
            found = surveyor.fresh(*self._plan(rev, progress or silent))
            if found is not None:
                yield rev, found

    def survey(self, rev: str, progress: Progress | None = None) -> Survey:
        """What the pointers of a revision say, resolving none; raises as `snapshot`."""
        return next(found for _, found in self.surveys([rev], progress))

    def _snapshot(self, plan: Plan, progress: Progress) -> Snapshot:
        key = self._key(plan)
        with self._guard:
            kept = self._kept.get(key)
        if kept is None and plan.trail.steps:
            # Without a lock: imports of two threads may lead to each other in a circle.
            kept = self._build_and_keep(plan, key, progress)
        elif kept is None:
            with self.session.locks.holding(b"snapshot" + key):
                with self._guard:
                    kept = self._kept.get(key)
                kept = kept or self._build_and_keep(plan, key, progress)
        return plan.named(kept)

    def _build_and_keep(self, plan: Plan, key: bytes, progress: Progress) -> Snapshot:
        built = self._build(self.repository, plan, progress)
        if not built.may_heal:  # otherwise look again next time: what was missing may be there
            with self._guard:
                self._kept.put(key, built, 1 + built.outs // _LEAVES)
        return built

    def mend(self) -> bool:
        """Build the kept snapshots again if the catalog lost something, or a place contradicted a size; returns whether.

        Pages are named by their content, so directories that are being served work again.
        """
        changes = self.session.catalog.changes
        with self._guard:
            if changes == self._met:
                return False
            self._met = changes
            kept = self._kept.values()
            self._kept.clear()
        for snapshot in kept:
            with contextlib.suppress(VfsError):
                self.snapshot(snapshot.commit or snapshot.rev, patience=BRIEF)
        return True

    def _build(self, repository: Repository, plan: Plan, progress: Progress) -> Snapshot:
        """Build, and build over what the catalog lost meanwhile: with each loss one tree at least is dropped, to be made anew."""
        catalog = self.session.catalog
        for _ in range(_REBUILDS):
            losses = catalog.losses
            try:
                built = self._build_once(repository, plan, progress)
            except StoreError:
                if catalog.losses == losses:
                    raise
            else:
                if catalog.losses == losses:
                    return built
        return self._build_once(repository, plan, progress)

    def _build_once(self, repository: Repository, plan: Plan, progress: Progress) -> Snapshot:
        return Builder(
            self.session,
            repository,
            self.repository,
            self._where,
            self._listings,
            self._parser if repository is self.repository else Parser(repository.read_blob),
            lambda ref, trail: self.source(ref, trail, progress),
            self._hashes,
            plan,
            progress,
        ).build()

    def _key(self, plan: Plan) -> bytes:
        """What a snapshot depends on: the tree, its scope, configuration outside of Git, and a catalog that has it."""
        parts = [plan.tree.hex(), plan.scope.hex(), repr(plan.config), repr(plan.remote)]
        parts.append(self.session.catalog.changes)
        files = machine_files(b"", self._where) + packed_files(self._where)
        parts.append(repr(stamps(files)))
        return "\0".join(parts).encode("utf-8", "surrogateescape")

    # Imports ----------------------------------------------------------------------------------

    def source(self, ref: ImportRef, trail: Trail, progress: Progress = silent) -> Source:
        """What the source of an import has at the imported path.

        Raises:
            VfsError: the repository, the commit or the path cannot be had.
        """
        further = trail.further(ref)
        workspace = self._workspace_of(ref)
        commit = workspace.repository.resolve(ref.revision or "HEAD")
        plan = Plan(
            ref.revision or "HEAD",
            commit.oid,
            commit.tree,
            commit.time,
            scope=ref.path,
            config=nested(ref.config) or None,
            remote=ref.remote,
            trail=further,
        )
        snapshot = workspace._snapshot(plan, progress)
        return Source(snapshot.resolve(ref.path), snapshot.hides, snapshot.problems)

    def _workspace_of(self, ref: ImportRef) -> "Workspace":
        """The repository an import names, opened once; the commit it needs is in it."""
        with self.session.locks.holding(b"source" + ref.url.encode("utf-8", "surrogateescape")):
            with self._guard:
                known = self._sources.get(ref.url)
            if known is not None and known.repository.has(ref.revision or "HEAD"):
                return known
            patience = PATIENCE.get() or Patience(BRIEF)
            with patience.once(ref.url) as seconds:
                repository = clone_metadata(
                    ref.url,
                    self.settings.cache_dir,
                    revision=ref.revision or None,
                    answer=seconds,
                )
            if known is None or known.repository.git_dir != repository.git_dir:
                foreign = not ref.url.startswith("/")
                known = Workspace(self.session, repository, name=ref.url, foreign=foreign)
            with self._guard:
                self._sources[ref.url] = known
            return known

    # Places -----------------------------------------------------------------------------------

    def places(self, snapshot: Snapshot, entry: Entry, path: bytes) -> Sequence[Place]:
        """Where the bytes of an entry may come from, best first; may touch the disk.

        Args:
            snapshot: that the entry is of.
            entry: a file or symlink.
            path: of the entry, for messages.

        Raises:
            UnknownPath: the entry has no content.
        """
        if entry.digest is None:
            shown = path.decode("utf-8", "backslashreplace")
            raise UnknownPath(f"{shown} has no content: {entry.problem or 'it is a directory'}")
        return self.places_of(snapshot.origins[entry.origin], Blob(entry.digest, entry.size))

    def places_of(self, origin: object, blob: Blob) -> Sequence[Place]:
        """Places of a blob by its origin (`Snapshot.origins`)."""
        session = self.session
        match origin:
            case GitOrigin(git_dir=git_dir):
                return [GitPlace(session, git_dir, blob)]
            case LfsOrigin(git_dir=git_dir, foreign=foreign):
                return lfs_places(session, git_dir, blob, foreign=foreign)
            case DvcOrigin():
                return dvc_places(session, origin, blob)
            case VersionedOrigin():
                return versioned_places(session, origin, blob)
            case UrlOrigin():
                return url_places(session, origin, blob)
            case ImportOrigin():
                return import_places(session, origin, blob, self._source_places)
        raise TypeError(f"{origin!r} is no origin")

    def places_by(self, number: int, blob: Blob) -> Sequence[Place]:
        """Places of a blob by the number of its origin (`Entry.origin`); what replaced that since comes first."""
        known = self.session.origins.all()
        numbers = self.session.origins.newest_first(number)
        origins = dict.fromkeys(self.session.renewal.origin(known[n]) for n in numbers)
        return [place for origin in origins for place in self.places_of(origin, blob)]

    def supersede(self, old: Snapshot, new: Snapshot) -> bool:
        """`new` is shown instead of `old`; whether contents of both may now be had from other places."""
        used = new.grafts.origins
        replaced = () if old.grafts.origins <= used else old.grafts.replaced(new.grafts)
        return self.session.origins.supersede(replaced, used)

    def _source_places(self, ref: ImportRef, below: bytes, blob: Blob) -> list[Place]:
        """Places of a file below an import's source, as long as it is the blob as far as is known."""

        def open_path(path: bytes) -> Entry | Directory:
            return self.source(ref.at(path), Trail()).found

        path = b"/".join(part for part in (ref.path, below) if part)
        top = open_path(ref.path)
        found = inside(top, below) if isinstance(top, Directory) else top
        if isinstance(found, Entry) and found.kind is Kind.SYMLINK and not self._is(found, blob):
            found = follow(self.session, found, path, open_path)
        if not isinstance(found, Entry) or found.digest is None or found.size != blob.size:
            shown = path.decode("utf-8", "replace")
            raise UnknownPath(f"{shown} of the import's source is not what was imported")
        origin = self.session.origins.all()[found.origin]
        return list(self.places_of(origin, Blob(found.digest, found.size)))

    def _is(self, found: Entry, blob: Blob) -> bool:
        digest = blob.digest
        return found.digest == digest or self._hashes.of(found, digest.algorithm) == digest

    def prepare_remotes(self) -> None:
        """Let every remote that snapshots so far may read from get ready; best called before the first read."""
        stores = {s for origin in self.session.origins.all() for s in stores_of(origin)}
        refs = {ref for store in stores for ref in (*store.remotes, *store.packed)}
        for ref in sorted(refs, key=lambda ref: ref.name):
            with contextlib.suppress(VfsError):  # the first read says what is wrong
                self.session.remote(ref).prepare()

    def data_directories(self) -> list[Path]:
        """Directories of this machine that serving reads: Git data, DVC caches, local remotes."""
        found = {self.repository.git_dir, self.repository.common_dir}
        for origin in self.session.origins.all():
            found.update(directories_of(origin))
        return sorted(found)

    def tidy(self) -> None:
        """Let the catalog write down which trees are used and forget what is not needed; seconds, once a day."""
        from vfs.workspace.upkeep import tidy

        tidy(self.session.catalog, self.settings.catalog_limit)

    def close(self) -> None:
        """Give everything back; the workspace is of no use afterwards."""
        with self._guard:
            store, self._store = self._store, None
            self._kept.clear()
        if store is not None:
            store.close()
        self.session.close()
