"""What a remote in DVC's layout has of some objects, with as few questions as may be: for `push`, and for `status --remote`.

What is believed without asking: the files of a listing that is on the remote *now*, if this clone put them there or asked for all of them
once (`prove`). That also holds for listings of other versions, so that a new version of a large directory asks for what is new. A listing that
somebody else put proves nothing: `dvc push data/file` puts one with a single file. An object that has another size there than here is not there.
Nothing else: a file that no listing names may be removed by anybody's collection, however recently we saw or sent it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from vfs.sharing.plain import PlainRemote
from vfs.state import Seen
from vfs.tracking.caches import Caches
from vfs.types import Digest
from vfs.workspace.condemned import Object

_WITNESSES: Final = 16
"""Listings of other versions that are looked at."""


class There:
    """Blocking.

    Args:
        layout: the remote.
        seen: what is known of it.
        caches: that have listings of other versions.
    """

    def __init__(self, layout: PlainRemote, seen: Seen, caches: Caches) -> None:
        self._layout = layout
        self._seen = seen
        self._caches = caches
        self._believed: dict[Object, set[Digest]] = {}

    def now(self, objects: Iterable[Object]) -> set[Object]:
        """Those that the remote has, which is asked for each; what was seen there and is gone makes us forget all."""
        wanted = list(dict.fromkeys(objects))
        there = self._whole(wanted)
        listings = [one for one in wanted if one[1]]
        known = self._seen.known([digest for digest, _ in listings])
        if any(one not in there for one, was in zip(listings, known, strict=True) if was):
            self._seen.forget_remote()  # somebody removed what was seen
        return there

    def unproven(self, listings: Iterable[Digest]) -> set[Digest]:
        """Those of some listings whose files nobody of this clone has put or asked for."""
        asked = list(listings)
        known = self._seen.known(asked)
        return {digest for digest, was in zip(asked, known, strict=True) if not was}

    def prove(self, listings: Iterable[Digest]) -> None:
        """All files of these listings, which are there, are there too: that was asked."""
        self._seen.add(listings)

    def files(self, wanted: Collection[Digest]) -> set[Digest]:
        """Those files that the remote has."""
        known: set[Digest] = set()
        self._witnessed(wanted, known)
        rest = [(digest, False) for digest in wanted if digest not in known]
        if rest:
            known.update(digest for digest, _ in self._whole(rest))
        return known

    def lost(self) -> list[Digest]:
        """Files that were taken to be there for the sake of other listings, which somebody's collection has removed since with them."""
        there = self._whole(list(self._believed))
        doubtful = set().union(
            *(files for one, files in self._believed.items() if one not in there)
        )
        return list(doubtful - {d for d, _ in self._whole([(one, False) for one in doubtful])})

    def _whole(self, objects: Sequence[Object]) -> set[Object]:
        """Those that are there, but for those that are shorter or longer than the caches have them: the answer has the size anyhow."""
        found = self._layout.present(objects) if objects else ()
        return {one for one, size in found if self._size_is_right(one, size)}

    def _size_is_right(self, one: Object, size: int) -> bool:
        here = None
        for cache in self._caches.readable:
            here = cache.size(one[0], is_tree=one[1])
            if here == size:
                return True
        return here is None

    def _witnessed(self, wanted: Collection[Digest], known: set[Digest]) -> None:
        """Add the files of other listings that are on the remote now."""
        if len(known) == len(wanted):
            return
        here = [d for d in self._seen.listings(_WITNESSES) if self._caches.holder(d, is_tree=True)]
        if not here:
            return
        asked, meant = [(digest, True) for digest in here], set(wanted)
        for digest, _ in self._whole(asked):
            names = {e.digest for e in self._caches.listing(digest)}
            self._believed[digest, True] = names & meant - known
            known |= names & meant
