"""What all imports end with: a pointer, and the data in the working tree.

Rule: whether anything of the user's is in the way is found out before anything is fetched; contents, then the listing,
then the pointer, then the working tree.
"""

import os
from collections.abc import Sequence

from vfs.errors import UsageError, WouldOverwrite
from vfs.formats.values import ImportSource, UrlSource
from vfs.tracking.add import Added, check_links, check_target, check_untracked
from vfs.tracking.change import Change, apply
from vfs.tracking.checkout import Checkout, How
from vfs.tracking.project import Project, told
from vfs.tracking.record import record
from vfs.tracking.targets import Target
from vfs.tracking.uses import uses
from vfs.types import Problem
from vfs.workspace.outs import Claim
from vfs.workspace.workspace import WORKTREE


def check_free(project: Project, out: bytes, *, force: bool) -> None:
    """Refuse a path that a new import cannot have.

    Args:
        project: that it lies in.
        out: the path.
        force: what lies there may be replaced, an import with its pointer too.

    Raises:
        UsageError: something else tracks it.
        WouldOverwrite: something lies there.
        VfsError: as `check_target`.
    """
    claim = project.owner(out)
    if claim is None:
        check_target(project, out, force=force, there=False)
        check_untracked(project, [out])
    elif claim.out.path != out or claim.source is None or claim.pointer != out + b".dvc":
        raise UsageError(
            f"{told(out)} is tracked by {told(claim.pointer)}", hint="name another OUT"
        )
    elif not force:
        raise WouldOverwrite(
            f"{told(out)} is imported by {told(claim.pointer)}",
            hint=f"vfs update {told(claim.pointer)} brings it up to date; --force imports it anew",
        )
    check_links(project, out)
    if os.path.lexists(project.absolute(out)) and not force:
        raise WouldOverwrite(f"{told(out)} is there already", hint="--force replaces it")


def check_unchanged(project: Project, claim: Claim) -> None:
    """Refuse to update an import whose data was changed here. Raises WouldOverwrite, DataUnavailable."""
    path, digest = claim.out.path, claim.out.digest
    if not os.path.lexists(project.absolute(path)):
        return
    if digest is None or record(project, path, digest, store=False).content.digest != digest:
        raise WouldOverwrite(
            f"{told(path)} is not what {told(claim.pointer)} says",
            hint="move away what was changed there; --force gives it up",
        )


def place(project: Project, changes: Sequence[Change], *, check_out: bool, force: bool) -> Added:
    """Write pointers whose contents are in the cache, and check them out.

    Raises:
        StoreFull, StoreError: something cannot be written.
        VfsError: the first reason why something was not checked out.
    """
    for change in changes:
        os.makedirs(os.path.dirname(project.absolute(change.pointer)), exist_ok=True)
    written = apply(project, changes)
    notes: list[Problem] = []
    if check_out and changes:
        targets = [Target(told(change.out), change.out) for change in changes]
        survey = project.workspace.survey(WORKTREE, project.progress)
        _, found = uses(survey, WORKTREE, targets)
        how = How(force=force)
        done = Checkout(project.workspace, project.table, how, project.progress).run(found)
        for path, error in done.troubles:
            raise type(error)(f"{told(path)}: {error.message}", hint=error.hint)
    outs = [change.out for change in changes]
    return Added(outs, outs, written, notes)


def imports_of(project: Project, targets: Sequence[bytes]) -> list[Claim]:
    """The imports that targets mean: pointers, outs, or directories of such.

    Raises:
        UsageError: a target means something, but no import.
        UnknownPath: it means nothing.
    """
    found: dict[bytes, Claim] = {}
    for target in targets:
        selection, meant = uses(project.survey, WORKTREE, [Target(told(target), target)])
        selection.check()
        claims = [use.claim for use in meant if use.wanted.inside is None]
        claims = [one for one in claims if isinstance(one.source, ImportSource | UrlSource)]
        if not claims:
            raise UsageError(f"{told(target) or '.'} is not an import")
        found |= {claim.out.path: claim for claim in claims}
    return list(found.values())
