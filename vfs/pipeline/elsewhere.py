"""Outs that are recorded and not here: whether a remote has them, and bringing them. Loads the drivers of remotes."""

from collections.abc import Sequence

from vfs.errors import ConfigError, RemoteError, Unsupported, VfsError
from vfs.sharing.fetch import Fetch
from vfs.sharing.missing import missing
from vfs.sharing.push import pushed
from vfs.sharing.used import Used
from vfs.tracking.checkout import Checkout, How
from vfs.tracking.project import Project
from vfs.tracking.targets import Selection, Wanted
from vfs.tracking.uses import Use
from vfs.workspace.outs import Claim


def bring(project: Project, claims: Sequence[Claim]) -> bool:
    """Fetch and check out; whether all of it is there."""
    if not claims or not fetch(project, claims):
        return False
    uses = [_use(project, claim) for claim in claims]
    checkout = Checkout(project.workspace, project.table, How(), project.progress)
    return not checkout.run(uses).troubles


def on_remotes(project: Project, claims: Sequence[Claim]) -> set[bytes]:
    """Paths of those outs that a remote has; of one that does not answer that is assumed, since nothing shows anything else."""
    uses = [use for use in (_use(project, claim) for claim in claims) if pushed(use)]
    try:
        lacking = missing(project.workspace, project.table, None, Used(uses, [], []))
    except (ConfigError, Unsupported):
        return set()
    except RemoteError:
        return {use.out.path for use in uses}
    gone = {use.out.path for remote in lacking for use, _ in remote.outs}
    return {use.out.path for use in uses} - gone


def fetch(project: Project, claims: Sequence[Claim]) -> bool:
    """Bring what outs hold into the cache; whether all of it is there."""
    uses = [_use(project, claim) for claim in claims]
    work = Fetch(project.workspace, None, project.progress)
    try:
        return not work.run(Used(uses, [], [])).troubles
    except VfsError:
        return False


def _use(project: Project, claim: Claim) -> Use:
    nothing = Selection([], (), set(), ())
    return Use(Wanted(claim), nothing, project.store_of(claim), project.root, "worktree")
