"""Repeats what failed for a passing reason, and resumes a body where it broke.

Rules:
  * only `RemoteUnavailable` is repeated; every other error is final;
  * a broken body goes on at the byte it stopped at, pinned by version and ETag to the object it
    began with: another object there is `ObjectChanged`, never a mixture;
  * attempts count per request, which a page of a listing is; for bodies, every further `PROGRESS` bytes buy one more, so a huge
    object may break often, but a stream that gets nowhere ends;
  * no slot of the concurrency limit is held while waiting (this wrapper is the outermost);
  * each failed attempt is told (`vfs.core.attempts`), so that who runs out of patience can say why,
    and none follows when nobody waits any more;
  * giving up is `RemoteUnavailable` naming remote, key, attempts and the last reason.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TypeVar

from vfs.core.attempts import attempt_failed
from vfs.errors import ObjectChanged, RemoteUnavailable
from vfs.log import about
from vfs.remotes.backoff import Backoff
from vfs.remotes.base import Ask, Body, ObjectInfo, Remote, Writable, once
from vfs.remotes.wrapper import WrappedBody, Wrapper

T = TypeVar("T")
PROGRESS = 4 << 20  # bytes of a body that buy one more attempt

log = logging.getLogger("vfs.remotes")


class RetryRemote(Wrapper):
    """The retrying wrapper.

    Args:
        inner: the remote that tries once.
        backoff: attempts and waits.
        jobs: parallel requests of `heads`.
        sleep: waits; the default ends early when the remote is closed.
        chance: uniform in [0, 1).
    """

    def __init__(
        self,
        inner: Remote,
        *,
        backoff: Backoff | None = None,
        jobs: int = 16,
        sleep: Callable[[float], object] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(inner, jobs=jobs)
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._chance = chance
        self.backoff = backoff or Backoff()

    def get(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        version: str = "",
        etag: str = "",
    ) -> Body:
        """As `Remote.get`; the body resumes by itself."""
        body = self.repeat(
            lambda: self._inner.get(key, start, length, version=version, etag=etag), key
        )
        return _ResumingBody(self, self._inner, body, key, start, length, version, etag)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        return self.repeat(lambda: self._inner.head(key, version=version), key)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`; every page is repeated for itself."""

        def repeated(request: Callable[[], T]) -> T:
            return self.repeat(request, prefix or "listing")

        return self._inner.list(
            prefix, after=after, ask=lambda request: ask(lambda: repeated(request))
        )

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`; a stream that cannot be rewound is sent once."""
        if isinstance(body, bytes):
            return self.repeat(lambda: self._inner.put(key, body, if_absent=if_absent), key)
        if not body.seekable():
            return self._inner.put(key, body, if_absent=if_absent)
        start = body.tell()

        def once() -> bool:
            body.seek(start)
            return self._inner.put(key, body, if_absent=if_absent)

        return self.repeat(once, key)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`."""
        batch = list(keys)
        self.repeat(lambda: self._inner.delete(batch), "deletion")

    def close(self) -> None:
        """As `Remote.close`; ends waits."""
        self._closed.set()
        super().close()

    def repeat(self, work: Callable[[], T], key: str) -> T:
        """`work` until it succeeds, fails for good, or the attempts are used up."""
        failed = 0
        while True:
            try:
                return work()
            except RemoteUnavailable as error:
                failed += 1
                self.wait(error, key, failed)

    def wait(self, error: RemoteUnavailable, key: str, failed: int, extra: int = 0) -> None:
        """Sleep before the next attempt.

        Args:
            error: of the attempt that failed.
            key: for messages.
            failed: attempts that failed in a row.
            extra: attempts earned by progress.

        Raises:
            RemoteUnavailable: there is no next attempt.
        """
        unwanted = attempt_failed(error)
        if unwanted or failed >= self.backoff.attempts + extra or self._closed.is_set():
            raise self._given_up(error, key, failed) from error
        delay = self.backoff.delay(
            min(failed, self.backoff.attempts), self._chance(), error.retry_after
        )
        log.info(
            "%s; attempt %d failed, next in %.2f s",
            error.message, failed, delay, extra=about(remote=self.url, key=key, attempt=failed),
        )  # fmt: skip
        self._sleep(delay)
        if self._closed.is_set():
            raise self._given_up(error, key, failed) from error

    def _given_up(self, error: RemoteUnavailable, key: str, failed: int) -> RemoteUnavailable:
        times = "1 attempt" if failed == 1 else f"{failed} attempts"
        final = RemoteUnavailable(
            f"{self.url}: {key}: given up after {times}: {error.message}", hint=error.hint
        )
        final.retry_after = error.retry_after
        return final


class _ResumingBody(WrappedBody):
    """A body that survives its connection."""

    def __init__(
        self,
        remote: RetryRemote,
        inner: Remote,
        body: Body,
        key: str,
        start: int,
        length: int | None,
        version: str,
        etag: str,
    ) -> None:
        super().__init__(body)
        self.etag = body.etag or etag
        self._remote = remote
        self._inner = inner
        self._key = key
        self._version = version
        end = self.size if length is None else min(self.size, start + length)
        self._position = start
        self._left = max(end - start, 0)
        self._received = 0
        self._failed = 0

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        view = memoryview(buffer)
        if not self._left or not len(view):
            return 0
        while True:
            try:
                return self._read(view)
            except RemoteUnavailable as error:
                self._body.close()
                if self._closed:
                    raise
                self._again(error)

    def _read(self, view: memoryview) -> int:
        count = self._body.readinto(view[: self._left])
        if not count:
            raise RemoteUnavailable(f"{self._remote.url}: {self._key}: the stream ended early")
        self._position += count
        self._left -= count
        self._received += count
        if not self._left:
            self._body.close()  # gives its slot to others at once
        return count

    def _again(self, error: RemoteUnavailable) -> None:
        """Open the rest, or raise."""
        while True:
            self._failed += 1
            self._remote.wait(error, self._key, self._failed, self._received // PROGRESS)
            try:
                body = self._inner.get(
                    self._key,
                    self._position,
                    self._left,
                    version=self._version,
                    etag=self.etag,
                )
            except RemoteUnavailable as again:
                error = again
                continue
            break
        self._body = body
        if self._closed:
            body.close()
            raise error
        if body.size != self.size:
            body.close()
            raise ObjectChanged(
                f"{self._remote.url}: {self._key}: its size changed while it was read"
            )
