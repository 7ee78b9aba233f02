"""Which files somebody opens, as the kernel tells it (inotify)."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_OPEN = 0x20
_ISDIR = 0x40000000
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def opened_files(directory: bytes) -> Iterator[list[bytes]]:
    """Names of the files below a directory that were opened; filled at the end."""
    opened: list[bytes] = []
    descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        watches: dict[int, bytes] = {}
        for path, _, _ in os.walk(directory):
            watches[_libc.inotify_add_watch(descriptor, path, _OPEN)] = path
        assert -1 not in watches
        yield opened
        while True:
            try:
                data = os.read(descriptor, 1 << 20)
            except BlockingIOError:
                break
            while data:
                watch, mask, _, length = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0")
                if not mask & _ISDIR:
                    opened.append(os.path.relpath(os.path.join(watches[watch], name), directory))
                data = data[_EVENT.size + length :]
    finally:
        os.close(descriptor)
