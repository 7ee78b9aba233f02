"""`vfs move`: an out gets another path, with its pointer, its data and its `.gitignore` line.

Rules: nothing is read, what is not recorded stays so. The new pointer is written before the data moves and the old one
goes last: a move that was interrupted goes on when it is given again.
"""

import os

from vfs.core.paths import check_path
from vfs.errors import StoreError, UnknownPath, UsageError, WouldOverwrite
from vfs.formats.pointer_text import moved_pointer
from vfs.state import OutState
from vfs.tracking import writes
from vfs.tracking.add import Added, check_links, check_text, check_untracked
from vfs.tracking.change import ignore, unignore
from vfs.tracking.homes import home_cache
from vfs.tracking.project import Project, is_inside, told
from vfs.workspace.outs import Claim


def move(project: Project, source: bytes, target: bytes) -> Added:
    """Move an out.

    Args:
        project: that it lies in.
        source: path of the out, or of its pointer.
        target: its new path; a directory that exists takes it in.

    Raises:
        UnknownPath: there is no such out.
        UsageError: it is a stage's, or cannot lie there.
        WouldOverwrite: something is there.
        StoreError: something cannot be written.
    """
    claim = _claim(project, source)
    old = claim.out.path
    if os.path.isdir(project.absolute(target)) and not _same_move(project, claim, target):
        target = target + b"/" + os.path.basename(old) if target else os.path.basename(old)
    _check(project, claim, target)
    own = claim.pointer == old + b".dvc"
    pointer = target + b".dvc" if own else claim.pointer
    text = _text(project, claim, pointer, target)
    os.makedirs(project.absolute(os.path.dirname(target)), exist_ok=True)
    written = ignore(project, target)
    project.write(pointer, text)
    _rename(project, old, target)
    _note(project, old, target)
    written += [pointer, *unignore(project, old)]
    if own:
        writes.remove(project.absolute(claim.pointer))
        written.append(claim.pointer)
    return Added([target], [target], list(dict.fromkeys(written)), [])


def _note(project: Project, old: bytes, target: bytes) -> None:
    """What was put at the old path and seen there lies at the new one; so does what was deleted there."""
    project.state.moved(old, target)
    outs = OutState(project.table)
    placed = outs.get(old)
    if placed is not None:
        outs.put(target, placed)
        outs.forget(old)


def _claim(project: Project, source: bytes) -> Claim:
    owner = project.owner(source)
    if owner is None:
        owner = next((c for c in project.survey.claims.own if c.pointer == source), None)
    if owner is None:
        raise UnknownPath(f"nothing that is tracked is called {told(source)}")
    if owner.stage:
        raise UsageError(
            f"{told(source)} is an output of the stage {owner.stage!r}", hint="move it in dvc.yaml"
        )
    if source not in (owner.out.path, owner.pointer):
        raise UsageError(
            f"{told(source)} lies in {told(owner.out.path)}, which moves as a whole",
            hint=f"move the file, then vfs add {told(owner.out.path)}",
        )
    return owner


def _same_move(project: Project, claim: Claim, target: bytes) -> bool:
    """Whether this move was begun: the new pointer says all the old one does."""
    if claim.pointer != claim.out.path + b".dvc":
        return False
    there = writes.read(project.absolute(target + b".dvc"))
    return there is not None and there == _text(project, claim, target + b".dvc", target)


def _text(project: Project, claim: Claim, pointer: bytes, target: bytes) -> bytes:
    """The pointer as it will be."""
    old = writes.read(project.absolute(claim.pointer)) or b""
    return moved_pointer(old, claim.pointer, claim.out.path, pointer, target)


def _check(project: Project, claim: Claim, target: bytes) -> None:
    old = claim.out.path
    check_path(target)
    check_text(target)
    if b"/" in target:
        check_links(project, os.path.dirname(target))
    if is_inside(target, old) or is_inside(old, target):
        raise UsageError(f"{told(old)} cannot move to {told(target)}")
    begun = _same_move(project, claim, target)
    for other in project.survey.claims.own:
        path = other.out.path
        if (is_inside(target, path) or is_inside(path, target)) and not (begun and path == target):
            raise UsageError(f"{told(target)} would overlap {told(path)} of {told(other.pointer)}")
    check_untracked(project, [target])
    moved = begun and not os.path.lexists(project.absolute(old))
    for there, fine in ((target, moved), (target + b".dvc", begun)):
        if os.path.lexists(project.absolute(there)) and not fine:
            raise WouldOverwrite(f"{told(there)} is there already", hint="remove it first")


def _rename(project: Project, old: bytes, target: bytes) -> None:
    try:
        os.rename(project.absolute(old), project.absolute(target))
    except FileNotFoundError:
        return  # not checked out, or moved before
    except OSError as error:
        raise StoreError(f"{told(old)} cannot be moved: {error.strerror}") from error
    homes = home_cache(project.store)
    if homes is not None:
        homes.homes.moved(old, target, project.top)
