"""Which outs the revisions of a repository use: the working tree, some revisions, or all of history.

Rules: each out is looked at once, however many revisions have it; of trees whose pointers were seen before nothing is read.
Outs that name the same objects are one, since these go and come once: who makes or names paths asks for outs `apart`.
Memory: one `Use` for each different out; listings are read one at a time by whoever needs them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vfs.tracking.targets import Selection, Target, refuse
from vfs.tracking.uses import Use, uses
from vfs.types import Problem
from vfs.workspace import Workspace
from vfs.workspace.pointers import Progress
from vfs.workspace.workspace import WORKTREE


class Scope(NamedTuple):
    """Revisions; none of them: the working tree.

    Attributes:
        revs: whatever Git resolves.
        branches: all local branches, and the working tree.
        tags: all tags, and the working tree.
        commits: everything reachable from any reference, and the working tree.
    """

    revs: tuple[str, ...] = ()
    branches: bool = False
    tags: bool = False
    commits: bool = False


class Used(NamedTuple):
    """The outs of a scope.

    Attributes:
        uses: each once, or of those with the same objects the first.
        problems: pointers that cannot be used.
    """

    uses: list[Use]
    problems: list[Problem]
    selections: list[Selection]

    def check(self) -> None:
        """After all listings were read: raise UnknownPath for a target that meant nothing in any revision."""
        unmet = [set(selection.unmet) for selection in self.selections]
        if unmet and set.intersection(*unmet):
            first = self.selections[0]
            left = set.intersection(*unmet)
            refuse([text for text in first.unmet if text in left], first.names)


def used(
    workspace: Workspace,
    scope: Scope,
    targets: Sequence[Target],
    progress: Progress,
    *,
    glob: bool = False,
    apart: bool = False,
) -> Used:
    """Everything that the revisions of a scope use; `apart`: each of the outs that have the same objects.

    Raises:
        UnknownRevision: Git does not know one.
        UnknownPath: a target means nothing, as far as can be told without listings.
        StoreError, RemoteError: as `Workspace.surveys`.
    """
    found: dict[object, Use] = {}
    problems: dict[Problem, None] = {}
    selections = []
    for rev, surveyed in workspace.surveys(revisions(workspace, scope), progress):
        selection, more = uses(surveyed, rev, targets, glob=glob)
        selections.append(selection)
        for use in more:
            found.setdefault((use.out.path, _key(use)) if apart else _key(use), use)
        claims = surveyed.claims
        problems.update(
            dict.fromkeys((*surveyed.problems, *claims.problems, *claims.broken)),
        )
    result = Used(list(found.values()), list(problems), selections)
    if not any(use.wanted.inside for use in result.uses):
        result.check()
    return result


def revisions(workspace: Workspace, scope: Scope) -> Iterator[str]:
    """The revisions of a scope."""
    repository = workspace.repository
    if workspace.root is not None and (not scope.revs or scope.branches or scope.tags):
        yield WORKTREE
    yield from scope.revs
    if scope.branches:
        yield from (commit for _, commit in repository.branches())
    if scope.tags:
        yield from (commit for _, commit in repository.tags())
    if scope.commits:
        yield from repository.commits()


def _key(use: Use) -> object:
    """What tells outs apart as far as their objects go."""
    out, source = use.out, use.claim.source
    path = out.path if use.versioned or use.wanted.inside or source is not None else b""
    return (
        use.store,
        out.digest,
        out.is_tree,
        out.remote,
        out.push,
        path,
        out.files,
        out.place,
        None if source is None else (type(source), repr(source)),
    )
