"""Values from one process to another over a socket; `multiprocessing.connection` does as much, and takes a sixth of a child's start to load.

Rule: both ends are ours (a value is unpickled as it comes).
"""

import os
import pickle
from struct import Struct
from typing import Any, Final

_LENGTH: Final = Struct("<Q")


class Wire:
    """One end; each direction belongs to one thread."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor."""
        self._descriptor = descriptor

    def send(self, value: object) -> None:
        """Raises OSError: the other end is gone."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def receive(self) -> Any:
        """The next value. Raises EOFError: the other end is gone; OSError."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        left = memoryview(data)
        while left:
            count = os.readv(self._descriptor, [left])
            if not count:
                raise EOFError
            left = left[count:]
        return data
