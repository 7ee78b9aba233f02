"""A daemon's end of the helper's socket.

Rule: the mount lives as long as this object, and no longer than this process; the kernel closes the connection however the process ends.
Thread-safe: requests go one after the other.
"""

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any, Final

from vfs.control.protocol import (
    HEADER,
    Failure,
    Request,
    Result,
    decode_reply,
    encode_request,
    error_of,
    path_fields,
)
from vfs.control.registry import socket_address
from vfs.errors import DaemonError, ProtocolError
from vfs.fuse_helper.orders import PACKET

_SECONDS: Final = 20.0
"""How long a helper may take for one answer."""


class Helper:
    """A connection to a helper, and the mount it made over it."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises DaemonError: nobody listens there."""
        self._path = path
        self._guard = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(_SECONDS)
        try:
            with socket_address(path) as address:
                self._connection.connect(address)
        except OSError as error:
            self._connection.close()
            raise DaemonError(
                f"no helper makes mounts at {path}: {error.strerror or error}",
                hint="start `vfs fuse-helper` there first, where it may mount",
            ) from error

    def check(self, mountpoint: Path, *, allow_other: bool) -> None:
        """Would it mount there? Raises VfsError: why not."""
        fields: dict[str, Any] = dict(path_fields(os.fsencode(mountpoint)))
        self._ask("check", fields | {"allow_other": allow_other})

    def mount(self, mountpoint: Path, source: str, *, allow_other: bool, noexec: bool) -> int:
        """Have a mount made; the descriptor to serve it by. Raises VfsError: it is not made."""
        fields: dict[str, Any] = dict(path_fields(os.fsencode(mountpoint)))
        fields |= {"source": source, "allow_other": allow_other, "noexec": noexec}
        _, descriptors = self._ask("mount", fields)
        if len(descriptors) != 1:
            raise DaemonError(f"the helper at {self._path} sent no descriptor")
        return descriptors[0]

    def tune(self, read_ahead: int, max_background: int) -> dict[str, Any]:
        """Raise the kernel's limits of the mount (`vfs.fuse.tuning.Tuning`). Raises VfsError."""
        data, _ = self._ask("tune", {"read_ahead": read_ahead, "max_background": max_background})
        return data

    def unmount(self, *, lazy: bool) -> None:
        """Take the mount down. Raises VfsError: it is busy, or the helper is gone."""
        self._ask("unmount", {"lazy": lazy})

    def close(self) -> None:
        """End the connection, and the mount with it."""
        with contextlib.suppress(OSError):
            self._connection.close()

    def _ask(self, verb: str, args: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        with self._guard:
            try:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    # a refusal may lie in the buffer already
                    self._connection.sendall(encode_request(Request(verb, args)))
                packet, descriptors, _, _ = socket.recv_fds(
                    self._connection, PACKET, 1, socket.MSG_CMSG_CLOEXEC
                )
            except OSError as error:
                raise self._lost(str(error.strerror or error)) from error
        if not packet:
            raise self._lost("it has ended")
        reply = decode_reply(packet[HEADER:])
        if isinstance(reply, Failure):
            raise error_of(reply)
        if not isinstance(reply, Result):
            raise ProtocolError("the helper sent a frame of unknown type")
        return reply.data, list(descriptors)

    def _lost(self, why: str) -> DaemonError:
        return DaemonError(
            f"the helper at {self._path} does not answer: {why}",
            hint=f"the mount goes on without it; `kill {os.getpid()}` ends its daemon, and a helper that is started there again takes it down",
        )
