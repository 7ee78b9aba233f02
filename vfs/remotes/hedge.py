"""Asks once more, on another connection, for what takes longer than nearly all of its kind.

Purpose: one connection in a hundred that stalls would hold up a reader for as long as it likes; here it costs one more request.
Rules:
  * GET, HEAD and the pages of listings only, which change nothing; decided by `vfs.core.hedging`, raced by `vfs.remotes.racing`;
  * a body that stalls is gone on with from the byte it stands at, pinned by version and ETag. Between the one's last byte and the
    other's first there is neither a gap nor a doublet: what the second one brings again is read and dropped, and counted as wasted;
  * the wrapper lies inside the limit of requests: a race holds one slot, and the seconds that a request waits for a slot are
    nobody's lateness. Second requests have slots of their own, a quarter as many.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from vfs.core.hedging import Kind, size_class
from vfs.errors import RemoteUnavailable
from vfs.remotes.base import Ask, Body, ObjectInfo, Remote, Writable, once
from vfs.remotes.cancel import CURRENT, Cancel
from vfs.remotes.racing import Hedges, Race
from vfs.remotes.wrapper import WrappedBody, Wrapper

T = TypeVar("T")

STRETCH = 256 << 10
"""Bytes of a body that are waited for as one; a connection that drips is late although something comes."""

_HEAD, _PAGE = Kind("head"), Kind("page")


class HedgeRemote(Wrapper):
    """The hedging wrapper.

    Args:
        inner: the remote.
        hedges: how many and when.
        jobs: parallel requests of `heads`.
    """

    def __init__(self, inner: Remote, hedges: Hedges, *, jobs: int = 16) -> None:
        super().__init__(inner, jobs=jobs)
        self._hedges = hedges

    def get(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        version: str = "",
        etag: str = "",
    ) -> Body:
        """As `Remote.get`."""

        def work() -> Body:
            return self._inner.get(key, start, length, version=version, etag=etag)

        body = _first(
            self._hedges, Kind("get", size_class(length)), work, lambda late: late.close()
        )

        def rest(skip: int, left: int, pinned: str) -> Body:
            return self._inner.get(key, start + skip, left, version=version, etag=pinned)

        return _HedgedBody(self._hedges, body, start, length, etag, rest, f"{self.url}: {key}")

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        return _first(
            self._hedges, _HEAD, lambda: self._inner.head(key, version=version), lambda _: None
        )

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`; a page that is late is asked for again."""

        def first(request: Callable[[], T]) -> T:
            return _first(self._hedges, _PAGE, request, lambda _: None)

        return self._inner.list(
            prefix, after=after, ask=lambda request: ask(lambda: first(request))
        )


def _first(hedges: Hedges, kind: Kind, work: Callable[[], T], discard: Callable[[T], object]) -> T:
    """The first answer to a request that is perhaps sent twice."""
    cancel = Cancel()
    race = Race(hedges, kind, work, cancel.cancel, discard)
    token = CURRENT.set(cancel)
    hedges.asked()
    started = hedges.clock()
    race.wait()
    try:
        found = work()
    except RemoteUnavailable:
        if (won := race.failed()) is None:
            raise
        return won
    except BaseException:
        if (won := race.first()) is not None:
            discard(won)
        raise
    finally:
        race.pause()
        CURRENT.reset(token)
    if (won := race.first()) is not None:
        discard(found)
        return won
    hedges.took(kind, hedges.clock() - started)
    return found


class _HedgedBody(WrappedBody):
    """A body whose stalls are raced."""

    def __init__(
        self,
        hedges: Hedges,
        body: Body,
        start: int,
        length: int | None,
        etag: str,
        rest: Callable[[int, int, str], Body],
        where: str,
    ) -> None:
        super().__init__(body)
        self._pinned = body.etag or etag
        self._hedges = hedges
        self._rest = rest
        self._where = where
        end = self.size if length is None else min(self.size, start + length)
        self._left = max(end - start, 0)
        self._done = 0
        self._skip = 0
        self._race: Race[Body] | None = None
        self._asked = 0  # where the second request of this stretch begins
        self._moved = 0
        self._waited = 0.0

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        view = memoryview(buffer)[: self._left]
        while len(view):
            race = self._race or self._begin()
            try:
                count = self._read(race, view)
            except RemoteUnavailable:
                won = None if self._closed else race.failed()
                if won is None:
                    raise
                self._go_on(won)
                continue
            except BaseException:
                self._end_race()
                raise
            self._count(race, count)
            if count:
                return count
        return 0

    def close(self) -> None:
        """As `Body.close`."""
        self._closed = True  # before a race ends, whose answer would be gone on with
        self._end_race()
        super().close()

    def _begin(self) -> Race[Body]:
        """The next stretch."""
        done, left = self._done, self._left
        kind = Kind("rest", size_class(min(left, STRETCH)))
        body = self._body
        race = Race(
            self._hedges,
            kind,
            lambda: self._rest(done, left, self._pinned),
            body.close,
            lambda late: late.close(),
        )
        self._race, self._asked = race, done
        self._moved, self._waited = 0, 0.0
        return race

    def _read(self, race: Race[Body], view: memoryview) -> int:
        """Some bytes; 0 if they were only skipped."""
        started = self._hedges.clock()
        race.wait(self._waited)
        try:
            if self._skip:
                dropped = self._body.readinto(bytearray(min(self._skip, STRETCH)))
                self._skip -= dropped
                self._hedges.statistics.wasted(dropped)
                count = 0
            else:
                dropped = count = self._body.readinto(view)
        finally:
            race.pause()
            self._waited += self._hedges.clock() - started
        if not dropped:
            raise RemoteUnavailable(f"{self._where}: the stream ended early")
        return count

    def _count(self, race: Race[Body], count: int) -> None:
        """Bytes have come: whether that ends the stretch, or somebody else goes on with it."""
        self._done += count
        self._left -= count
        self._moved += count
        if (won := race.won()) is not None:
            self._go_on(won)
        elif self._moved >= STRETCH or not self._left:
            self._race = None
            if (won := race.first()) is not None:
                self._go_on(won)
            else:
                self._hedges.took(race.kind, self._waited)

    def _go_on(self, body: Body) -> None:
        """Go on with the second request's answer."""
        self._race = None
        if body.size != self.size or not self._left:
            body.close()
            if self._left:
                raise RemoteUnavailable(f"{self._where}: its size changed while it was read")
            return
        self._body.close()
        self._body = body
        self._skip = self._done - self._asked
        if self._closed:
            body.close()

    def _end_race(self) -> None:
        race, self._race = self._race, None
        if race is not None and (won := race.first()) is not None:
            won.close()
