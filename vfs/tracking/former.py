"""What earlier versions of an out have, and what of them still lies there though the pointer says something else since.

Rule: what somebody wrote after the pointer was is theirs. What is older, and is what an earlier version has, was left there by a change of the
pointer (`git checkout`, `git pull`) that no checkout followed.
"""

import math
import os
from typing import Final

from vfs.errors import DataUnavailable
from vfs.state import OutState, Placed
from vfs.tracking.caches import Caches
from vfs.tracking.project import Project, told
from vfs.tracking.record import Entries
from vfs.tracking.uses import uses
from vfs.workspace import Workspace
from vfs.workspace.outs import Claim

_FORMER: Final = ("HEAD", "HEAD@{1}", "ORIG_HEAD")


def by_git(workspace: Workspace, path: bytes) -> list[Placed]:
    """What the pointers of where HEAD is and was say of an out."""
    repository = workspace.repository
    revs = [rev for rev in _FORMER if repository.has(rev)]
    return [
        Placed(one.out.digest, one.out.is_tree)
        for _, surveyed in workspace.surveys(revs)
        for one in uses(surveyed, "", ())[1]
        if one.out.path == path and one.out.digest is not None
    ]


def check_not_former(project: Project, claim: Claim, old: Entries, new: Entries) -> None:
    """Refuse to record, of a directory that is here in part, files of an earlier version: with the rest as it is listed now, that is a mixture nobody made.

    Args:
        project: that it lies in.
        claim: the directory.
        old: what its pointer lists.
        new: what lies there.

    Raises:
        DataUnavailable: there is such a file.
    """
    listed = dict(old)
    changed = [(name, digest) for name, digest in new if listed.get(name) != digest]
    written = _changed_at(project.absolute(claim.pointer))
    top = claim.out.path + b"/"
    older = {
        (name, digest)
        for name, digest in changed
        if _changed_at(project.absolute(top + name)) < written
    }
    if not older:
        return
    placed = [
        OutState(project.table).get(claim.out.path),
        *by_git(project.workspace, claim.out.path),
    ]
    caches = Caches(project.store_of(claim))
    for digest in {one.digest for one in placed if one is not None and one.is_tree}:
        if digest == claim.out.digest or caches.holder(digest, is_tree=True) is None:
            continue
        for entry in caches.listing(digest):
            if (entry.path, entry.digest) in older:
                path = told(top + entry.path)
                raise DataUnavailable(
                    f"{path} is of another version than {told(claim.pointer)} says, and not all of {told(claim.out.path)} is here: recording it would mix the two",
                    hint=f"vfs pull {told(claim.out.path)} brings what is recorded; vfs add {path} records the file as it lies",
                )


def _changed_at(path: bytes) -> float:
    """The ctime of a file, in nanoseconds; of one that just went, later than all."""
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return math.inf
