"""Removing garbage in an order in which a kill does no harm, from a remote with a last look at each object.

Rules: listings go before files, so that whatever has a listing has its files. What was put again since the remote was listed stays, and so do the files
of such a listing; that is asked of each batch right before it goes, so that a push is in danger for the seconds of one batch.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from vfs.sharing.keep import Marks
from vfs.sharing.plain import PlainRemote
from vfs.workspace.condemned import Stored
from vfs.workspace.pointers import Progress

BATCH: Final = 1000
"""Objects; what one request of S3 removes."""


def batches(garbage: Sequence[Stored]) -> Iterator[list[Stored]]:
    """Listings, then files."""
    for is_tree in (True, False):
        some = sorted(one for one in garbage if one.is_tree == is_tree)
        yield from (some[at : at + BATCH] for at in range(0, len(some), BATCH))


def sweep(
    layout: PlainRemote, garbage: Sequence[Stored], needed: Marks, progress: Progress
) -> list[Stored]:
    """Remove objects from a remote; those that went. `needed` learns of listings that were put again. Raises RemoteError; as `Marks.rely`."""
    went: list[Stored] = []
    for some in batches(garbage):
        going = [one for one in some if one[:2] not in needed]
        again = layout.remove(going)
        for one in again:
            if one.is_tree:
                needed.rely(one.digest)
        went += (one for one in going if one not in again)
        progress("remove", len(went), len(garbage))
    return went
