"""What earlier versions of an out have, and what of them still lies there though the pointer says something else since.

Rule: what somebody wrote after the pointer was is theirs. What is older, and is what an earlier version has, was left there by a change of the
pointer (`git checkout`, `git pull`) that no checkout followed.
"""

import math
import os
from collections.abc import Iterator
from itertools import chain

from vfs.errors import DataUnavailable
from vfs.formats.values import Lock, Pointer
from vfs.formats.variables import OnDemand
from vfs.git.machine import former_heads
from vfs.git.repository import Repository
from vfs.state import OutState, Placed
from vfs.tracking.caches import Caches
from vfs.tracking.project import Project, told
from vfs.tracking.record import Entries
from vfs.types import Problem
from vfs.workspace import Workspace
from vfs.workspace.outs import MAX_POINTER, Claim, Parser


def by_git(workspace: Workspace, claim: Claim) -> Iterator[Placed]:
    """What the pointer of an out says, and said wherever HEAD was, newest first, each once."""
    repository = workspace.repository
    if not repository.has("HEAD"):
        return
    seen: set[bytes] = set()
    heads = ["HEAD", *former_heads(repository.git_dir)]
    for rev in dict.fromkeys([*heads, "ORIG_HEAD"]):
        if not repository.has(rev):
            continue
        tree = repository.resolve(rev).tree
        item = repository.find(tree, claim.pointer)
        if item is None or item.oid in seen:
            continue
        seen.add(item.oid)
        yield from _placed(repository, tree, claim, item.oid)


def _placed(repository: Repository, tree: bytes, claim: Claim, oid: bytes) -> Iterator[Placed]:
    def read(path: bytes) -> bytes | None:
        item = repository.find(tree, path)
        return None if item is None else repository.read_blob(item.oid, MAX_POINTER)

    parser, pointer = Parser(repository.read_blob), claim.pointer
    found: Pointer | Lock | Problem | None
    if _is_lock(pointer):
        found = parser.lock(pointer, oid, read, OnDemand(read))
    else:
        found = parser.pointer(pointer, oid)
    if isinstance(found, Pointer | Lock):
        for out in found.outs:
            if out.path == claim.out.path and out.digest is not None:
                yield Placed(out.digest, out.is_tree)


def _is_lock(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == b"dvc.lock"


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
    placed = OutState(project.table).get(claim.out.path)
    caches = Caches(project.store_of(claim))
    former = chain([] if placed is None else [placed], by_git(project.workspace, claim))
    seen = {claim.out.digest}
    for digest in (one.digest for one in former if one.is_tree):
        if digest in seen or caches.holder(digest, is_tree=True) is None:
            continue
        seen.add(digest)
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
