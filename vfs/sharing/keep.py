"""Which objects must stay: the marking half of `vfs gc`, and what `vfs fsck` takes as needed.

Two kinds of reasons:

* *needed*: a kept revision, a working tree (linked ones too) and its index, a mount, another project that shares the place. All files
  of a directory stay, so its listing must be had, from wherever it is; if it cannot, nothing is known of the
  files and the mark ends with an error.
* *known*: any commit that this machine has, reflogs and stashes included. What only they name is removed if it is
  somewhere else. A listing that this machine does not have was never pushed from it, and protects nothing.

Rules: every out counts that a pointer names, also one that is in another's way. Listings are looked for in the places that
the revision's own configuration names and in those that the working tree's names now.
Memory: some 110 bytes for each object.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from vfs.core.paths import show
from vfs.errors import DataUnavailable, FormatError, RemoteUnavailable, VfsError
from vfs.formats.dirlisting import iter_listing
from vfs.formats.layout import object_path
from vfs.git import Repository
from vfs.git.machine import known_commits, working_trees
from vfs.sharing.used import Scope, revisions, roots_now
from vfs.types import Digest, Problem, Severity
from vfs.workspace import Workspace
from vfs.workspace.here import survey_here, surveys_staged
from vfs.workspace.listed import ListedObject
from vfs.workspace.outs import NOT_COMMITTED, OVERLAPPING, Claim
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import DvcStore, Roots
from vfs.workspace.surveyed import Survey

Object = tuple[Digest, bool]
"""A digest, and whether it names a listing."""


def key_of(digest: Digest, is_tree: bool) -> bytes:
    """An object in few bytes."""
    return digest.key + bytes((is_tree,))


class Named(NamedTuple):
    """An out, for messages."""

    path: bytes
    rev: str

    def __str__(self) -> str:
        return f"{show(self.path)[1:-1]} ({self.rev})"


class Marks:
    """Objects that are named by something.

    Attributes:
        objects: keys (`key_of`).
        names: for each out's own object the first out that has it.
        skipped: what could not be read, if that is allowed.
    """

    def __init__(
        self,
        workspace: Workspace,
        stores: Iterable[DvcStore],
        progress: Progress,
        *,
        needed: bool,
        skip_broken: bool = False,
        listings: bool = True,
    ) -> None:
        """`listings`: the files of directories count as well, so their listings must be had."""
        self.objects: set[bytes] = set()
        self.names: dict[Object, Named] = {}
        self.skipped: list[str] = []
        self._workspace = workspace
        self._stores = list(stores)
        self._progress = progress
        self._needed = needed
        self._skip = skip_broken
        self._listings = listings

    def __contains__(self, one: Object) -> bool:
        return key_of(*one) in self.objects

    def scope(self, workspace: Workspace, scope: Scope) -> None:
        """Mark what the revisions of a scope name.

        Raises:
            UnknownRevision: Git does not know one.
            FormatError, DataUnavailable, RemoteUnavailable: a pointer or a listing cannot be read.
        """
        for rev, surveyed in workspace.surveys(revisions(workspace, scope), self._progress):
            self.survey(rev, surveyed)

    def working_trees(self, git_dir: Path) -> None:
        """Mark what the working trees of a repository name, and what is staged in them; raises as `scope`."""
        for root in working_trees(git_dir):
            self.survey(str(root), survey_here(root))
            for staged in surveys_staged(root):
                self.survey(f"the index of {root}", staged)

    def commits(self, workspace: Workspace, commits: Iterable[str]) -> None:
        """Mark what commits name; raises as `scope`."""
        for rev, surveyed in workspace.surveys(commits, self._progress):
            self.survey(rev, surveyed)

    def survey(self, rev: str, surveyed: Survey) -> None:
        """Mark what the pointers of one revision name; raises as `scope`."""
        claims = surveyed.claims
        for claim in (*claims.served, *claims.rivals):
            self._claim(rev, claim, surveyed.roots)
        if self._needed:
            for problem in (*claims.problems, *claims.broken):
                harmless = problem.code in (OVERLAPPING, NOT_COMMITTED)
                if not harmless and problem.severity is not Severity.NOTE:
                    self._unreadable(FormatError(f"{problem.message} (in {rev})"))
        self._progress("mark", len(self.objects), None)

    def _claim(self, rev: str, claim: Claim, roots: Roots) -> None:
        out, named = claim.out, Named(claim.out.path, rev)
        for file in out.files or ():
            if file.digest is not None:
                self._add((file.digest, False), named)
        if out.digest is None or not self._add((out.digest, out.is_tree), named):
            return
        if self._listings and out.is_tree and out.files is None:
            try:
                self.listing(out.digest, roots.store_of(claim.pointer), out.remote)
            except VfsError as error:
                if self._needed or not isinstance(error, _Absent):
                    self._unreadable(type(error)(f"{named}: {error.message}", hint=error.hint))

    def _add(self, one: Object, named: Named) -> bool:
        self.names.setdefault(one, named)
        key = key_of(*one)
        if key in self.objects:
            return False
        self.objects.add(key)
        return True

    def listing(self, digest: Digest, store: DvcStore, remote: str | None) -> None:
        """Mark a listing and its files; raises as `entries`."""
        self.objects.add(key_of(digest, True))
        for file in self.entries(digest, store, remote):
            self.objects.add(key_of(file, False))

    def rely(self, digest: Digest) -> None:
        """`listing`, of one that no pointer is known for; raises as `scope`."""
        try:
            self.listing(digest, DvcStore(), None)
        except VfsError as error:
            self._unreadable(type(error)(f"{digest.hex}.dir: {error.message}"))

    def entries(self, digest: Digest, store: DvcStore, remote: str | None) -> Iterator[Digest]:
        """The files of a listing, from the caches; if it is needed, from wherever it is.

        Raises:
            DataUnavailable, RemoteUnavailable: it cannot be had.
            FormatError: it is damaged.
        """
        store = store.besides(*self._stores)
        if not self._needed:
            name = object_path(digest, is_tree=True)
            paths = [os.path.join(cache, name) for cache in store.caches]
            if not any(map(os.path.lexists, paths)):
                raise _Absent(f"{digest.hex}.dir is not in the cache")
        wanted = ListedObject(self._workspace.session, digest, self._progress)
        with closing(wanted.fetch(store, remote, local_only=not self._needed)) as data:
            data.seek(0)
            for entry in iter_listing(data, file=f"{digest.hex}.dir", algorithm=digest.algorithm):
                if isinstance(entry, Problem):
                    raise FormatError(entry.message)
                yield entry.digest

    def _unreadable(self, error: VfsError) -> None:
        if not self._skip:
            kinds = (RemoteUnavailable, FormatError)
            kind = next((kind for kind in kinds if isinstance(error, kind)), DataUnavailable)
            raise kind(
                f"{error.message}; what else it names is unknown, so no files were removed",
                hint="`vfs fetch` it, mend it, or leave it out: --skip-broken",
            ) from error
        self.skipped.append(error.message)


class _Absent(DataUnavailable):
    """A listing that this machine does not have."""


def project(workspace: Workspace, directory: Path) -> Workspace:
    """Another repository of this machine, in the same process; it needs no closing.

    Raises:
        NotARepository: there is none.
    """
    repository = Repository.discover(directory)
    name = str(repository.root or repository.git_dir)
    return Workspace(workspace.session, repository, name=name, foreign=False)


def stores_of(workspace: Workspace) -> list[DvcStore]:
    """The stores that the configuration names, as it lies in the working tree now."""
    root = workspace.root
    return [] if root is None else list(roots_now(root).stores())


def everything(workspace: Workspace, progress: Progress, *, listings: bool = True) -> Marks:
    """What any commit or working tree of this machine names; raises as `Marks.scope`."""
    marks = Marks(
        workspace,
        stores_of(workspace),
        progress,
        needed=False,
        skip_broken=True,
        listings=listings,
    )
    git_dir = workspace.repository.git_dir
    marks.working_trees(git_dir)
    marks.commits(workspace, known_commits(git_dir))
    return marks
