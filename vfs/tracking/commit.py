"""`vfs commit`: outs that are tracked already get what lies in the working tree now.

Rules: those of `vfs add`, but nothing becomes an out. Without targets every out is looked at that is there and that
the user owns: not those of stages and imports; one that is only partly checked out is left as it is, and a note says so.
"""

import os
from collections.abc import Iterator, Sequence

from vfs.errors import DataUnavailable, UnknownPath
from vfs.tracking.add import Added, add, check_editable
from vfs.tracking.change import Change, apply, change_of
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.record import check_whole, record
from vfs.types import Problem, Severity
from vfs.workspace.outs import Claim


def commit(
    project: Project, targets: Sequence[bytes], *, force: bool = False, keep: bool = False
) -> Added:
    """Record what outs hold.

    Args:
        project: that they lie in.
        targets: pointers, outs, paths inside them, directories that hold outs; none: all outs.
        force: also drop files that were never checked out.
        keep: these stay listed.

    Raises:
        UnknownPath: a target means no out, or there is nothing where it should be.
        VfsError: as `add`.
    """
    if targets:
        paths = [path for target in targets for path in _meant(project, target)]
        return add(project, paths, force=force, keep=keep)
    changes: list[Change] = []
    notes: list[Problem] = []
    for claim in project.survey.claims.own:
        path = claim.out.path
        if not _own(claim) or not os.path.lexists(project.absolute(path)):
            continue
        recorded = record(project, path, claim.out.digest)
        notes += recorded.notes
        try:
            if not force:
                check_whole(project, claim, recorded)
        except DataUnavailable as error:
            notes.append(Problem(path, "partial", error.message, severity=Severity.NOTE))
            continue
        changes.append(change_of(project, path, claim, recorded))
    written = apply(project, changes)
    changed = [change.out for change in changes if change.text is not None]
    return Added([change.out for change in changes], changed, written, notes)


def _own(claim: Claim) -> bool:
    out = claim.out
    return not claim.stage and claim.source is None and out.files is None and out.place is None


def _meant(project: Project, target: bytes) -> Iterator[bytes]:
    """The outs, or the path inside one, that a target means."""
    found = [
        claim
        for claim in project.survey.claims.own
        if claim.pointer == target or is_inside(claim.out.path, target)
    ]
    owner = project.owner(target)
    if not found and owner is None:
        raise UnknownPath(f"no output is called {told(target)}", hint=f"vfs add {told(target)}")
    if not found:
        yield target
    for claim in found:
        check_editable(claim)
        yield claim.out.path
