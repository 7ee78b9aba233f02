"""Places: where the bytes of one blob may come from.

Rule: the fetcher knows places only by these protocols. The methods block and are called in worker threads, several at
a time; they raise `vfs.errors` classes and nothing else. Retries, backoff and time-outs are inside them.
"""

from collections.abc import Callable, Hashable, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeAlias, runtime_checkable

from vfs.types import Blob

Buffer: TypeAlias = bytes | bytearray | memoryview


class Body(Protocol):
    """The bytes of one answer, read once, front to back.

    Attributes:
        size: bytes of the whole object (not of the range), negative if the place does not say.
        etag: names the version of the object; empty if the place has no such thing.
    """

    @property
    def size(self) -> int:
        """See the class."""

    @property
    def etag(self) -> str:
        """See the class."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`; the count of bytes, 0 at the end of the range."""

    def close(self) -> None:
        """Let go of the connection; allowed at any time, also half-way."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


class Place(Protocol):
    """One place a blob may come from.

    Attributes:
        label: its name for people, without credentials; places with one label share `transfer.jobs` slots.
        where: for messages: the label, and under which name the blob lies at which address.
        local: whether it is on this machine (asked before all others).
    """

    @property
    def label(self) -> str:
        """See the class."""

    @property
    def where(self) -> str:
        """See the class."""

    @property
    def local(self) -> bool:
        """See the class."""

    def open_file(self) -> int | None:
        """A descriptor, owned by the caller, of a plain file that holds exactly the blob; None if there is none."""

    def is_here(self) -> bool:
        """Whether all of the blob can be read without the network."""

    def get(self, start: int, length: int, *, etag: str = "") -> Body:
        """`length` bytes from `start`, in one request.

        Args:
            start: offset in the blob, bytes.
            length: bytes, at least 1.
            etag: if not empty, the answer must be of this version (If-Match).

        Raises:
            ObjectMissing, AccessDenied, RemoteUnavailable: as the place answered (or did not).
            ObjectChanged: `etag` is no longer the version of the object.
        """


class Companion(NamedTuple):
    """A blob that came along.

    Attributes:
        blob: which one.
        read: its bytes, which nobody has compared with its digest; raises VfsError if they cannot be used.
    """

    blob: Blob
    read: Callable[[], Buffer]


@runtime_checkable
class Generous(Protocol):
    """A place whose answers bring more than was asked for."""

    def parcel(self) -> Hashable:
        """Names what comes with an answer: blobs with the same come together. None: it comes alone. As blocking as an answer.

        Raises:
            VfsError: it cannot be found out.
        """

    def companions(self, most: int) -> Sequence[Companion]:
        """Other small blobs that came with an answer, those next to it first; each for one caller only, however many ask at once.

        Args:
            most: bytes that they have together at most, as files.

        Raises:
            VfsError: what came cannot be used.
        """


@runtime_checkable
class Continued(Protocol):
    """A body that need not bring what its end shares with a range that follows it.

    Attributes:
        followed: whether what lies behind is being fetched as well; asked at the first read, in its thread.
    """

    followed: Callable[[], bool]


PlacesOf: TypeAlias = Callable[[], Sequence[Place]]
"""Finds the places of a blob; may touch the disk, so it is called in a worker thread."""

Wanted: TypeAlias = tuple[Blob, PlacesOf]
"""A blob and where to get it."""
