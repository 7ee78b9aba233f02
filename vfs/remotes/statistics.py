"""What a remote was asked and how it answered: counts, bytes, errors, latencies.

Rule: measured next to the driver, so every attempt counts, waiting for a slot does not. Latency is
the time to the answer's head. What was given up because another connection was faster is no error.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, TypeVar

from vfs.errors import VfsError
from vfs.metrics import Distribution, Histogram
from vfs.remotes.base import Ask, Body, ObjectInfo, Remote, Writable, once
from vfs.remotes.cancel import is_cancelled
from vfs.remotes.wrapper import WrappedBody, Wrapper

T = TypeVar("T")


class RemoteStatistics(NamedTuple):
    """A moment's copy of the numbers.

    Attributes:
        requests: attempts that were begun.
        received: bytes of objects that came in.
        sent: bytes of objects that went out, where they are known.
        errors: failed attempts by `VfsError.code`.
        latency: seconds to the head of an answer, by percentile (50, 90, 99); 0 without data.
        answers: the same as a histogram.
        pending: requests that have no answer yet.
        hedges: second requests for what was late (`vfs.remotes.hedge`); counted among `requests` too.
        hedges_won: those whose answer came first.
        wasted: bytes, of those received, that were dropped because somebody else had brought them.
    """

    requests: int
    received: int
    sent: int
    errors: Mapping[str, int]
    latency: Mapping[int, float]
    answers: Distribution
    pending: int
    hedges: int = 0
    hedges_won: int = 0
    wasted: int = 0


class Statistics:
    """The collector; thread-safe.

    Attributes:
        pending: requests that were begun and have no answer yet.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._received = 0
        self._sent = 0
        self._errors: dict[str, int] = {}
        self._latency = Histogram()
        self._hedges = 0
        self._hedges_won = 0
        self._wasted = 0
        self.pending = 0

    def snapshot(self) -> RemoteStatistics:
        """The numbers now."""
        with self._lock:
            return RemoteStatistics(
                self._requests,
                self._received,
                self._sent,
                MappingProxyType(dict(self._errors)),
                MappingProxyType({p: self._latency.percentile(p) for p in (50, 90, 99)}),
                self._latency.distribution(),
                self.pending,
                self._hedges,
                self._hedges_won,
                self._wasted,
            )

    def began(self) -> None:
        """A request is sent."""
        with self._lock:
            self._requests += 1
            self.pending += 1

    def answered(self, seconds: float | None) -> None:
        """Its answer began, after so long (None: not measured)."""
        with self._lock:
            self.pending -= 1
            if seconds is not None:
                self._latency.add(seconds)

    def failed(self, error: VfsError) -> None:
        """It, or its body, failed."""
        with self._lock:
            self._errors[error.code] = self._errors.get(error.code, 0) + 1

    def hedged(self) -> None:
        """A second request is sent for the same."""
        with self._lock:
            self._hedges += 1

    def hedge_won(self) -> None:
        """Its answer came first."""
        with self._lock:
            self._hedges_won += 1

    def wasted(self, count: int) -> None:
        """Bytes were received that somebody else had brought."""
        with self._lock:
            self._wasted += count

    def moved(self, *, received: int = 0, sent: int = 0) -> None:
        """Payload bytes."""
        with self._lock:
            self._received += received
            self._sent += sent


class StatisticsRemote(Wrapper):
    """The measuring wrapper.

    Args:
        inner: the remote.
        statistics: where the numbers go.
        jobs: parallel requests of `heads`.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        inner: Remote,
        statistics: Statistics,
        *,
        jobs: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner, jobs=jobs)
        self._statistics = statistics
        self._clock = clock

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
        with self._measured():
            body = self._inner.get(key, start, length, version=version, etag=etag)
        return _CountingBody(body, self._statistics)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        with self._measured():
            return self._inner.head(key, version=version)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`; every page is a request."""

        def measured(request: Callable[[], T]) -> T:
            with self._measured():
                return request()

        return self._inner.list(
            prefix, after=after, ask=lambda request: ask(lambda: measured(request))
        )

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        with self._measured():
            stored = self._inner.put(key, body, if_absent=if_absent)
        if stored and isinstance(body, bytes):
            self._statistics.moved(sent=len(body))
        return stored

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`."""
        with self._measured():
            self._inner.delete(keys)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        self._statistics.began()
        started = self._clock()
        try:
            yield
        except VfsError as error:
            if not is_cancelled():
                self._statistics.failed(error)
            raise
        finally:
            self._statistics.answered(None if is_cancelled() else self._clock() - started)


class _CountingBody(WrappedBody):
    """A body whose bytes are counted."""

    def __init__(self, body: Body, statistics: Statistics) -> None:
        super().__init__(body)
        self._statistics = statistics

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        try:
            count = self._body.readinto(buffer)
        except VfsError as error:
            if not self._closed:
                self._statistics.failed(error)
            raise
        self._statistics.moved(received=count)
        return count
