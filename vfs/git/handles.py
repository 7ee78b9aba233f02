"""Opening repositories with libgit2, one handle per thread.

Rule: a `pygit2.Repository` is used by the thread that opened it and no other. libgit2's errors
become ours here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from vfs.errors import NotARepository, StoreError, Unsupported

# Extensions of a repository's format that libgit2 does not list but that change nothing for a
# reader of objects and refs: missing objects of a partial clone are fetched by `vfs.git.promised`.
pygit2.settings.set_extensions(["partialclone", "relativeworktrees"])


class Handle:
    """One thread's view of a repository."""

    __slots__ = ("odb", "repository")

    def __init__(self, git_dir: Path) -> None:
        self.repository = open_libgit2(git_dir)
        self.odb = self.repository.odb


class Handles(threading.local):
    """Each thread's handle on one repository, opened on first use."""

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._handle: Handle | None = None

    def get(self) -> Handle:
        """The calling thread's handle."""
        if self._handle is None:
            self._handle = Handle(self._git_dir)
        return self._handle


def open_libgit2(path: Path, *, search: bool = True) -> pygit2.Repository:
    """Open the repository at `path`, or that it lies in (unless `search` is false).

    Raises:
        NotARepository: it is none, or it belongs to another user.
        Unsupported: its format needs a newer or differently built libgit2.
    """
    try:
        no_search = pygit2.enums.RepositoryOpenFlag.NO_SEARCH
        default = pygit2.enums.RepositoryOpenFlag.DEFAULT
        return pygit2.Repository(str(path), default if search else no_search)
    except (pygit2.GitError, ValueError, KeyError, OSError) as error:
        raise _explain(path, str(error)) from error


def _explain(path: Path, text: str) -> NotARepository | Unsupported:
    if "sha256" in text or "object format" in text:
        return Unsupported(
            f"{path} uses SHA-256 object names, which this build of libgit2 cannot read",
            hint="only SHA-1 repositories can be mounted",
        )
    if "extension" in text or "version" in text:
        return Unsupported(f"{path} uses a repository format libgit2 cannot read: {text}")
    if "owned by" in text or "ownership" in text:
        return NotARepository(
            f"{path} belongs to another user",
            hint=f"if you trust it: git config --global --add safe.directory {path}",
        )
    return NotARepository(f"{path} is not a Git repository: {text}")


def discover_git_dir(path: Path) -> Path:
    """The Git directory of the repository that `path` lies in.

    Raises:
        NotARepository: there is none up to the root of the file system.
    """
    try:
        found = pygit2.discover_repository(str(path))
    except (pygit2.GitError, ValueError, KeyError, OSError) as error:
        raise NotARepository(f"{path}: {error}") from error
    if found is None:
        raise NotARepository(
            f"{path} is not inside a Git repository",
            hint="cd into one, or name it with --repo",
        )
    return Path(found)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn libgit2's errors into StoreError (the repository is damaged or unreadable)."""
    try:
        yield
    except (pygit2.GitError, OSError) as error:
        raise StoreError(f"{what}: {error}", hint="run `git fsck` in the repository") from error
