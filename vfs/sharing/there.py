"""What a remote in DVC's layout has of some objects, with as few questions as may be: for `push`, and for `status --remote`.

What is believed without asking:

* the files of a listing that is on the remote *now* are there too, as DVC believes. That also holds for listings of other
  versions that this clone saw there, so that a new version of a large directory asks for what is new;
* what this clone itself saw there within the last `FRESH` seconds: an interrupted push goes on where it was.
"""

import time
from collections.abc import Collection, Iterable
from typing import Final

from vfs.sharing.plain import Object, PlainRemote
from vfs.state import Seen
from vfs.tracking.caches import Caches
from vfs.types import Digest

FRESH: Final = 3600
"""Seconds; less than any grace period of a collection on the remote."""
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

    def now(self, objects: Iterable[Object]) -> set[Object]:
        """Those that the remote has, which is asked for each; what was seen there and is gone makes us forget all."""
        wanted = list(dict.fromkeys(objects))
        there = {one for one, _ in self._layout.present(wanted)} if wanted else set()
        known = self._seen.known(wanted)
        if any(one not in there for one, was in zip(wanted, known, strict=True) if was):
            self._seen.forget_remote()  # somebody removed what was seen
        self._seen.add(there)
        return there

    def files(self, wanted: Collection[Digest]) -> set[Digest]:
        """Those files that the remote has."""
        names = [(digest, False) for digest in wanted]
        since = int(time.time()) - FRESH
        recent = self._seen.known(names, since=since)
        known = {digest for (digest, _), there in zip(names, recent, strict=True) if there}
        self._witnessed(wanted, known)
        rest = [one for one in names if one[0] not in known]
        if rest:
            found = [one for one, _ in self._layout.present(rest)]
            self._seen.add(found)
            known.update(digest for digest, _ in found)
        return known

    def _witnessed(self, wanted: Collection[Digest], known: set[Digest]) -> None:
        """Add the files of other listings that are on the remote now."""
        if len(known) == len(wanted):
            return
        here = [d for d in self._seen.listings(_WITNESSES) if self._caches.holder(d, is_tree=True)]
        if not here:
            return
        asked, meant = [(digest, True) for digest in here], set(wanted)
        for (digest, _), _ in self._layout.present(asked):
            known.update(e.digest for e in self._caches.listing(digest) if e.digest in meant)
