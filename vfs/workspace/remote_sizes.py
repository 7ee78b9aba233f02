"""Sizes that one remote knows: HEAD requests while they are few, else one LIST of the layout's prefix when that takes fewer round trips.

Rule: every answer is a sign of life of the remote, and what one object or prefix is refused spoils no other.
"""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice

from vfs.catalog import Catalog
from vfs.core.ranges import LARGEST
from vfs.errors import AccessDenied, ContentMismatch, RemoteError, Unsupported
from vfs.formats.hashing import believable
from vfs.formats.layout import object_path
from vfs.remotes import Remote
from vfs.remotes.bulk import in_threads
from vfs.types import Algorithm, Digest
from vfs.workspace.patience import Patience
from vfs.workspace.pointers import Progress
from vfs.workspace.session import Session
from vfs.workspace.stores import RemoteRef

MOST_HEADS = 500
"""Up to so many unknown sizes, HEAD requests are cheaper than finding out what is."""
LIST_PAGE = 1000
_LEARN = 16_384
_NAME_LENGTH = 33  # two hexadecimal digits, a slash, thirty more

Found = Iterator[tuple[bytes, int]]


class Taking:
    """Learns sizes as they come. One that is left behind with its request learns on, and touches `unknown` no more.

    Attributes:
        algorithm: of all digests.
        unknown: digest values whose size is wanted; emptied.
    """

    def __init__(
        self,
        catalog: Catalog,
        algorithm: Algorithm,
        unknown: set[bytes],
        time: int,
        progress: Progress,
        where: str = "",
    ) -> None:
        """`where` names the place that is asked."""
        self._where = where
        self._catalog = catalog
        self.algorithm = algorithm
        self.unknown = unknown
        self._time = time
        self._progress = progress
        self._total = len(unknown)
        self._left = False
        self._guard = threading.Lock()
        self._refusals: list[RemoteError] = []

    def again(self, where: str) -> "Taking":
        """For another request, or another place."""
        made = Taking(
            self._catalog, self.algorithm, self.unknown, self._time, self._progress, where
        )
        made._total = self._total
        return made

    def all(self, found: Found) -> None:
        """Learn what comes; what came before an error too."""
        part: list[tuple[bytes, int]] = []
        try:
            for each in found:
                part.append(each)
                if len(part) >= _LEARN:
                    self._learn(part)
                    part = []
        finally:
            self._learn(part)

    def refuse(self, error: RemoteError) -> None:
        """One object or prefix is refused for good."""
        self._refusals.append(error)

    def refused(self) -> RemoteError | None:
        """The first refusal, and how many there were."""
        if len(self._refusals) <= 1:
            return self._refusals[0] if self._refusals else None
        first = self._refusals[0]
        more = f"{first.message} (and {len(self._refusals) - 1} more like it)"
        return type(first)(more, hint=first.hint)

    def leave(self) -> None:
        """Nobody waits for the request any more."""
        with self._guard:
            self._left = True

    def close(self) -> None:
        """Nothing to give back (`Patience.ask`)."""

    def _learn(self, part: list[tuple[bytes, int]]) -> None:
        algorithm = self.algorithm
        part = [each for each in part if each[1] or self._may_be_empty(Digest(algorithm, each[0]))]
        part = [each for each in part if each[1] <= LARGEST]  # others would be kept for ever
        if not part:
            return
        self._catalog.learn([(Digest(algorithm, value), size, self._time) for value, size in part])
        with self._guard:
            if not self._left:
                self.unknown.difference_update([value for value, _ in part])
                self._progress("sizes", self._total - len(self.unknown), self._total)

    def _may_be_empty(self, digest: Digest) -> bool:
        """Whether the digest names nothing; else the object was cut off, which is told and no size."""
        if believable(digest, 0):
            return True
        self.refuse(
            ContentMismatch(
                f"{self._where}: the object {object_path(digest)} is empty, it was cut off"
            )
        )
        return False


def take(
    remote: Remote, ref: RemoteRef, taking: Taking, patience: Patience, session: Session
) -> Taking:
    """Ask a remote for all unknown sizes.

    Raises:
        RemoteUnavailable: no answer in time; what came before is learned.
        VfsError: as the remote answered.
    """
    asker = _Asker(remote, ref, taking, patience)
    if len(taking.unknown) <= MOST_HEADS or not asker.listing_pays():
        taking.all(asker.heads())
    else:
        taking.all(asker.listed(max(1, min(8, session.settings.jobs))))
    return taking


class _Asker:
    def __init__(self, remote: Remote, ref: RemoteRef, taking: Taking, patience: Patience) -> None:
        self._remote = remote
        self._ref = ref
        self._taking = taking
        self._algorithm = taking.algorithm
        self._patience = patience

    def heads(self) -> Found:
        """One by one."""
        prefix, algorithm = self._ref.prefix, self._algorithm
        keys = {prefix + object_path(Digest(algorithm, v)): v for v in self._taking.unknown}
        names = sorted(keys)
        for start in range(0, len(names), LIST_PAGE):
            for key, answer in self._remote.heads(names[start : start + LIST_PAGE]):
                self._patience.alive(self._ref)
                if isinstance(answer, RemoteError):
                    self._taking.refuse(answer)
                elif answer is not None:
                    yield keys[key], answer.size

    def listing_pays(self) -> bool:
        """Whether a LIST of everything takes fewer round trips than HEADs; looks at 1/256 of it. It may be forbidden, or impossible (plain HTTP)."""
        sample = self._ref.prefix + _prefixes(self._algorithm)[0]
        try:
            seen = sum(1 for _ in islice(self._remote.list(sample), LIST_PAGE))
        except (AccessDenied, Unsupported):
            return False
        pages = (
            max(256, seen * 256 // LIST_PAGE)
            if seen >= LIST_PAGE // 4
            else 1 + seen * 256 // LIST_PAGE
        )
        return pages <= len(self._taking.unknown)

    def listed(self, jobs: int) -> Found:
        """From a LIST, one request chain per two-digit prefix, several at once."""
        for _, part in in_threads(self._below, _prefixes(self._algorithm), jobs):
            yield from part

    def _below(self, prefix: str) -> list[tuple[bytes, int]]:
        head = len(self._ref.prefix) + len(_head(self._algorithm))
        found: list[tuple[bytes, int]] = []
        infos = self._remote.list(self._ref.prefix + prefix)
        try:
            while page := [info[:2] for info in islice(infos, LIST_PAGE)]:
                self._patience.alive(self._ref)
                found += _matching(page, head, self._taking.unknown)
        except RemoteError as error:
            if error.retryable:
                raise
            self._taking.refuse(error)
        return found


def _prefixes(algorithm: Algorithm) -> list[str]:
    return [f"{_head(algorithm)}{number:02x}/" for number in range(256)]


def _head(algorithm: Algorithm) -> str:
    return "files/md5/" if algorithm is Algorithm.MD5 else ""


def _matching(
    infos: Iterable[tuple[str, int]], head: int, unknown: set[bytes]
) -> list[tuple[bytes, int]]:
    """Those of the listed objects that are wanted; a key is `ab/cdef…` behind `head` characters.

    By hand, not by `parse_object_path`: a listing may have millions of keys.
    """
    found = []
    for key, size in infos:
        if len(key) == head + _NAME_LENGTH and key[head + 2] == "/":
            name = key[head : head + 2] + key[head + 3 :]
            try:
                value = bytes.fromhex(name)
            except ValueError:
                continue
            if value in unknown and name == name.lower():
                found.append((value, size))
    return found
