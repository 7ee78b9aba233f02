"""Outs whose pointers are gone: what a checkout or an add left there goes with its pointer.

After `git checkout` of a revision that does not have an out, its data would lie there untracked and no longer ignored.

Rules:

* Only what this clone put there or added, as far as the cache has it: a file that is another one now, or more than was
  there, and all of the out stays, as the user's own.
* An out that a pointer may still mean stays: one that cannot be read or is ignored, one that Git has and a sparse checkout leaves out,
  the out of a stage. So does what overlaps another out, or is Git's.
* `vfs remove` leaves data behind on purpose: it is forgotten there.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

from vfs.git.here import tracked
from vfs.mount_table import mounts_below
from vfs.state import FileState, OutState, Placed, StateTable
from vfs.tracking.caches import Caches
from vfs.tracking.compare import Comparison, Plan
from vfs.tracking.contents import Contents
from vfs.tracking.links import Linker
from vfs.tracking.materialise import Materialiser, check_parents
from vfs.tracking.scan import Scanner
from vfs.types import Digest
from vfs.workspace import Workspace
from vfs.workspace.stores import DvcStore
from vfs.workspace.surveyed import Survey


class Gone(NamedTuple):
    """An out without a pointer.

    Attributes:
        path: of it.
        placed: what was left there.
        store: that has its objects.
        root: of the DVC repository.
    """

    path: bytes
    placed: Placed
    store: DvcStore
    root: bytes


def roots_here(workspace: Workspace, survey: Survey | None) -> list[bytes]:
    """The roots of the DVC repositories of a working tree; none without a survey of it."""
    if survey is None or workspace.root is None:
        return []
    top = os.fsencode(workspace.root)
    return [
        path for path in survey.roots.paths() if os.path.isdir(os.path.join(top, path, b".dvc"))
    ]


def gone(workspace: Workspace, table: StateTable, survey: Survey) -> list[Gone]:
    """The outs that no pointer of the working tree names any more."""
    here, top = roots_here(workspace, survey), os.fsencode(workspace.root or "")
    claims = survey.claims
    named = {claim.out.path for claim in (*claims.served, *claims.rivals)}
    named |= {problem.path for problem in (*claims.broken, *claims.problems, *survey.problems)}
    above = {directory for path in named for directory in _above(path)}
    found = []
    for path, placed in OutState(table).all():
        pointer = path + b".dvc"
        if placed.stage or path in above or not named.isdisjoint((path, pointer, *_above(path))):
            continue
        if workspace.root is None or os.path.lexists(workspace.root / os.fsdecode(pointer)):
            continue  # ignored, or not of this DVC repository
        root = survey.roots.root_of(path)
        if root in here and tracked(top, [path, pointer]) is None:
            found.append(Gone(path, placed, survey.roots.store_of(path), root))
    return found


def let_go(top: bytes, table: StateTable, out: Gone) -> tuple[int, bool]:
    """Remove what lies there, unless any of it is the user's; it is forgotten in any case.

    Returns:
        How many files went, and whether something stays.

    Raises:
        StoreError: something cannot be removed.
        DataUnavailable: it cannot be read, or changes while it is.
        WouldOverwrite: a file changed since it was looked at.
    """
    absolute = os.path.join(top, out.path)
    outs = OutState(table)
    if not os.path.lexists(absolute):
        outs.forget(out.path)
        return 0, False
    check_parents(top, out.path)
    if out.placed.link and os.path.islink(absolute):
        ours = os.readlink(absolute) == out.placed.link
        if ours:
            os.unlink(absolute)
        outs.forget(out.path)
        return int(ours), not ours
    caches = Caches(out.store)
    plan = _plan(top, table, out, caches)
    if plan is not None:
        maker = Materialiser(top, os.path.join(top, out.root))
        maker.carry_out(plan, out.path, caches, Linker(out.store.links))
        taken = [present.path for present in plan.remove]
        FileState(table).forget([*taken, out.path + b"/"])  # not the user deleted them
    outs.forget(out.path)
    return (0, True) if plan is None else (len(plan.remove), os.path.lexists(absolute))


def _plan(top: bytes, table: StateTable, out: Gone, caches: Caches) -> Plan | None:
    """What is to be removed; None if something is the user's."""
    former = _former(out, caches)
    mounts = mounts_below(top)
    scanner = Scanner(top, out.root, mounts)
    with Contents(top, FileState(table)) as contents:
        files = contents.of(scanner.files(out.path), out.placed.digest.algorithm)
        plan = Comparison(top, mounts, caches, {}, lambda: former, lambda _: True).run(files)
    return None if plan.users or plan.kept or scanner.problems else plan


def _former(out: Gone, caches: Caches) -> dict[bytes, set[Digest]]:
    """The files that were left there; none if the cache has no list of them."""
    digest, is_tree, _, _ = out.placed
    if not is_tree:
        return {out.path: {digest}}
    if caches.holder(digest, is_tree=True) is None:
        return {}
    return {out.path + b"/" + entry.path: {entry.digest} for entry in caches.listing(digest)}


def _above(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path
