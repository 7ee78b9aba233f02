"""No more than so many bytes a second, of all that share a limit.

Rules:
  * each direction has the rate; a share of it is asked for before bytes are read or sent, a twentieth of a second's worth at most;
  * who waits goes by `vfs.core.turns`: demands, then read-ahead, then warm-up; in the order of asking among equals;
  * receive buffers of connections that are made under a limit are small: what the kernel takes in beyond what was read stays
    below a second's worth;
  * hashing, signing, retries of heads: nothing but bodies of objects is counted.
"""

import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import BinaryIO, Final, cast

from vfs.core.bucket import Bucket
from vfs.core.turns import TURN, Turn
from vfs.remotes.base import Answer, Body, Remote, Writable
from vfs.remotes.wrapper import WrappedBody, Wrapper

_SHARES: Final = 20  # of a second's worth
_SMALLEST: Final = 4 << 10  # bytes
_LOOK: Final = 0.5  # seconds between two looks whether anybody still wants it


class Throttle:
    """The limit of one direction; thread-safe.

    Args:
        rate: bytes a second.
        clock: monotonic seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._share = max(_SMALLEST, rate // _SHARES)
        self._clock = clock
        self._bucket = Bucket(rate, clock())
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, Turn]] = []
        self._numbers = itertools.count()

    def take(self, wanted: int, unwanted: Callable[[], bool] = lambda: False) -> int:
        """How many of `wanted` bytes may move, once any may; 0 if `unwanted` says meanwhile that none are wanted any more."""
        size = min(wanted, self._share)
        turn = TURN.get() or Turn()
        ticket = (next(self._numbers), turn)
        with self._changed:
            self._waiting.append(ticket)
            turn.held = True
            try:
                while not unwanted():
                    seconds = _LOOK
                    if min(self._waiting, key=_order) is ticket:
                        seconds = self._bucket.wait(self._clock(), size)
                        if not seconds:
                            self._bucket.take(size)
                            return size
                    self._changed.wait(min(seconds, _LOOK))
                return 0
            finally:
                turn.held = False
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def spend(self, size: int) -> None:
        """Return when so many bytes may have moved."""
        while size:
            size -= self.take(size)

    def give_back(self, size: int) -> None:
        """They did not move after all."""
        if size:
            with self._changed:
                self._bucket.give_back(size)
                self._changed.notify_all()


def _order(ticket: tuple[int, Turn]) -> tuple[int, int]:
    number, turn = ticket
    return turn.rank, number


class Bandwidth:
    """Limits of both directions, the narrowest of which counts.

    Args:
        rate: bytes a second, each way.
        within: a limit that is shared with others.
        jobs: connections at most.
    """

    def __init__(self, rate: int, within: "Bandwidth | None" = None, *, jobs: int = 16) -> None:
        self._down: tuple[Throttle, ...] = (Throttle(rate),)
        self._up: tuple[Throttle, ...] = (Throttle(rate),)
        if within is not None:
            self._down += within._down
            self._up += within._up
        self.rate = min(throttle.rate for throttle in self._down)
        self.buffer = max(_SMALLEST, self.rate // (4 * jobs))

    def receive(self, wanted: int, unwanted: Callable[[], bool]) -> int:
        """How many bytes may be read; 0 if none are wanted any more."""
        for number, throttle in enumerate(self._down):
            given = throttle.take(wanted, unwanted)
            for before in self._down[:number]:
                before.give_back(wanted - given)
            wanted = given
            if not given:
                break
        return wanted

    def received(self, unused: int) -> None:
        """Fewer came."""
        for throttle in self._down:
            throttle.give_back(unused)

    def send(self, size: int) -> None:
        """Return when so many bytes may be sent."""
        for throttle in self._up:
            throttle.spend(size)


LIMIT: Final[ContextVar[Bandwidth | None]] = ContextVar("limit", default=None)
"""What requests of this context keep to."""


@contextmanager
def _kept(limit: Bandwidth) -> Iterator[None]:
    token = LIMIT.set(limit)
    try:
        yield
    finally:
        LIMIT.reset(token)


def metered(body: bytes | BinaryIO) -> bytes | BinaryIO:
    """A body to be sent at the pace of this context's limit; the same if there is none."""
    limit = LIMIT.get()
    if limit is None or isinstance(body, Metered):
        return body
    return cast("BinaryIO", Metered(body, limit))


def sent(size: int) -> None:
    """Return when so many bytes may be sent in this context."""
    limit = LIMIT.get()
    if limit is not None:
        limit.send(size)


class Metered:
    """A file that is read no faster than its bytes may be sent."""

    def __init__(self, body: bytes | BinaryIO, limit: Bandwidth) -> None:
        self._file = io.BytesIO(body) if isinstance(body, bytes) else body
        self._limit = limit
        self._most = max(_SMALLEST, limit.rate // _SHARES)
        self.seek = self._file.seek
        self.tell = self._file.tell

    def read(self, size: int = -1) -> bytes:
        """Some bytes; b"" at the end."""
        data = self._file.read(self._most if size < 0 else min(size, self._most))
        self._limit.send(len(data))
        return data


def pieces(body: bytes | BinaryIO) -> bytes | BinaryIO | Iterator[bytes]:
    """As `metered`, for libraries that send what they iterate over as it comes, and would read a file in small pieces."""
    paced = metered(body)
    return paced if paced is body else iter(paced.read, b"")  # type: ignore[union-attr]


class BandwidthRemote(Wrapper):
    """The wrapper that keeps to a limit; outside of all others, since waiting here is nobody's fault."""

    def __init__(self, inner: Remote, limit: Bandwidth) -> None:
        super().__init__(inner)
        self._limit = limit
        self._closed = threading.Event()

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
        with _kept(self._limit):
            body = self._inner.get(key, start, length, version=version, etag=etag)
        return _PacedBody(body, self._limit, self._closed)

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`."""
        return self._inner.heads(keys)

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        with _kept(self._limit):
            return self._inner.put(key, body, if_absent=if_absent)

    def close(self) -> None:
        """As `Remote.close`."""
        self._closed.set()
        super().close()


class _PacedBody(WrappedBody):
    """A body that is read at the pace of a limit."""

    def __init__(self, body: Body, limit: Bandwidth, stopped: threading.Event) -> None:
        super().__init__(body)
        self._limit = limit
        self._stopped = stopped

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        view = memoryview(buffer)
        if not len(view):
            return 0
        given = self._limit.receive(len(view), self._is_unwanted)
        count = 0
        try:
            # Without a share it was closed, which the body says itself.
            with _kept(self._limit):
                count = self._body.readinto(view[: given or 1])
        finally:
            self._limit.received(max(0, given - count))
        return count

    def _is_unwanted(self) -> bool:
        return self._closed or self._stopped.is_set()
