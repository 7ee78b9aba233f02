"""Objects that a collection is about to remove from a remote in DVC's layout (`docs/tracking.md`, "Collecting garbage").

Format: as the condemned objects of a packed remote; an id is the algorithm's number, 1 for a listing (else 0), 14 zero bytes, the digest.

Rules:

* What was put later than it was condemned is not condemned. Times are the remote's, of both.
* Who condemns puts one more object, of a fixed name, afterwards: for pushers who may read and write, but not list, all is condemned that is not younger than
  that. What names condemned objects and is younger is of a run that was killed between: it counts for nothing, since those pushers did not know of it.

Memory: some 200 bytes for each condemned object.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vfs.errors import AccessDenied, Unsupported
from vfs.packed.known import condemn, condemnations
from vfs.remotes import Remote
from vfs.remotes.base import told
from vfs.types import Algorithm, Digest

FOLDER: Final = "vfs-condemned/"
"""Below the remote's prefix. `dvc` takes only names of the shape `XX/rest` for objects."""
CLOCK: Final = FOLDER + "clock"
"""Put by each collection, for the time that the remote gives it."""
_LATEST: Final = FOLDER + "latest"
_ZERO: Final = bytes(14)

Object = tuple[Digest, bool]
"""A digest, and whether it names a listing."""


class Stored(NamedTuple):
    """An object that lies somewhere.

    Attributes:
        digest: its name.
        is_tree: it is a listing.
        size: bytes.
        modified: seconds since the epoch when it was put; 0 if unknown.
    """

    digest: Digest
    is_tree: bool
    size: int
    modified: float


@dataclass(slots=True)
class Condemned:
    """What is condemned on one remote.

    Attributes:
        due: what waited long enough, and when it was condemned last.
        waiting: what did not.
        ended: keys of the objects that name what is due.
        void: keys of those that count for nothing; they have to go before anything is condemned, since they would count then.
        last: when the last of those that wait was condemned.
    """

    due: dict[Object, float] = field(default_factory=dict)
    waiting: dict[Object, float] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)
    last: float = 0.0

    @classmethod
    def read(cls, remote: Remote, prefix: str, before: float = 0.0) -> "Condemned":
        """What is condemned, for a collection; what was so before a time (seconds since the epoch) is due.

        Raises:
            FormatError: an object that says it is damaged.
            RemoteError: as `Remote.list`.
        """
        found = cls()
        latest = max((info.modified for info in remote.list(prefix + _LATEST)), default=0.0)
        for info, names in condemnations(remote, prefix + FOLDER):
            due = 0 < info.modified <= before
            if info.modified > latest:
                found.void.append(info.key)
                continue
            if due:
                found.ended.append(info.key)
            else:
                found.last = max(found.last, info.modified)
            into = found.due if due else found.waiting
            for name in names:
                one = _object(name)
                if one is not None:
                    into[one] = max(into.get(one, 0.0), info.modified)
        return found


class Doomed:
    """What is condemned, for whoever counts on objects; ask before they are looked at."""

    def __init__(self, remote: Remote, prefix: str) -> None:
        """Raises FormatError: an object that says it is damaged; RemoteError: neither a list of them nor the last of them is to be had."""
        self._named: dict[Object, float] = {}
        self._unlisted = 0.0
        try:
            for info, names in condemnations(remote, prefix + FOLDER):
                for one in filter(None, map(_object, names)):
                    self._named[one] = max(self._named.get(one, 0.0), info.modified)
        except (Unsupported, AccessDenied):
            for _, answer in remote.heads([prefix + _LATEST]):
                latest = told(answer)
                if latest is not None:
                    self._unlisted = latest.modified or math.inf

    def __contains__(self, one: object) -> bool:
        """Whether it has to be put later than something to stay."""
        return bool(self._unlisted) or one in self._named

    def stays(self, one: Object, modified: float) -> bool:
        """Whether an object that was put then (seconds since the epoch; 0: unknown) is not condemned."""
        return one not in self or modified > max(self._named.get(one, 0.0), self._unlisted)


def add(remote: Remote, prefix: str, objects: Sequence[Stored], now: float) -> None:
    """Condemn objects. Raises RemoteError."""
    if objects:
        names = (_name(one.digest, one.is_tree) for one in objects)
        condemn(remote, names, now, prefix + FOLDER)
        remote.put(prefix + _LATEST, b"")


def fallen(some: Sequence[Stored], condemned: Mapping[Object, float]) -> list[Stored]:
    """Those of some objects that were condemned and not put again since."""
    return [one for one in some if 0 < one.modified < condemned.get(one[:2], 0.0)]


def _name(digest: Digest, is_tree: bool) -> bytes:
    return bytes((digest.algorithm, is_tree)) + _ZERO + digest.value


def same(one: float, other: float) -> bool:
    """Whether two times (seconds since the epoch; 0: unknown) may be those of one putting; one may come from a HEAD, without the fraction."""
    cut = one.is_integer() or other.is_integer()
    return min(one, other) > 0 and (abs(one - other) < 1 if cut else one == other)


def _object(name: bytes) -> Object | None:
    """None: of a kind that is not known here."""
    algorithm, is_tree = name[0], name[1]
    if algorithm not in (Algorithm.MD5, Algorithm.MD5_DOS2UNIX) or is_tree > 1:
        return None
    return Digest(Algorithm(algorithm), name[16:]), bool(is_tree)
