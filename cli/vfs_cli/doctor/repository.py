"""Checks of one repository, at one revision or at all branches and tags: its pointers, submodules and remotes."""

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vfs.errors import Offline, RemoteUnavailable, UnknownRevision, Unsupported, VfsError
from vfs.offline import HINT, is_offline
from vfs.types import Severity
from vfs_cli.doctor.finding import Finding, bad, note, ok
from vfs_cli.progress import Progress
from vfs_cli.text import count, readable

if TYPE_CHECKING:
    from vfs.git import Submodule
    from vfs.remotes import Remote
    from vfs.types import Problem
    from vfs.workspace import Snapshot, Workspace
    from vfs.workspace.stores import RemoteRef

_LISTED = 20
"""Problems that are shown one by one; the rest are counted."""
_NAMED = 3
"""Revisions that are named; the rest are counted."""
_PARTIAL = (
    "a partial clone: blobs that are not here are fetched when a commit that has them is first shown, "
    "since Git tells no size without the content"
)


class Seen(NamedTuple):
    """What was found in all revisions that were looked at.

    Attributes:
        revisions: those whose snapshot could be built.
        problems: each with the revisions that have it.
        submodules: by path, each as first met and with the revisions that have it.
        remotes: that the data may come from, each once, in the order they would be asked.
    """

    revisions: list[str]
    problems: "dict[Problem, list[str]]"
    submodules: "dict[bytes, tuple[Submodule, list[str]]]"
    remotes: "dict[RemoteRef, None]"


def check(workspace: "Workspace", rev: str, *, every: bool, verbose: bool) -> Iterator[Finding]:
    """All checks of one repository; an error of one becomes its finding.

    Args:
        workspace: the repository.
        rev: the revision to look at.
        every: look at all branches and tags as well.
        verbose: name every problem, however many there are.
    """
    yield ok("repository", f"{workspace.name} can be read")
    if workspace.repository.partial:
        place = shlex.quote(str(workspace.repository.git_dir))
        yield note("partial-clone", _PARTIAL, f"git -C {place} fetch --refetch --no-filter origin")
    failures: list[Finding] = []
    seen = _look(workspace, _revisions(workspace, rev, every), failures)
    yield from failures
    if not seen.revisions:
        return
    yield from submodules(seen, workspace.root)
    yield from problems(seen, verbose=verbose)
    if is_offline():
        yield note("remotes", "none was asked: vfs is offline here", HINT)
    else:
        yield from remotes(seen)


def _revisions(workspace: "Workspace", rev: str, every: bool) -> list[str]:
    """The revisions to look at, those of one commit once."""
    if not every:
        return [rev]
    repository = workspace.repository
    try:
        by_commit = {repository.resolve(rev).oid: rev}
    except UnknownRevision:  # `worktree`, or nothing: building its snapshot will tell
        by_commit = {"": rev}
    for name, commit in repository.branches() + repository.tags() + repository.remote_branches():
        by_commit.setdefault(commit, name)
    return list(by_commit.values())


def _look(workspace: "Workspace", revisions: list[str], failures: list[Finding]) -> Seen:
    """Build every snapshot; what cannot be built is added to `failures`."""
    from vfs.workspace.patience import BRIEF

    seen = Seen([], {}, {}, {})
    with Progress(quiet=not sys.stdout.isatty()) as progress:
        for number, rev in enumerate(revisions):
            progress.step("revisions", number, len(revisions))
            try:
                snapshot = workspace.snapshot(rev, patience=BRIEF)
                modules = _submodules(workspace, snapshot)
            except VfsError as error:
                failures.append(failed("revision", error))
                continue
            seen.revisions.append(rev)
            seen.remotes.update(dict.fromkeys(_references(snapshot)))
            for problem in snapshot.problems:
                seen.problems.setdefault(problem, []).append(rev)
            for module in modules:
                seen.submodules.setdefault(module.path, (module, []))[1].append(rev)
    return seen


def _submodules(workspace: "Workspace", snapshot: "Snapshot") -> "list[Submodule]":
    repository = workspace.repository
    if snapshot.commit is None:  # the working tree: its objects are in a store of their own
        _, repository = repository.snapshot_worktree(workspace.settings.cache_dir)
    return repository.submodules(snapshot.tree)


def problems(seen: Seen, *, verbose: bool) -> Iterator[Finding]:
    """What is wrong with paths, those that cannot be served first; whether remotes have their bytes is not looked at."""
    name, looked = "problems", _names(seen.revisions)
    broken = [problem for problem in seen.problems if _is_broken(problem)]
    if broken:
        codes = Counter(problem.code for problem in broken)
        kinds = ", ".join(f"{number} {code}" for code, number in codes.most_common())
        paths = len({problem.path for problem in broken})
        yield bad(name, f"{looked}: {count(paths, 'path')} cannot be served ({kinds})")
    else:
        yield ok(name, f"every path of {looked} is listed")
    several = len(seen.revisions) > 1
    ordered = sorted(seen.problems, key=lambda problem: problem.severity)
    shown = ordered if verbose else ordered[:_LISTED]
    for problem in shown:
        find = bad if _is_broken(problem) else note
        where = f" (in {_names(seen.problems[problem])})" if several else ""
        path = readable(problem.path)
        named = problem.message.startswith(f"{path}:")  # so it is if a pointer cannot be read
        message = problem.message if named else f"{path}: {problem.message}"
        yield find("problem", message + where, problem.hint or _FIXES.get(problem.code, ""))
    if len(shown) < len(ordered):
        find = bad if any(map(_is_broken, ordered[len(shown) :])) else note
        yield find(name, f"and {len(ordered) - len(shown)} more", "vfs doctor --verbose names all")


def _is_broken(problem: "Problem") -> bool:
    """Whether a path cannot be served; of what only remotes know it is not said while they may not be asked."""
    return problem.severity is Severity.BROKEN and problem.code != Offline.code


def submodules(seen: Seen, root: Path | None) -> Iterator[Finding]:
    """Submodules are shown as empty directories; say so, and how to mount one."""
    name, several = "submodules", len(seen.revisions) > 1
    for path, (module, revisions) in seen.submodules.items():
        where = f" (in {_names(revisions)})" if several else ""
        message = f"{readable(path)} is a submodule and is empty in a mount{where}"
        yield note(name, message, _mount_of(module, root))
    if not seen.submodules:
        yield ok(name, "no submodules")


def _mount_of(module: "Submodule", root: Path | None) -> str:
    """The command that mounts a submodule at its commit; empty if its URL is missing, or relative to another one."""
    get, source = "", module.url or ""
    path = os.fsdecode(module.path)
    if root is not None and (root / path / ".git").exists():
        source = str(root / path)
    elif not source or source.startswith("."):  # relative: to what, Git decides
        if root is None:
            return ""
        get = f"git -C {shlex.quote(str(root))} submodule update --init -- {shlex.quote(path)} && "
        source = str(root / path)
    where = shlex.quote(source)
    return f'{get}vfs mount --repo {where} --rev {module.oid.hex()} "$(mktemp -d)"'


def _names(revisions: list[str]) -> str:
    """`v1, v2, v3 and 4 more`."""
    left = len(revisions) - _NAMED
    return ", ".join(revisions[:_NAMED]) + (f" and {left} more" if left > 0 else "")


def remotes(seen: Seen) -> Iterator[Finding]:
    """Does every remote that the data may come from answer, and accept our credentials?"""
    from vfs.remotes import RemoteSpec, open_remote

    name = "remotes"
    for reference in seen.remotes:
        label = f"remote {reference.name!r}"
        try:
            remote = open_remote(RemoteSpec(reference.name, reference.url, dict(reference.options)))
            try:
                if reference.local and not Path(reference.url.removeprefix("file://")).is_dir():
                    raise RemoteUnavailable(f"there is no directory {remote.url}")
                _ask(remote, reference.prefix)
                yield ok(name, f"{label} answers ({remote.url})")
            finally:
                remote.close()
        except VfsError as error:
            yield failed(name, error, label)
    if not seen.remotes:
        yield ok(name, "no data comes from a remote")


def _ask(remote: "Remote", prefix: str) -> None:
    """Any question that the remote has to answer; plain HTTP cannot list."""
    from vfs.remotes.base import told

    try:
        next(iter(remote.list(prefix)), None)
    except Unsupported:
        for _, answer in remote.heads([f"{prefix}files"]):
            told(answer)


def _references(snapshot: "Snapshot") -> "list[RemoteRef]":
    """The remotes of all origins of a snapshot, each once, in the order they would be asked."""
    from vfs.workspace.origins import DvcOrigin, VersionedOrigin

    found: dict[RemoteRef, None] = {}
    for origin in snapshot.origins:
        if isinstance(origin, DvcOrigin):
            found.update(dict.fromkeys(origin.store.ordered(origin.remote)))
        elif isinstance(origin, VersionedOrigin):
            found[origin.remote] = None
    return list(found)


def failed(name: str, error: VfsError, label: str = "") -> Finding:
    """The finding that an error is."""
    message = f"{label}: {error.message}" if label else error.message
    return bad(name, message, error.hint or _FIXES.get(error.code, ""))


_FIXES = {
    "bad-format": "correct the file and commit it",
    "unsafe-path": "correct the file and commit it",
    "access-denied": "check the credentials: for S3 'aws sts get-caller-identity' with the same profile",
    "remote-unavailable": "check the network and the URL in .dvc/config",
    "object-missing": "check the bucket and the path in .dvc/config",
}
