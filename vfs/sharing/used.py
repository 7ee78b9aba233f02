"""Which outs the revisions of a repository use: the working tree, some revisions, or all of history.

Rules: each out is looked at once, however many revisions have it; of trees whose pointers were seen before nothing is read.
Outs that name the same objects are one, since these go and come once: who makes or names paths asks for outs `apart`.
Remotes and caches are those of the revision's own configuration, and behind them those that the working tree's names
now: history is pushed to, and fetched from, remotes that came later.
Memory: one `Use` for each different out; listings are read one at a time by whoever needs them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vfs.errors import FormatError
from vfs.tracking.targets import Selection, Target, refuse
from vfs.tracking.uses import Use, uses
from vfs.types import Problem, Severity
from vfs.workspace import Workspace
from vfs.workspace.here import survey_here
from vfs.workspace.packed_stores import with_packed
from vfs.workspace.pointers import Progress
from vfs.workspace.stores import Roots
from vfs.workspace.surveyed import Survey
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
        hidden: those of the working tree and of revisions that were named one by one, within the targets: what they name is not among the uses, and
            who wanted everything has to know.
    """

    uses: list[Use]
    problems: list[Problem]
    selections: list[Selection]
    hidden: tuple[Problem, ...] = ()

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
    hidden: dict[Problem, None] = {}
    selections = []
    now: Roots | None = None
    for rev, surveyed in workspace.surveys(revisions(workspace, scope), progress):
        if rev != WORKTREE and workspace.root is not None:
            now = now or roots_now(workspace.root)
            surveyed = _also(surveyed, now)
        selection, more = uses(surveyed, rev, targets, glob=glob)
        selections.append(selection)
        for use in more:
            found.setdefault((use.out.path, _key(use)) if apart else _key(use), use)
        claims = surveyed.claims
        problems.update(
            dict.fromkeys((*surveyed.problems, *claims.problems, *claims.broken)),
        )
        if rev == WORKTREE or rev in scope.revs:
            hidden.update(
                (one, None) for one in claims.problems if _hides(one) and _meant(one.path, targets)
            )
    result = Used(list(found.values()), list(problems), selections, tuple(hidden))
    if not any(use.wanted.inside for use in result.uses):
        result.check()
    return result


def roots_now(root: Path) -> Roots:
    """The DVC repositories of a working tree by its configuration as it lies there now; raises as `survey_here`."""
    return survey_here(root).roots.changed(lambda _, store: with_packed(store, root))


def _hides(problem: Problem) -> bool:
    """Whether a pointer or a lock cannot be read, so that nobody knows what it names."""
    return problem.code == FormatError.code and problem.severity is Severity.BROKEN


def _meant(path: bytes, targets: Sequence[Target]) -> bool:
    """Whether all is meant, or a directory with the path in it."""
    return not targets or any(
        not one.path or path == one.path or path.startswith(one.path + b"/") for one in targets
    )


def _also(surveyed: Survey, now: Roots) -> Survey:
    """A revision that may also use what the working tree's configuration names."""
    roots = surveyed.roots.changed(lambda path, one: one.besides(now.store_of(path + b"/")))
    return replace(surveyed, roots=roots)


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
