"""What a remote in DVC's layout has of some objects, with as few questions as may be: for `push`, and for `status --remote`.

What is believed without asking: the files of a listing that is on the remote *now*, if this clone put them there or asked for all of them
once (`prove`), and if the listing has not been put again since. That also holds for listings of other versions, so that a new version of a large directory
asks for what is new. A listing that somebody else put proves nothing: `dvc push data/file` puts one with a single file, also where a collection has taken
ours with its files. An object that has another size there than here is not there.
Nothing else: a file that no listing names may be removed by anybody's collection, however recently we saw or sent it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from vfs.sharing.plain import PlainRemote
from vfs.state import Seen
from vfs.tracking.caches import Caches
from vfs.types import Digest
from vfs.workspace.condemned import Object, same

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
        self._believed: dict[Digest, set[Digest]] = {}
        self._put: dict[Digest, float] = {}

    def now(self, objects: Iterable[Object]) -> set[Object]:
        """Those that the remote has, which is asked for each; what was seen there and is gone makes us forget all."""
        wanted = list(dict.fromkeys(objects))
        there = self._whole(wanted)
        listings = [one for one in wanted if one[1]]
        known = self._seen.known([digest for digest, _ in listings])
        if any(
            one not in there for one, was in zip(listings, known, strict=True) if was is not None
        ):
            self._seen.forget_remote()  # somebody removed what was seen
        return there

    def unproven(self, listings: Iterable[Digest]) -> set[Digest]:
        """Those of some listings, of which `now` was asked, whose files nobody of this clone has put or asked for since they were put."""
        asked = list(listings)
        known = self._seen.known(asked)
        return {
            digest for digest, was in zip(asked, known, strict=True) if not self._is(digest, was)
        }

    def prove(self, listings: Iterable[Digest]) -> None:
        """All files of these listings, of which `now` was asked before, are there too: that was asked."""
        self._seen.add({digest: self._put[digest] for digest in listings})

    def sent(self, listings: Iterable[Digest]) -> None:
        """`prove` listings that we have just put there, with their files."""
        there = self._whole([(digest, True) for digest in listings])
        self.prove(digest for digest, _ in there)

    def _is(self, listing: Digest, was: float | None) -> bool:
        """Whether it is the one that was put there then, by what the remote said last."""
        return was is not None and same(was, self._put.get(listing, 0.0))

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
        put = {digest: self._put[digest] for digest in self._believed}
        there = self._whole([(digest, True) for digest in put])
        stayed = {d for d, was in put.items() if (d, True) in there and self._is(d, was)}
        doubtful = set().union(
            *(files for digest, files in self._believed.items() if digest not in stayed)
        )
        return list(doubtful - {d for d, _ in self._whole([(one, False) for one in doubtful])})

    def _whole(self, objects: Sequence[Object]) -> set[Object]:
        """Those that are there, but for those that are shorter or longer than the caches have them: the answer has the size anyhow."""
        whole = set()
        for one, info in self._layout.present(objects) if objects else ():
            if self._size_is_right(one, info.size):
                whole.add(one)
                if one[1]:
                    self._put[one[0]] = info.modified
        return whole

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
        recent = self._seen.listings(_WITNESSES)
        here = {d: was for d, was in recent.items() if self._caches.holder(d, is_tree=True)}
        meant = set(wanted)
        for digest, _ in self._whole([(one, True) for one in here]):
            if self._is(digest, here[digest]):
                names = {e.digest for e in self._caches.listing(digest)}
                self._believed[digest] = names & meant - known
                known |= names & meant
