"""Bodies over bytes and files of this machine (`vfs.transfer.Body`)."""

import os
from types import TracebackType
from typing import Self

from vfs.errors import RemoteUnavailable


class _Closing:
    """The context manager of a body."""

    def close(self) -> None:
        """Nothing to give back."""

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


class BytesBody(_Closing):
    """A range of bytes in memory."""

    etag = ""

    def __init__(self, data: bytes, start: int, length: int) -> None:
        self.size = len(data)
        self._rest = memoryview(data)[start : start + length]

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Copy what fits; 0 at the end."""
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class FileBody(_Closing):
    """A range of an open file; owns the descriptor."""

    etag = ""

    def __init__(self, descriptor: int, size: int, start: int, length: int) -> None:
        self.size = size
        self._descriptor = descriptor
        self._position = start
        self._end = min(size, start + length)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Read what fits; 0 at the end.

        Raises:
            RemoteUnavailable: the disk failed, or the file became shorter.
        """
        wanted = min(len(buffer), self._end - self._position)
        if wanted <= 0 or self._descriptor < 0:
            return 0
        try:
            count = os.preadv(self._descriptor, [memoryview(buffer)[:wanted]], self._position)
        except OSError as error:
            raise RemoteUnavailable(f"a local file cannot be read: {error.strerror}") from error
        if count == 0:
            raise RemoteUnavailable("a local file became shorter while it was read")
        self._position += count
        return count

    def close(self) -> None:
        """Close the file; may be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
