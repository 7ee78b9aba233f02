"""The helper itself: hears daemons on a socket, and makes and takes down their mounts.

Rule: one thread, one request at a time, each a few system calls. Who asks is the kernel's word (`SO_PEERCRED`). A mount lives as long as the
connection over which it was asked for; what breaks the protocol is answered by an error and concerns its connection alone.
"""

import contextlib
import os
import selectors
import socket
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vfs.control.protocol import (
    HEADER,
    Failure,
    Result,
    decode_request,
    encode_reply,
    failure_of,
)
from vfs.control.registry import socket_address
from vfs.errors import AccessDenied, DaemonError, MountPointRefused, UsageError, VfsError
from vfs.fuse.tuning import tune
from vfs.fuse_helper.orders import (
    MOST_BACKGROUND,
    MOST_READ_AHEAD,
    PACKET,
    Policy,
    bounded,
    flag,
    order,
)
from vfs.fuse_helper.points import Made, Points

MOST_CLIENTS: Final = 256
MOST_OF_ONE: Final = 64
"""Connections of one user."""

_CREDENTIALS: Final = struct.Struct("3i")  # `struct ucred` of unix(7)

Say = Callable[[str], None]


def listen(path: Path) -> socket.socket:
    """A socket at `path`, in place of one that nobody listens to any more; all users may connect, few are heard.

    Raises:
        DaemonError: another helper listens there, or it cannot be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with socket_address(path) as address:
            if path.is_socket() and _answers(address):
                raise DaemonError(f"{path}: another helper listens here")
            path.unlink(missing_ok=True)
            listening.bind(address)
        path.chmod(0o666)
        listening.listen(MOST_OF_ONE)
    except OSError as error:
        listening.close()
        raise DaemonError(
            f"{path}: no socket can be made here: {error.strerror or error}",
            hint="name a path in a directory that exists and the daemons see as well",
        ) from error
    except BaseException:
        listening.close()
        raise
    return listening


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        try:
            other.connect(address)
        except OSError:
            return False
    return True


class Client:
    """One connection, and the mount that was made over it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        self.pid, self.uid, self.gid = _CREDENTIALS.unpack(raw)
        self.made: Made | None = None

    def __str__(self) -> str:
        return f"user {self.uid} (process {self.pid})"


class Server:
    """Serves until it is interrupted."""

    def __init__(self, listening: socket.socket, points: Points, policy: Policy, say: Say) -> None:
        """`say` is told of every mount and refusal."""
        self._listening = listening
        self._points = points
        self._policy = policy
        self._say = say
        self._selector = selectors.DefaultSelector()
        self._clients: dict[socket.socket, Client] = {}
        self._verbs = {
            "check": self._check,
            "mount": self._mount,
            "tune": self._tune,
            "unmount": self._unmount,
        }

    def run(self) -> None:
        """Never returns; what is mounted when it is interrupted stays, and so do its daemons."""
        self._listening.setblocking(False)
        self._selector.register(self._listening, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listening:
                    self._accept()
                else:
                    self._hear(self._clients[key.fileobj])  # type: ignore[index]  # ours are sockets

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # it has left already, or there are too many descriptors in use
            return
        connection.setblocking(False)
        client = Client(connection)
        try:
            self._admit(client)
        except VfsError as error:
            self._say(f"refused {client}: {error}")
            self._turn_away(client, failure_of(error))
            return
        self._clients[connection] = client
        self._selector.register(connection, selectors.EVENT_READ)

    def _turn_away(self, client: Client, failure: Failure) -> None:
        """Answer and close. What was sent must have been read: closing would tell of a reset instead of the answer."""
        with client.connection as connection, contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)  # nothing more arrives
            with contextlib.suppress(BlockingIOError):
                while connection.recv(PACKET):
                    pass
            self._send(client, failure)

    def _admit(self, client: Client) -> None:
        if client.uid not in self._policy.uids:
            raise AccessDenied(
                f"the helper makes no mounts for user {client.uid}",
                hint=f"start it with --uid {client.uid}",
            )
        of_one = Counter(other.uid for other in self._clients.values())[client.uid]
        if of_one >= MOST_OF_ONE or len(self._clients) >= MOST_CLIENTS:
            raise DaemonError("the helper has too many clients", hint="end some mounts first")

    def _hear(self, client: Client) -> None:
        try:
            packet = client.connection.recv(PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._gone(client)
            return
        outcome, descriptor = self._outcome(client, packet)
        if isinstance(outcome, Failure):
            self._say(f"refused {client}: {outcome.message}")
        sent = self._send(client, outcome, descriptor)
        if descriptor >= 0:
            os.close(descriptor)
        if not sent:
            self._gone(client)

    def _outcome(self, client: Client, packet: bytes) -> tuple[Result | Failure, int]:
        """What a request ends with, and the descriptor to go with it or -1."""
        try:
            request = decode_request(packet[HEADER:])
            verb = self._verbs.get(request.verb)
            if verb is None:
                raise UsageError(f"unknown request {request.verb[:40]!r}")
            return verb(client, request.args)
        except VfsError as error:
            return failure_of(error), -1
        except OSError as error:
            return failure_of(DaemonError(f"the helper failed: {error}")), -1

    def _send(self, client: Client, outcome: Result | Failure, descriptor: int = -1) -> bool:
        """False if the client is gone, or does not read what it asked for."""
        descriptors = [descriptor] if descriptor >= 0 else []
        try:
            socket.send_fds(client.connection, [encode_reply(outcome)], descriptors)
        except OSError:
            return False
        return True

    def _gone(self, client: Client) -> None:
        """A connection ended: so does its mount."""
        self._selector.unregister(client.connection)
        del self._clients[client.connection]
        client.connection.close()
        if client.made is not None:
            try:
                self._points.unmount(client.made, lazy=True)
                self._say(f"{client} is gone: took down {_place(client.made)}")
            except (VfsError, OSError) as error:
                self._say(f"{client} is gone, its mount is left: {error}")

    # -- verbs ---------------------------------------------------------------------------------------

    def _check(self, client: Client, args: dict[str, Any]) -> tuple[Result, int]:
        self._points.check(order(args, self._policy))
        return Result({}), -1

    def _mount(self, client: Client, args: dict[str, Any]) -> tuple[Result, int]:
        if client.made is not None:
            raise UsageError("there is a mount of this connection already")
        made, descriptor = self._points.mount(order(args, self._policy), client.uid, client.gid)
        client.made = made
        self._say(f"mounted {_place(made)} for {client}")
        return Result({}), descriptor

    def _tune(self, client: Client, args: dict[str, Any]) -> tuple[Result, int]:
        read_ahead = bounded(args, "read_ahead", MOST_READ_AHEAD)
        background = bounded(args, "max_background", MOST_BACKGROUND)
        tuning = tune(_own(client).device, read_ahead, background)
        return Result(tuning._asdict()), -1

    def _unmount(self, client: Client, args: dict[str, Any]) -> tuple[Result, int]:
        made = _own(client)
        self._points.unmount(made, lazy=flag(args, "lazy"))
        client.made = None
        self._say(f"took down {_place(made)} for {client}")
        return Result({}), -1


def _own(client: Client) -> Made:
    if client.made is None:
        raise MountPointRefused("there is no mount of this connection")
    return client.made


def _place(made: Made) -> str:
    return ascii(os.fsdecode(os.path.join(made.order.directory, made.order.name)))


def remove(path: Path) -> None:
    """The socket of a helper that ends."""
    with contextlib.suppress(OSError):
        path.unlink()
