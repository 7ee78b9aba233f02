"""What the pointers of one revision use, for the targets of a command line."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from vfs.formats.dirlisting import ListingEntry
from vfs.formats.values import Out
from vfs.objects import writing
from vfs.tracking.caches import Caches
from vfs.tracking.targets import Selection, Target, Wanted, select
from vfs.workspace.outs import Claim
from vfs.workspace.stores import DvcStore
from vfs.workspace.surveyed import Survey

if TYPE_CHECKING:
    from vfs.workspace import Workspace


class Use(NamedTuple):
    """An out that some revision has.

    Attributes:
        wanted: the out, and which of its files are meant.
        selection: that it comes from.
        store: caches and remotes of its DVC repository.
        root: of that repository.
        rev: of the revision.
    """

    wanted: Wanted
    selection: Selection
    store: DvcStore
    root: bytes
    rev: str

    @property
    def claim(self) -> Claim:
        """The out and its pointer."""
        return self.wanted.claim

    @property
    def out(self) -> Out:
        """The out."""
        return self.wanted.claim.out

    @property
    def versioned(self) -> bool:
        """Whether its files lie under their paths on a version-aware remote."""
        place = self.out.place
        return self.out.files is not None or (place is not None and place.remote is not None)

    def means(self, path: bytes) -> bool:
        """Whether a file of the out (relative to it) is meant."""
        if self.wanted.inside is None:
            return True
        targets = self.wanted.inside.targets(path)
        self.selection.met(targets)
        return bool(targets)

    def files(self, caches: Caches) -> Iterator[ListingEntry]:
        """Its meant files by its listing, which lies in the cache; raises as `Caches.listing`."""
        assert self.out.digest is not None
        for entry in caches.listing(self.out.digest):
            if self.means(entry.path):
                yield entry


def uses(
    surveyed: Survey,
    rev: str,
    targets: Sequence[Target],
    *,
    glob: bool = False,
    uncommitted: bool = False,
) -> tuple[Selection, list[Use]]:
    """What a revision uses; unknown targets are in the selection.

    Outs that were never committed take part only if they are named, or with `uncommitted`.
    """
    claims = surveyed.claims
    named = {target.path for target in targets}
    asked = [
        claim
        for claim in claims.uncommitted
        if uncommitted or not named.isdisjoint((claim.out.path, claim.pointer))
    ]
    selection = select([*claims.served, *asked], targets, glob=glob)
    roots = surveyed.roots
    found = [
        Use(wanted, selection, roots.store_of(pointer), roots.root_of(pointer), rev)
        for wanted in selection.wanted
        for pointer in (wanted.claim.pointer,)
    ]
    return selection, found


@contextmanager
def locked(
    workspace: "Workspace", found: Iterable[Use], wait: float, roots: Iterable[bytes] = ()
) -> Iterator[None]:
    """Hold DVC's lock of every DVC repository that some outs belong to, and of some more by their roots.

    Raises:
        RepositoryBusy: somebody else holds one, for longer than `wait` seconds.
    """
    with ExitStack() as stack:
        if workspace.root is not None:
            for root in sorted({*(use.root for use in found), *roots}):
                stack.enter_context(writing(workspace.root / os.fsdecode(root), wait))
        yield
