"""Objects that a collection is about to remove from a remote in DVC's layout (`docs/tracking.md`, "Collecting garbage").

Format: as the condemned objects of a packed remote; an id is the algorithm's number, 1 for a listing (else 0), 14 zero bytes, the digest.

Rule: what was put later than it was condemned is not condemned. Times are the remote's, of both.
Memory: some 200 bytes for each condemned object.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from vfs.errors import AccessDenied, Unsupported
from vfs.packed.known import condemn, condemnations
from vfs.remotes import Remote
from vfs.types import Algorithm, Digest

FOLDER: Final = "vfs-condemned/"
"""Below the remote's prefix. `dvc` takes only names of the shape `XX/rest` for objects."""
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
        last: when the last of those that wait was condemned.
    """

    due: dict[Object, float] = field(default_factory=dict)
    waiting: dict[Object, float] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    last: float = 0.0

    @classmethod
    def read(cls, remote: Remote, prefix: str, before: float = 0.0) -> "Condemned":
        """What is condemned; what was so before a time (seconds since the epoch) is due.

        Raises:
            FormatError: an object that says it is damaged.
            RemoteError: as `Remote.list`.
        """
        found = cls()
        for info, names in condemnations(remote, prefix + FOLDER):
            due = 0 < info.modified <= before
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


def known(remote: Remote, prefix: str) -> Mapping[Object, float]:
    """What is condemned and when, for whoever counts on objects; where nobody may list, nobody collects. Raises as `Condemned.read`."""
    try:
        return Condemned.read(remote, prefix).waiting
    except (Unsupported, AccessDenied):
        return {}


def add(remote: Remote, prefix: str, objects: Iterable[Stored], now: float) -> None:
    """Condemn objects. Raises RemoteError."""
    condemn(remote, (_name(one.digest, one.is_tree) for one in objects), now, prefix + FOLDER)


def fallen(some: Sequence[Stored], condemned: Mapping[Object, float]) -> list[Stored]:
    """Those of some objects that were condemned and not put again since."""
    return [one for one in some if 0 < one.modified < condemned.get(one[:2], 0.0)]


def _name(digest: Digest, is_tree: bool) -> bytes:
    return bytes((digest.algorithm, is_tree)) + _ZERO + digest.value


def _object(name: bytes) -> Object | None:
    """None: of a kind that is not known here."""
    algorithm, is_tree = name[0], name[1]
    if algorithm not in (Algorithm.MD5, Algorithm.MD5_DOS2UNIX) or is_tree > 1:
        return None
    return Digest(Algorithm(algorithm), name[16:]), bool(is_tree)
