"""`vfs remove`: outs are no longer tracked; their objects stay in the cache until `vfs gc`.

Rules:

* What lies in the working tree is deleted only if asked for (`outs`), and only if the cache has it, unless forced.
* A path inside a tracked directory leaves its listing; a file that is still there must go with it, or the
  next `vfs add` would bring it back.
* What stays is the user's own from now on: symlinks into the cache, whose objects `vfs gc` may remove, become copies.
* Deleted first, then the `.gitignore` line, the pointer last: a command that was interrupted can be given again.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress

from vfs.errors import StoreError, UnknownPath, UsageError, WouldOverwrite
from vfs.formats.pointer_text import without_out
from vfs.state import OutState
from vfs.tracking import writes
from vfs.tracking.add import Added, check_editable
from vfs.tracking.change import apply, change_of, unignore
from vfs.tracking.links import unlink_from_cache
from vfs.tracking.project import Project, told
from vfs.tracking.record import listed, read_below, record_parts
from vfs.types import Algorithm, Digest
from vfs.workspace.outs import Claim


def remove(
    project: Project, targets: Sequence[bytes], *, outs: bool = False, force: bool = False
) -> Added:
    """Stop tracking.

    Args:
        project: that the targets lie in.
        targets: pointers, outs, or paths inside tracked directories.
        outs: delete the data from the working tree too.
        force: also data that the cache does not have.

    Raises:
        UnknownPath: a target is none of these.
        UsageError: a stage's output, or a path inside a directory that is there while `outs` is not given.
        WouldOverwrite: deleting would lose something.
        VfsError: as `record_parts` and `apply`.
    """
    whole, parts = _meant(project, targets)
    for claim, _ in parts.values():
        check_editable(claim)
    meant = [*whole.items(), *((path, claim) for claim, below in parts.values() for path in below)]
    for path, claim in meant:
        _check(project, claim, path, outs=outs, force=force)
    written: list[bytes] = []
    for claim, below in parts.values():
        for path in below:
            _delete(project, path)
        recorded = record_parts(project, claim, below, drop=True)
        written += apply(project, [change_of(project, claim.out.path, claim, recorded)])
    for path, claim in whole.items():
        if outs:
            _delete(project, path)
        else:
            OutState(project.table).forget(path)
            unlink_from_cache(os.fsencode(project.absolute(path)), project.cache.directory)
        written += unignore(project, path)
        written += _drop(project, claim)
    done = [path for path, _ in meant]
    return Added(done, done, list(dict.fromkeys(written)), [])


Parts = dict[bytes, tuple[Claim, list[bytes]]]


def _meant(project: Project, targets: Sequence[bytes]) -> tuple[dict[bytes, Claim], Parts]:
    """The outs that targets mean, and paths inside outs."""
    whole: dict[bytes, Claim] = {}
    parts: Parts = {}
    for target in targets:
        found = [claim for claim in project.survey.claims.own if claim.pointer == target]
        owner = project.owner(target)
        if not found and owner is None:
            raise UnknownPath(f"nothing that is tracked is called {told(target)}")
        for claim in found or ([] if owner is None else [owner]):
            if claim.stage:
                raise UsageError(
                    f"{told(claim.out.path)} is an output of the stage {claim.stage!r}",
                    hint=f"take it out of the dvc.yaml beside {told(claim.pointer)}",
                )
            if found or target == claim.out.path:
                whole[claim.out.path] = claim
            else:
                parts.setdefault(claim.out.path, (claim, []))[1].append(target)
    return whole, parts


def _check(project: Project, claim: Claim, path: bytes, *, outs: bool, force: bool) -> None:
    """Refuse to delete what nobody else has."""
    if not os.path.lexists(project.absolute(path)):
        return
    if not outs:
        if path == claim.out.path:
            return
        raise UsageError(
            f"{told(path)} is still there: the next add of {told(claim.out.path)} would bring it back",
            hint="delete it too: --outs",
        )
    if not force:
        _check_kept(project, claim, path)


def _check_kept(project: Project, claim: Claim, path: bytes) -> None:
    """Refuse data of which the cache lacks something. Raises WouldOverwrite."""
    digest = claim.out.digest
    algorithm = Algorithm.MD5 if digest is None else digest.algorithm
    found: list[tuple[bytes, Digest]] = []
    read_below(project, path, claim.out.path, algorithm, found, store=False)
    recorded = dict(listed(project, claim)) if claim.out.is_tree else {b"": digest}
    for below, content in found:
        if recorded.get(below) != content or not project.cache.trusted(content):
            at = claim.out.path + b"/" + below if below else path
            raise WouldOverwrite(
                f"{told(at)} is not what {told(claim.pointer)} says, or the cache does not have it",
                hint="vfs commit it first; --force deletes it all the same",
            )


def _delete(project: Project, path: bytes) -> None:
    """Delete a path of the working tree. Raises StoreError."""
    absolute = project.absolute(path)
    try:
        if os.path.isdir(absolute) and not os.path.islink(absolute):
            shutil.rmtree(absolute)
        else:
            with suppress(FileNotFoundError):
                os.unlink(absolute)
    except OSError as error:
        raise StoreError(f"{told(path)} cannot be deleted: {error.strerror}") from error
    project.state.forget_below(path)


def _drop(project: Project, claim: Claim) -> list[bytes]:
    """Take an out from its pointer, which goes with its last one; the pointer's path for Git."""
    absolute = project.absolute(claim.pointer)
    old = writes.read(absolute)
    if old is None:
        return []
    new = without_out(old, claim.pointer, claim.out.path)
    if new is None:
        writes.remove(absolute)
    else:
        project.write(claim.pointer, new)
    return [claim.pointer]
