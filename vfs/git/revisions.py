"""Revision expressions -> commits; branches and tags.

Rule: libgit2 resolves; what it does not know (`branch@{push}` and other rarities) is put to
`git rev-parse`, but for full names of remote branches. A revision is data, never an option: strings that start with '-' are refused.
"""

import re
from pathlib import Path

import pygit2

from vfs.errors import UnknownRevision
from vfs.git.command import GitFailed, run_git
from vfs.git.objects import Commit

_REV_PARSE_TIMEOUT = 60.0
# libgit2 knows every such name: for one that it does not find no process is started.
_FULL_NAME = re.compile(r"refs/remotes/[^~^:@{]+")
_HINT = "see `git branch -a`, `git tag`, `git log`"


def resolve(repository: pygit2.Repository, git_dir: Path, rev: str, name: str) -> Commit:
    """The commit a revision expression names; annotated tags are peeled. `name` is the repository's in messages.

    Raises:
        UnknownRevision: it names nothing, or nothing that is a commit.
    """
    _refuse_hostile(rev)
    found = _by_libgit2(repository, rev)
    if found is None and not _FULL_NAME.fullmatch(rev):
        found = _by_git(repository, git_dir, rev)
    if found is None:
        raise UnknownRevision(f"{rev!r} is no revision of {name}", hint=_HINT)
    try:
        commit = found.peel(pygit2.Commit)
    except (pygit2.GitError, ValueError, KeyError) as error:
        raise UnknownRevision(
            f"{rev!r} names a {found.type_str}, not a commit, in {name}", hint=_HINT
        ) from error
    return Commit(str(commit.id), commit.tree_id.raw, commit.commit_time)


def _refuse_hostile(rev: str) -> None:
    if not rev or rev.startswith("-") or "\0" in rev or "\n" in rev:
        raise UnknownRevision(f"{rev!r} is not a revision", hint=_HINT)


def _by_libgit2(repository: pygit2.Repository, rev: str) -> pygit2.Object | None:
    try:
        return repository.revparse_single(rev)
    except (pygit2.GitError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _by_git(repository: pygit2.Repository, git_dir: Path, rev: str) -> pygit2.Object | None:
    try:
        output = run_git(
            ["rev-parse", "--verify", "--quiet", rev], git_dir=git_dir, timeout=_REV_PARSE_TIMEOUT
        )
        return repository[output.decode("ascii").strip()]
    except (GitFailed, KeyError, ValueError):
        return None


def list_refs(repository: pygit2.Repository, prefix: bytes) -> list[tuple[str, str]]:
    """(short name, commit oid) of the refs below `prefix` that lead to commits, sorted."""
    found = []
    for raw in repository.raw_listall_references():
        if not raw.startswith(prefix):
            continue
        try:
            name = raw.decode("utf-8")
            commit = repository.lookup_reference(name).peel(pygit2.Commit)
        except (pygit2.GitError, ValueError, KeyError):
            continue  # a dangling ref, a tag of a blob or tree, or a name that is not text
        found.append((name[len(prefix) :], str(commit.id)))
    return sorted(found)
