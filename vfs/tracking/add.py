"""`vfs add`: files and directories of the working tree become outs, or outs get what lies there now.

Rules:

* Of a path inside a tracked directory only that path is looked at; what is gone from the disk goes from the listing.
* What was never checked out is not gone: a target of which such files are listed is not recorded (`force` overrides).
* Nothing is written before all targets were read.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from vfs.core.paths import check_path
from vfs.errors import UnknownPath, Unsupported, UsageError, WouldOverwrite
from vfs.git.here import tracked
from vfs.tracking.change import apply, change_of
from vfs.tracking.part import with_unseen
from vfs.tracking.project import Project, is_inside, told
from vfs.tracking.record import Recorded, check_whole, record, record_parts
from vfs.types import Problem
from vfs.workspace.outs import Claim

_OURS: Final = (b"dvc.yaml", b"dvc.lock", b"Dvcfile", b".dvcignore", b".gitignore")


class Added(NamedTuple):
    """What a verb did.

    Attributes:
        outs: that were recorded.
        changed: those of them whose pointer changed.
        written: files for Git to take, relative to the working tree.
        notes: what was left out.
    """

    outs: list[bytes]
    changed: list[bytes]
    written: list[bytes]
    notes: list[Problem]


def add(
    project: Project,
    targets: Sequence[bytes],
    *,
    desc: str = "",
    force: bool = False,
    copy: bool = True,
    keep: bool = False,
) -> Added:
    """Track what lies at some paths.

    Args:
        project: that they lie in.
        targets: paths of the working tree.
        desc: what to say of the outs.
        force: also drop files that were never checked out, and replace a pointer that is no out's.
        copy: put contents into the cache; False lets them stay where they are.
        keep: files of outs that were never checked out stay listed.

    Raises:
        UsageError: a target cannot be an out.
        UnknownPath: there is nothing at a target.
        VfsError: as `record`, `record_parts` and `apply`.
    """
    whole: dict[bytes, Claim | None] = {}
    parts: dict[bytes, tuple[Claim, list[bytes]]] = {}
    for path in dict.fromkeys(targets):
        claim = check_target(project, path, force=force)
        if claim is None or claim.out.path == path:
            whole[path] = claim
        else:
            parts.setdefault(claim.out.path, (claim, []))[1].append(path)
    check_apart(whole)
    check_untracked(project, [path for path, claim in whole.items() if claim is None])
    seen: list[tuple[bytes, Claim | None, Recorded]] = []
    for path, claim in whole.items():
        old = None if claim is None else claim.out.digest
        found = record(project, path, old, copy=copy)
        if claim is not None and keep:
            found = with_unseen(project, claim, found)
        seen.append((path, claim, found))
    for path, (claim, below) in parts.items():
        if path not in whole:
            found = record_parts(project, claim, below, copy=copy, drop=force)
            seen.append((path, claim, found))
    if copy:
        project.cache.begin_sync()  # the disk writes while lists are compared
    for path, claim, recorded in seen:
        if path in whole and claim is not None and not (force or keep):
            check_whole(project, claim, recorded)
    changes = [change_of(project, path, claim, found, desc) for path, claim, found in seen]
    notes = [note for _, _, found in seen for note in found.notes]
    written = apply(project, changes)
    changed = [change.out for change in changes if change.text is not None]
    return Added([change.out for change in changes], changed, written, notes)


def check_target(
    project: Project, path: bytes, *, force: bool = False, there: bool = True
) -> Claim | None:
    """The out that a path is or lies in; None if it may become one.

    Args:
        project: that it lies in.
        path: of the working tree.
        force: a pointer that is no out's may be replaced.
        there: something has to lie at the path.

    Raises:
        UsageError: it cannot, and why.
        UnsafePath: its name cannot be in a pointer.
        UnknownPath: there is nothing.
        FormatError: a pointer claims it in a way that cannot be used.
    """
    check_path(path)
    check_text(path)
    check_links(project, path)
    check_ours(path)
    project.check_problems(path)
    claim = project.owner(path)
    if claim is not None:
        check_editable(claim)
        if claim.out.path != path and not claim.out.is_tree:
            raise UsageError(f"{told(claim.out.path)} is tracked as a file; {told(path)} cannot be")
        return claim
    if there and not os.path.lexists(project.absolute(path)):
        raise UnknownPath(f"there is no {told(path)}")
    for other in project.survey.claims.own:
        if is_inside(other.out.path, path):
            raise UsageError(
                f"{told(path)} holds {told(other.out.path)}, which {told(other.pointer)} tracks",
                hint=f"vfs remove {told(other.pointer)}, then add {told(path)}",
            )
    pointer = path + b".dvc"
    if os.path.lexists(project.absolute(pointer)) and not force:
        raise WouldOverwrite(
            f"{told(pointer)} exists and is not the pointer of {told(path)}",
            hint="look at it; --force replaces it",
        )
    return None


def check_ours(path: bytes) -> None:
    """Refuse the files that say what is tracked: they are Git's. Raises UsageError."""
    name = path.rpartition(b"/")[2]
    if name.endswith(b".dvc") or name in _OURS:
        raise UsageError(
            f"{told(path)} is a file of DVC's own and cannot be tracked as data",
            hint="it is for Git: git add",
        )


def check_editable(claim: Claim) -> None:
    """Refuse outs that are not the user's to add.

    Raises:
        UsageError: it is the output of a stage, or an import.
        Unsupported: its files lie on a version-aware remote.
    """
    name = told(claim.out.path)
    if claim.stage:
        raise UsageError(
            f"{name} is an output of the stage {claim.stage!r} of {told(claim.pointer)}",
            hint="vfs repro, or vfs commit with the name of the stage",
        )
    if claim.source is not None:
        raise UsageError(f"{name} is imported by {told(claim.pointer)}", hint="vfs update")
    if claim.out.files is not None or claim.out.place is not None:
        raise Unsupported(
            f"{told(claim.pointer)} names versions on a version-aware remote, which vfs does not write",
            hint=f"dvc add {name}",
        )


def check_links(project: Project, path: bytes) -> None:
    """Refuse a path that leads through a symlink, or is one to a directory. Raises UsageError."""
    parts = path.split(b"/")
    for length in range(1, len(parts) + 1):
        at = b"/".join(parts[:length])
        absolute = project.absolute(at)
        if os.path.islink(absolute) and (length < len(parts) or os.path.isdir(absolute)):
            leads = os.path.realpath(absolute)
            raise UsageError(
                f"{told(path)}: {told(at)} is a symlink to a directory",
                hint=f"name the directory itself: {os.fsdecode(leads)}",
            )


def check_text(path: bytes) -> None:
    """Refuse a name that no pointer can hold. Raises UsageError."""
    try:
        path.decode()
    except UnicodeDecodeError:
        raise UsageError(
            f"{told(path)} has a name that is no UTF-8, which no pointer can hold",
            hint="rename it",
        ) from None


def check_untracked(project: Project, paths: Sequence[bytes]) -> None:
    """Refuse what Git tracks. Raises UsageError, StoreError."""
    found = tracked(project.top, paths)
    if found is not None:
        path = next(path for path in paths if is_inside(found, path))
        also = "" if found == path else f" (it has {told(found)})"
        raise UsageError(
            f"{told(path)} is tracked by Git{also}",
            hint=f"git rm -r --cached {told(path)}, then commit that",
        )


def check_apart(paths: Iterable[bytes]) -> None:
    """Refuse targets that lie in each other. Raises UsageError."""
    for first, other in pairwise(sorted(paths, key=lambda path: path + b"/")):
        if is_inside(other, first):
            raise UsageError(f"{told(other)} lies in {told(first)}", hint="name one of them")
