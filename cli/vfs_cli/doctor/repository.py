"""Checks of the repository of the current directory: its pointers, submodules and remotes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vfs.config import Settings
from vfs.errors import RemoteUnavailable, VfsError
from vfs.types import Severity
from vfs_cli.doctor.finding import Finding, bad, note, ok
from vfs_cli.text import readable

if TYPE_CHECKING:
    from vfs.workspace import Snapshot, Workspace
    from vfs.workspace.stores import RemoteRef

_SHOWN = 20


def check(root: Path, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """All checks of one repository; an error of one becomes its finding."""
    from vfs.workspace import open_workspace

    try:
        workspace = open_workspace(str(root), settings)
    except VfsError as error:
        yield _failed("repository", error)
        return
    try:
        yield ok("repository", f"{root} can be read")
        try:
            snapshot = workspace.snapshot("HEAD")
        except VfsError as error:
            yield _failed("head", error)
            return
        yield from submodules(workspace, snapshot)
        yield from problems(snapshot)
        if not offline:
            yield from remotes(workspace, snapshot)
    finally:
        workspace.close()


def problems(snapshot: "Snapshot") -> Iterator[Finding]:
    """What is wrong with paths of HEAD; whether their bytes are where they should be is not looked at."""
    name = "problems"
    ordered = sorted(snapshot.problems, key=lambda problem: problem.severity)
    for problem in ordered[:_SHOWN]:
        find = bad if problem.severity is Severity.BROKEN else note
        yield find(name, f"{readable(problem.path)}: {problem.message}", problem.hint)
    left = ordered[_SHOWN:]
    if left:
        find = bad if left[0].severity is Severity.BROKEN else note
        yield find(name, f"{len(left)} more problems", "vfs status MOUNTPOINT lists all")
    if not snapshot.broken:
        yield ok(name, f"every path of {snapshot.rev} is listed")


def submodules(workspace: "Workspace", snapshot: "Snapshot") -> Iterator[Finding]:
    """Submodules are shown as empty directories; say so."""
    name = "submodules"
    tree = workspace.repository.resolve("HEAD").tree
    found = workspace.repository.submodules(tree)
    for module in found:
        path = os.fsdecode(module.path)
        yield note(
            name, f"{path} is a submodule and is empty in a mount", f"vfs mount --repo {path} …"
        )
    if not found:
        yield ok(name, "no submodules")


def remotes(workspace: "Workspace", snapshot: "Snapshot") -> Iterator[Finding]:
    """Does every remote that HEAD's data may come from answer, and accept our credentials?"""
    from vfs.remotes import RemoteSpec, open_remote

    name = "remotes"
    references = _references(snapshot)
    for reference in references:
        label = f"remote {reference.name!r}"
        try:
            remote = open_remote(RemoteSpec(reference.name, reference.url, dict(reference.options)))
            try:
                if reference.local and not Path(reference.url.removeprefix("file://")).is_dir():
                    raise RemoteUnavailable(f"{label}: there is no directory {remote.url}")
                next(iter(remote.list(reference.prefix)), None)
                yield ok(name, f"{label} answers ({remote.url})")
            finally:
                remote.close()
        except VfsError as error:
            yield _failed(name, error, label)
    if not references:
        yield ok(name, "no data of HEAD comes from a remote")


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


def _failed(name: str, error: VfsError, label: str = "") -> Finding:
    message = f"{label}: {error.message}" if label else error.message
    return bad(name, message, error.hint or _FIXES.get(error.code, ""))


_FIXES = {
    "access-denied": "check the credentials: for S3 'aws sts get-caller-identity' with the same profile",
    "remote-unavailable": "check the network and the URL in .dvc/config",
    "object-missing": "check the bucket and the path in .dvc/config",
}
