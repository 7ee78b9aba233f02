"""Outs and remotes: whether one has what is recorded and not here, bringing it, and pushing what workers need. Loads the drivers of remotes."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from vfs.errors import ConfigError, RemoteError, Unsupported, VfsError
from vfs.sharing.fetch import Fetch
from vfs.sharing.missing import missing
from vfs.sharing.push import Push, pushed, remote_of
from vfs.sharing.used import Used
from vfs.tracking.checkout import Checkout, How
from vfs.tracking.project import Project, told
from vfs.tracking.targets import Inside, Selection, Wanted
from vfs.tracking.uses import Use
from vfs.workspace.outs import Claim
from vfs.workspace.packed_stores import with_packed
from vfs.workspace.stores import DvcStore, RemoteRef


def bring(project: Project, claims: Sequence[Claim]) -> bool:
    """Fetch and check out; whether all of it is there."""
    if not claims or not fetch(project, claims):
        return False
    uses = _uses(project, claims)
    checkout = Checkout(project.workspace, project.table, How(), project.progress)
    return not checkout.run(uses).troubles


def bring_parts(project: Project, claim: Claim, paths: Iterable[bytes]) -> bool:
    """As `bring`, of some files of a directory; nothing else in it is touched."""
    inside = Inside()
    for path in paths:
        inside.add(os.fsdecode(path), path)
    uses = [use._replace(wanted=Wanted(claim, inside)) for use in _uses(project, [claim])]
    try:
        if Fetch(project.workspace, None, project.progress).run(Used(uses, [], [])).troubles:
            return False
    except VfsError:
        return False
    checkout = Checkout(project.workspace, project.table, How(), project.progress)
    return not checkout.run(uses).troubles


def on_remotes(project: Project, claims: Sequence[Claim]) -> set[bytes]:
    """Paths of those outs that their remote has; of one that does not answer that is assumed, since nothing shows anything else."""
    groups: dict[RemoteRef, list[Use]] = {}
    for use in _uses(project, claims):
        with suppress(ConfigError):  # no remote is configured for it
            ref = remote_of(use, None, project.workspace.settings.remote_default)
            groups.setdefault(ref, []).append(use)
    found: set[bytes] = set()
    for uses in groups.values():
        paths = {use.out.path for use in uses if pushed(use)}
        with suppress(ConfigError, Unsupported):  # nobody can have it from there
            try:
                found |= paths - _lacking(project, uses)
            except RemoteError:
                found |= paths
    return found


def lacking(project: Project, claims: Sequence[Claim]) -> set[bytes]:
    """Paths of those outs of which remotes do not have everything.

    Raises:
        ConfigError: no remote is configured for one.
        Unsupported, RemoteError: a remote cannot be asked.
    """
    return _lacking(project, _uses(project, claims))


def _lacking(project: Project, uses: list[Use]) -> set[bytes]:
    found = missing(project.workspace, project.table, None, Used(uses, [], []))
    return {use.out.path for remote in found for use, _ in remote.outs}


def fetch(project: Project, claims: Sequence[Claim]) -> bool:
    """Bring what outs hold into the cache; whether all of it is there."""
    if not claims:
        return True
    uses = _uses(project, claims)
    work = Fetch(project.workspace, None, project.progress)
    try:
        return not work.run(Used(uses, [], [])).troubles
    except VfsError:
        return False


def push(project: Project, claims: Sequence[Claim], check: Callable[[], object]) -> None:
    """Let remotes have outs, as far as they are pushed at all; whatever `check` raises ends it.

    Raises:
        ConfigError: no remote is configured for one.
        Unsupported, RemoteError: a remote does not take them.
        VfsError: neither a remote nor the cache has something; the first of it.
    """
    if not claims:
        return
    uses = _uses(project, claims)

    def progress(stage: str, done: int, total: int | None) -> None:
        check()
        project.progress(stage, done, total)

    work = Push(project.workspace, project.table, None, progress)
    for path, error in work.run(Used(uses, [], [])).troubles:
        raise type(error)(f"{told(path)} could not be pushed: {error.message}", hint=error.hint)


def _uses(project: Project, claims: Sequence[Claim]) -> list[Use]:
    """Outs with their remotes, packed ones too, which what a project knows by itself leaves out."""
    nothing = Selection([], (), set(), ())
    top = Path(os.fsdecode(project.top))
    stores: dict[bytes, DvcStore] = {}
    uses = []
    for claim in claims:
        root = project.survey.roots.root_of(claim.pointer)
        if root not in stores:
            stores[root] = with_packed(project.store_of(claim), top)
        uses.append(Use(Wanted(claim), nothing, stores[root], project.root, "worktree"))
    return uses
