"""Places that do what a test tells them: slow, broken, wrong, counted.

Rule: deterministic and without sleeps. A held place keeps its worker threads waiting until the test lets them go, and
`wait_for` lets a test wait (in a thread) until something has happened at the place.
"""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from vfs.errors import ObjectChanged, RemoteUnavailable, VfsError

PATIENCE = 30.0
"""Seconds after which a test that waits for a place has failed."""


class Request(NamedTuple):
    start: int
    length: int
    etag: str


class FaultyPlace:
    """A place with one object.

    Attributes:
        requests: every GET, in order.
        fail: called with each request's number (from 0) and the request; the error to raise, if any.
        break_at: called likewise; bytes after which the answer breaks off (None: never).
        chunk: most bytes of one `readinto`.
        here: whether it says that it has the blob on this machine.
        reported_size: what the answers say of the object's size (None: the truth).
    """

    def __init__(
        self,
        content: bytes,
        *,
        label: str = "remote",
        local: bool = False,
        etag: str = "v1",
    ) -> None:
        self.content = content
        self.label = label
        self.local = local
        self.etag = etag
        self.requests: list[Request] = []
        self.fail: Callable[[int, Request], VfsError | None] = lambda number, request: None
        self.break_at: Callable[[int, Request], int | None] = lambda number, request: None
        self.chunk = 1 << 16
        self.reported_size: int | None = None
        self.file: str | None = None
        self.here = local
        self.sent = 0
        self.open_bodies = 0
        self.most_bodies = 0
        self._holds: set[int] = set()
        self._hold_all = False
        self._stop_at: int | None = None
        self._changed = threading.Condition()

    # -- what tests do -----------------------------------------------------------------------------

    def hold(self) -> None:
        """Requests wait before their first byte."""
        with self._changed:
            self._hold_all = True

    def hold_at(self, offset: int) -> None:
        """Answers stop before this byte of the object."""
        with self._changed:
            self._stop_at = offset

    def release(self) -> None:
        """Everything held goes on."""
        with self._changed:
            self._hold_all = False
            self._stop_at = None
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """In a thread: until the condition on this place holds."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise AssertionError(f"not within {PATIENCE} s; requests: {self.requests}")

    def wait_requests(self, count: int) -> None:
        """In a thread: until that many GETs have begun."""
        self.wait_for(lambda: len(self.requests) >= count)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """(start, length) of every GET."""
        return [(request.start, request.length) for request in self.requests]

    @property
    def where(self) -> str:
        """Label and key."""
        return f"{self.label}: object"

    # -- Place -------------------------------------------------------------------------------------

    def open_file(self) -> int | None:
        return None if self.file is None else os.open(self.file, os.O_RDONLY)

    def is_here(self) -> bool:
        return self.here or self.file is not None

    def get(self, start: int, length: int, *, etag: str = "") -> "FaultyBody":
        request = Request(start, length, etag)
        with self._changed:
            number = len(self.requests)
            self.requests.append(request)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: not self._hold_all, PATIENCE):
                raise RemoteUnavailable(f"{self.label}: held for too long")
            error = self.fail(number, request)
            if error is None and etag and etag != self.etag:
                error = ObjectChanged(f"{self.label}: the object changed")
            if error is not None:
                raise error
            self.open_bodies += 1
            self.most_bodies = max(self.most_bodies, self.open_bodies)
        return FaultyBody(self, request, self.break_at(number, request))


class FaultyBody:
    """The answer to one request."""

    def __init__(self, place: FaultyPlace, request: Request, broken_after: int | None) -> None:
        self._place = place
        self._offset = request.start
        self._end = request.start + request.length
        if broken_after is not None:
            self._end = min(self._end, request.start + broken_after)
        self._breaks = broken_after is not None
        self._closed = False
        self.size = len(place.content) if place.reported_size is None else place.reported_size
        self.etag = place.etag

    def readinto(self, buffer: memoryview | bytearray, /) -> int:
        place = self._place
        with place._changed:
            if not place._changed.wait_for(self._may_go, PATIENCE):
                raise RemoteUnavailable(f"{place.label}: held for too long")
            if self._closed:
                raise RemoteUnavailable(f"{place.label}: closed")
            stop = min(self._end, self._offset + min(len(buffer), place.chunk))
            if place._stop_at is not None and self._offset < place._stop_at:
                stop = min(stop, place._stop_at)
            data = place.content[self._offset : stop]
            if not data and self._breaks:
                raise RemoteUnavailable(f"{place.label}: the connection broke")
            buffer[: len(data)] = data
            self._offset += len(data)
            place.sent += len(data)
            place._changed.notify_all()
        return len(data)

    def _may_go(self) -> bool:
        stop = self._place._stop_at
        return self._closed or stop is None or self._offset < stop or self._offset >= self._end

    def close(self) -> None:
        with self._place._changed:
            if not self._closed:
                self._closed = True
                self._place.open_bodies -= 1
                self._place._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.close()
