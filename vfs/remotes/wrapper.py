"""A remote around another one, and a body around another one: everything is passed on; a subclass shows what it changes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from vfs.remotes.base import Answer, Ask, Body, ClosingBody, ObjectInfo, Remote, Writable, once
from vfs.remotes.bulk import heads_in_threads


class Wrapper:
    """See the module.

    Args:
        inner: the remote.
        jobs: parallel requests of `heads`.
    """

    def __init__(self, inner: Remote, *, jobs: int = 16) -> None:
        self._inner = inner
        self._jobs = jobs
        self.url = inner.url

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
        return self._inner.get(key, start, length, version=version, etag=etag)

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """As `Remote.head`."""
        return self._inner.head(key, version=version)

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """As `Remote.heads`, of this one's own `head`."""
        return heads_in_threads(self.head, keys, self._jobs)

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """As `Remote.list`."""
        return self._inner.list(prefix, after=after, ask=ask)

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """As `Remote.put`."""
        return self._inner.put(key, body, if_absent=if_absent)

    def delete(self, keys: Iterable[str]) -> None:
        """As `Remote.delete`."""
        self._inner.delete(keys)

    def prepare(self) -> None:
        """As `Remote.prepare`."""
        self._inner.prepare()

    def close(self) -> None:
        """As `Remote.close`."""
        self._inner.close()


class WrappedBody(ClosingBody):
    """See the module."""

    def __init__(self, body: Body) -> None:
        self.size = body.size
        self.etag = body.etag
        self._body = body
        self._closed = False

    def readinto(self, buffer: Writable, /) -> int:
        """As `Body.readinto`."""
        return self._body.readinto(buffer)

    def close(self) -> None:
        """As `Body.close`."""
        self._closed = True
        self._body.close()
