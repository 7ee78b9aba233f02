"""A DVC repository that a verb writes to: found, locked, surveyed.

Rule: everything a writing verb decides, it decides under the lock; `dvc` and `vfs` exclude each other.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.core.paths import show
from vfs.errors import FormatError, NotARepository, UsageError
from vfs.git.here import git_directories
from vfs.mount_table import is_on, mounts_below
from vfs.objects import ObjectCache, writing
from vfs.state import FileState, StateTable, own_table
from vfs.tracking import writes
from vfs.tracking.contents import Contents, Progress
from vfs.tracking.homes import home_cache
from vfs.tracking.scan import Scanner
from vfs.tracking.staying import Staying
from vfs.types import Algorithm
from vfs.workspace.here import survey_here
from vfs.workspace.outs import NOT_COMMITTED, Claim
from vfs.workspace.stores import DvcStore
from vfs.workspace.surveyed import Survey

if TYPE_CHECKING:
    from vfs.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Project:
    """What a writing verb works on.

    Attributes:
        open_workspace: opens the repository, once.
        top: the working tree, absolute.
        root: of the DVC repository, relative to it.
        survey: what the pointers of the working tree say.
        owners: the outs, by their path.
        store: where the DVC repository keeps its objects.
        cache: the first of its caches.
        table: what is remembered of the working tree.
        state: fingerprints in it.
        contents: reads working files.
        progress: told (stage, done, total).
    """

    open_workspace: Callable[[], "Workspace"]
    top: bytes
    root: bytes
    survey: Survey
    owners: dict[bytes, Claim]
    store: DvcStore
    cache: ObjectCache
    table: StateTable
    state: FileState
    contents: Contents
    progress: Progress

    @property
    def workspace(self) -> "Workspace":
        """The repository with its remotes and Git's objects; most of what is recorded needs neither, and starts sooner."""
        return self.open_workspace()

    @property
    def form(self) -> Algorithm:
        """How new contents are hashed: as DVC 2 does where there are stages of DVC 0.x, since no later DVC reads such a repository."""
        return Algorithm.MD5_DOS2UNIX if self.survey.claims.commands else Algorithm.MD5

    def absolute(self, path: bytes) -> bytes:
        """A path of the working tree in the file system."""
        return self.top + b"/" + path if path else self.top

    def write(self, path: bytes, data: bytes) -> None:
        """Replace a small file of the working tree. Raises StoreFull, StoreError."""
        via = os.path.join(self.top, self.root, b".dvc/tmp")  # which holding the lock made
        writes.replace(self.absolute(path), data, via, self.top)

    def scanner(self) -> Scanner:
        """A walk of the working tree."""
        return Scanner(self.top, self.root)

    def staying(self) -> Staying:
        """Contents that stay where they are. Raises StoreError."""
        homes = home_cache(self.store, make=True)
        assert homes is not None  # there is a working tree
        return Staying(self.top, self.cache, homes)

    def owner(self, path: bytes) -> Claim | None:
        """The out that a path is, or lies in."""
        while path and path not in self.owners:
            path = path.rpartition(b"/")[0]
        return self.owners.get(path)

    def store_of(self, claim: Claim) -> DvcStore:
        """Where the objects of an out are."""
        return self.survey.roots.store_of(claim.pointer)

    def check_problems(self, path: bytes) -> None:
        """Refuse a path that a pointer claims in a way that cannot be used.

        Raises:
            FormatError: it does, or the pointer that would be its own is unreadable.
        """
        for problem in (*self.survey.claims.broken, *self.survey.claims.problems):
            if problem.path in (path, path + b".dvc") and problem.code != NOT_COMMITTED:
                raise FormatError(problem.message, hint=problem.hint)


def _refuse_mounts(top: bytes, paths: Sequence[bytes]) -> None:
    """What lies on a mount cannot be written. Raises UsageError."""
    mounts = mounts_below(top)
    for path in paths:
        if is_on(path, mounts):
            raise UsageError(
                f"{told(path)} is on a mount of vfs, which is read-only", hint="vfs umount it"
            )


@contextmanager
def open_project(
    root: Path,
    open_workspace: Callable[[], "Workspace"],
    paths: Sequence[bytes],
    progress: Progress,
    *,
    wait: float = 0.0,
) -> Iterator[Project]:
    """Lock the DVC repository that some paths lie in, and survey it.

    Args:
        root: of the Git repository.
        open_workspace: opens it, at the second call too the same one.
        paths: of the working tree, at least one.
        progress: told (stage, done, total), from any thread.
        wait: seconds to wait for another holder of the lock.

    Raises:
        UsageError: there is no working tree, a path is on a mount, or the paths lie in several DVC repositories.
        NotARepository: there is no DVC repository above the path.
        RepositoryBusy: somebody else writes to it.
        VfsError: as `survey_here`.
    """
    if not (root / ".git").exists():
        raise UsageError(f"{root} has no working tree", hint="clone it first")
    top = os.fsencode(root).rstrip(b"/")
    _refuse_mounts(top, paths)
    roots = {find_root(top, path): path for path in paths}
    inner = next(iter(roots))
    if len(roots) > 1:
        names = " and ".join(told(path) for path in sorted(roots.values())[:2])
        raise UsageError(f"{names} lie in different DVC repositories", hint="one at a time")
    with writing(Path(os.fsdecode(os.path.join(top, inner))), wait):
        survey = survey_here(root)
        with (
            own_table(top, git_directories(root)[0]) as table,
            project_of(top, inner, survey, table, open_workspace, progress) as project,
        ):
            project.cache.sweep()
            yield project


@contextmanager
def project_of(
    top: bytes,
    inner: bytes,
    survey: Survey,
    table: StateTable,
    open_workspace: Callable[[], "Workspace"],
    progress: Progress,
) -> Iterator[Project]:
    """The project of what was surveyed; whoever only looks at it needs no lock.

    Args:
        top: the working tree, absolute.
        inner: root of the DVC repository, relative to it.
        survey: of the working tree.
        table: of the working tree.
        open_workspace: as `open_project`.
        progress: as `open_project`.
    """
    store = survey.roots.store_of(inner + b"/x" if inner else b"x")
    state = FileState(table)
    cache = ObjectCache(store.caches[0], shared=store.shared)
    owners = {claim.out.path: claim for claim in survey.claims.own}
    with Contents(top, state) as contents:
        yield Project(
            open_workspace,
            top,
            inner,
            survey,
            owners,
            store,
            cache,
            table,
            state,
            contents,
            progress,
        )


def find_root(top: bytes, path: bytes) -> bytes:
    """The root of the DVC repository that a path lies in, relative to the working tree.

    Raises:
        NotARepository: there is none.
    """
    directory = path.rpartition(b"/")[0]
    while True:
        if os.path.isdir(os.path.join(top, directory, b".dvc")):
            return directory
        if not directory:
            raise NotARepository(
                f"{os.fsdecode(top)} is not a DVC repository: there is no .dvc", hint="vfs init"
            )
        directory = directory.rpartition(b"/")[0]


def told(path: bytes) -> str:
    """A path in a message."""
    return show(path)[1:-1]


def is_inside(path: bytes, directory: bytes) -> bool:
    """Whether a path is a directory or lies below it."""
    return not directory or path == directory or path.startswith(directory + b"/")
