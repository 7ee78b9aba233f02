"""The protocol that every remote speaks: a flat map of keys to immutable-ish objects.

Rules for every driver and wrapper:
  * *Blocking and thread-safe.* Any method may be called from any thread at any time; nothing here
    may run on an event loop.
  * *Idempotent.* Repeating any call is harmless, so that the retry wrapper may do it: objects of
    content-addressed layouts never change, `put` of the same bytes is the same object, `delete`
    of a missing key succeeds. The one exception is the answer of `put(if_absent=True)`: after a
    lost answer the second try finds its own object and says False.
  * *Errors* are of `vfs.errors` and nothing else; a foreign exception is translated in the driver.
    Messages name remote and key, never credentials.
  * *Cancellation.* `Body.close` and `Remote.close` may be called from another thread; a call that
    is waiting for bytes then ends soon with `RemoteUnavailable`.
  * *Untrusted.* What a server answers is checked (sizes, ranges, keys); a wrong answer is an error,
    never wrong bytes.

Keys are relative to the URL of the remote, `/`-separated, valid by `vfs.remotes.keys.check_key`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import BinaryIO, NamedTuple, Protocol, Self, TypeVar

from vfs.errors import RemoteError

Writable = bytearray | memoryview


class ObjectInfo(NamedTuple):
    """What a remote says of one object.

    Attributes:
        key: relative to the remote's URL.
        size: bytes.
        etag: opaque validator without quotes; "" if the remote has none.
        version: version id; "" if the remote keeps no versions.
        modified: seconds since the epoch when it was put, by the remote's clock; 0 if unknown. Every `list` of a remote
            that can be written to says it; `head` says it too, without the fraction where that is an HTTP header.
    """

    key: str
    size: int
    etag: str = ""
    version: str = ""
    modified: float = 0.0


Answer = ObjectInfo | RemoteError | None
"""What `Remote.heads` gives of one key."""

T = TypeVar("T")


class Ask(Protocol):
    """Makes a request that may be made several times: at once, again after a failure, or twice side by side."""

    def __call__(self, request: Callable[[], T], /) -> T:
        """The answer."""
        ...


def once(request: Callable[[], T], /) -> T:
    """The plainest `Ask`."""
    return request()


class RemoteSpec(NamedTuple):
    """A remote as configured.

    Attributes:
        name: for messages.
        url: absolute path or URL.
        options: DVC's option names and spellings; may hold secrets, so it is kept out of `repr`.
    """

    name: str
    url: str
    options: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"RemoteSpec(name={self.name!r}, options={sorted(self.options)})"


class Body(Protocol):
    """Bytes of one object, or of a range of it, as they arrive; owned by one reader."""

    @property
    def size(self) -> int:
        """Bytes of the whole object."""
        ...

    @property
    def etag(self) -> str:
        """Validator of the object; "" if unknown."""
        ...

    def readinto(self, buffer: Writable, /) -> int:
        """Fill `buffer` from its start and return how many bytes came; 0 is the end of the range.

        May return fewer bytes than fit. The sum over all calls is exactly the length of the
        range, cut at the end of the object; a shorter stream is an error, not an end.

        Raises:
            RemoteUnavailable: the stream broke, stalled, or was closed.
            ObjectChanged: it cannot be resumed, the object was replaced.
        """
        ...

    def close(self) -> None:
        """Give everything back; may be called twice, and from another thread."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class Remote(Protocol):
    """A place that holds objects."""

    @property
    def url(self) -> str:
        """Label for people and logs, free of credentials."""
        ...

    def prepare(self) -> None:
        """Get ready for the first request: load libraries, read credentials. Sends nothing to the remote.

        What fails is left for the first request to tell.
        """
        ...

    def get(
        self,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        version: str = "",
        etag: str = "",
    ) -> Body:
        """Begin to read `length` bytes at `start` (None: to the end).

        A range that reaches beyond the object is cut, one that begins behind its end is empty.
        One thread must not open a second body while it reads one: both may need the same slot.

        Args:
            key: the object.
            start: first byte.
            length: how many bytes.
            version: version id; "" is the current version.
            etag: the object must still have this validator.

        Raises:
            ObjectMissing: no such object or version.
            ObjectChanged: it has another validator than `etag`.
            AccessDenied: refused.
            RemoteUnavailable: no answer in time; may be repeated.
            RemoteError: any other refusal.
            UnsafePath: the key is not valid.
        """
        ...

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """Size and validators of one object; errors as in `get`."""
        ...

    def heads(self, keys: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        """`head` of many keys, in parallel, in any order.

        One key never spoils the others: what the remote refuses for good is that key's answer (None: no such object; else the
        error, such as AccessDenied). What says nothing of a key ends the run.

        Raises:
            RemoteUnavailable: no answer in time; what came before stands.
            UnsafePath: a key is not valid.
        """
        ...

    def list(self, prefix: str = "", *, after: str = "", ask: Ask = once) -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix`, page by page, in no order one may rely on.

        Each request, of which every one may be repeated, is made by `ask`; perhaps in other threads. `after` continues an interrupted listing behind that key; it needs a remote that lists
        in order of the UTF-8 bytes, as all of ours do. Names that are no valid keys are left out.
        """
        ...

    def put(self, key: str, body: bytes | BinaryIO, *, if_absent: bool = False) -> bool:
        """Store an object atomically: nobody ever sees a part of it.

        Args:
            key: the object.
            body: its bytes, or a file positioned at their start (repeated only if seekable).
            if_absent: leave an existing object alone. Where the server cannot decide that
                itself (501 to `If-None-Match`), it is a check and then a put: two racing writers
                may then both succeed, which is harmless for content-addressed keys.

        Returns:
            False if `if_absent` found an object, else True.
        """
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; missing ones are fine.

        Raises:
            RemoteError: some could not be removed; the message names the first of them.
        """
        ...

    def close(self) -> None:
        """Give connections back and end calls that wait; the remote is of no use afterwards."""
        ...


class ClosingBody(ABC):
    """The context manager of a body, from its `close`."""

    @abstractmethod
    def close(self) -> None:
        """As `Body.close`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        self.close()


def told(answer: Answer) -> ObjectInfo | None:
    """What an answer of `heads` says for a caller to whom a refusal is an error.

    Raises:
        RemoteError: the remote refused to tell.
    """
    if isinstance(answer, RemoteError):
        raise answer
    return answer


def read_body(body: Body, length: int) -> bytearray:
    """Exactly the rest of a body whose range holds `length` bytes at most; closes it."""
    data = bytearray(length)
    view = memoryview(data)
    done = 0
    with body:
        while done < length and (count := body.readinto(view[done:])):
            done += count
    return (
        data if done == length else data[:done]
    )  # not cut: a failed attempt may still hold a part of it
