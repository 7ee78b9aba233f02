"""The bytes of one HTTP GET, checked against what was promised."""

import http.client

from vfs.errors import RemoteUnavailable
from vfs.remotes.answers import translate_transport
from vfs.remotes.base import ClosingBody, Writable
from vfs.remotes.http import HttpResponse
from vfs.remotes.ranges import Plan

_SCRATCH = 1 << 20


class HttpBody(ClosingBody):
    """A body that gives exactly `plan.take` bytes or raises.

    Invariants: the connection goes back as soon as the last byte was read; a stream that ends
    early is an error.
    """

    def __init__(self, response: HttpResponse, plan: Plan, etag: str, where: str) -> None:
        self.size = plan.size
        self.etag = etag
        self._response = response
        self._skip = plan.skip
        self._left = plan.take
        self._where = where
        if not plan.take:
            response.close()

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        view = memoryview(buffer)[: self._left]
        if not view:
            return 0
        try:
            if self._skip:
                self._skip_unwanted()
            count = self._response.readinto(view)
        except (OSError, http.client.HTTPException) as error:
            self._response.close()
            raise translate_transport(error, self._where) from error
        if not count:
            raise self._cut()
        self._left -= count
        if not self._left:
            self._response.close()
        return count

    def close(self) -> None:
        """As `Body.close`."""
        self._response.close()

    def _skip_unwanted(self) -> None:
        scratch = memoryview(bytearray(min(self._skip, _SCRATCH)))
        while self._skip:
            count = self._response.readinto(scratch[: self._skip])
            if not count:
                raise self._cut()
            self._skip -= count

    def _cut(self) -> RemoteUnavailable:
        self._response.close()
        return RemoteUnavailable(f"{self._where}: the answer ended {self._left} bytes early")


class EmptyBody(ClosingBody):
    """A range without bytes."""

    def __init__(self, size: int, etag: str) -> None:
        self.size = size
        self.etag = etag

    def readinto(self, buffer: Writable, /) -> int:
        """Always the end."""
        return 0

    def close(self) -> None:
        """Nothing to do."""
