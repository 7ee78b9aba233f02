"""No more than so many requests of one remote at a time.

Rule: a body holds its slot from the request until its last byte, an error, or `close`. Waiting for
a slot is first come, first served as far as threads are; it ends when the remote is closed.
"""

import threading
from collections.abc import Iterable
from typing import BinaryIO

from vfs.errors import RemoteUnavailable
from vfs.remotes.base import Body, ObjectInfo, Remote, Writable
from vfs.remotes.wrapper import WrappedBody, Wrapper


class LimitRemote(Wrapper):
    """The limiting wrapper; listings are not limited: pages come one by one, at the caller's pace.

    Args:
        inner: the remote.
        jobs: requests under way at the same time.
    """

    def __init__(self, inner: Remote, jobs: int) -> None:
        super().__init__(inner, jobs=jobs)
        self._slots = _Slots(jobs, inner.url)

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
        self._slots.take()
        try:
            body = self._inner.get(key, start, length, version=version, etag=etag)
        except BaseException:
            self._slots.give()
            raise
        return _SlotBody(body, self._slots)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        with self._slots:
            return self._inner.head(key, version=version)

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        with self._slots:
            return self._inner.put(key, body, if_absent=if_absent)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`."""
        with self._slots:
            self._inner.delete(keys)

    def close(self) -> None:
        """As `Remote.close`."""
        self._slots.close()
        self._inner.close()


class _Slots:
    """A semaphore whose waiters can be sent home."""

    def __init__(self, count: int, label: str) -> None:
        self._free = count
        self._label = label
        self._closed = False
        self._changed = threading.Condition()

    def take(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._closed)
            if self._closed:
                raise RemoteUnavailable(f"{self._label}: the remote was closed")
            self._free -= 1

    def give(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *_: object) -> None:
        self.give()


class _SlotBody(WrappedBody):
    """A body that owns a slot."""

    def __init__(self, body: Body, slots: _Slots) -> None:
        super().__init__(body)
        self._slots: _Slots | None = slots
        self._lock = threading.Lock()

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        try:
            count = self._body.readinto(buffer)
        except BaseException:
            self.close()
            raise
        if not count and len(buffer):
            self.close()
        return count

    def close(self) -> None:
        """As `Body.close`."""
        with self._lock:
            slots, self._slots = self._slots, None
        try:
            super().close()
        finally:
            if slots is not None:
                slots.give()
